// Tests of npm run compare, against emulators in place of a real resource.

import type { ServerResponse } from "node:http";
import { describe, expect } from "vitest";
import type { Request } from "./emulator/messages.ts";
import { type Emulator, startEmulator } from "./emulator/server.ts";
import { cases } from "./recorded-cases.ts";
import { test } from "./support/fixtures.ts";
import { hasSignals, root } from "./support/processes.ts";

/** A response that a change can alter before it is sent. */
interface Draft {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** Changes the response to the requests that match, and the line with which the comparison names the change. */
const changes: [matches: (request: Request) => boolean, change: (draft: Draft) => void, line: string][] = [
  [
    ({ path }) => path.endsWith(":revokeAccessTokens"),
    (draft) => (draft.status = 200),
    "differs  recorded  revoke: status 200 (emulator: 204)",
  ],
  [
    ({ body }) => body.includes("1441") && body.includes("createToken"),
    (draft) => (draft.body = draft.body.replace("ValidationError", "Invalid")),
    'differs  recorded  create with a token for 1441 minutes: code "Invalid" (emulator: "ValidationError")',
  ],
  [
    ({ query }) => query.includes("2020-07-20-preview2"),
    (draft) => (draft.body = draft.body.replace("https://", "http://")),
    'differs  recorded  API version 2020-07-20-preview2: message "The HTTP resource that matches the ',
  ],
  [
    ({ body }) => body.includes("59") && body.includes('"scopes"'),
    (draft) => (draft.body = draft.body.replace(',"target":"ExpiresInMinutes"', "")),
    'differs  recorded  issue for 59 minutes: target missing (emulator: "ExpiresInMinutes")',
  ],
  [
    ({ query }) => query.includes("2021-11-01"),
    (draft) => delete draft.headers["api-supported-versions"],
    'differs  recorded  API version 2021-11-01: api-supported-versions missing (emulator: "<list>")',
  ],
  [
    ({ query }) => query.includes("2022-06-01"),
    (draft) => (draft.headers["ms-cv"] = "short"),
    'differs  recorded  API version 2022-06-01: ms-cv "short" (emulator: "<valid>")',
  ],
  [
    ({ query }) => query.includes("2022-10-01"),
    (draft) => (draft.headers.server = "Kestrel"),
    'differs  recorded  API version 2022-10-01: server "Kestrel" (emulator: missing)',
  ],
  [
    ({ query }) => query.includes("2025-06-30"),
    (draft) => (draft.body = draft.body.replace("}}", ',"customId":null}}')),
    'differs  recorded  API version 2025-06-30: body "{\\"identity\\":{\\"id\\":\\"<id>\\",\\"customId\\":null}}"',
  ],
  [
    ({ body }) => body.includes('"expiresInMinutes":1440'),
    (draft) => (draft.body = draft.body.replace("+00:00", "Z")),
    "differs  recorded  issue for 1440 minutes: body ",
  ],
  [
    ({ body }) => body.includes('"chat","voip"') && body.includes("createToken"),
    (draft) => (draft.body = draft.body.replace(/"eyJ[\w-]+/, `"${encode({ alg: "RS256", typ: "JWT" })}`)),
    'differs  recorded  create with a token: body "{\\"identity\\":{\\"id\\":\\"<id>\\"},\\"accessToken\\":',
  ],
];

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}

/** Lets the emulator respond, with the changes that match. */
async function intercept(request: Request | undefined, response: ServerResponse, proceed: () => Promise<void>) {
  const [, change] = changes.find(([matches]) => request && matches(request)) ?? [];
  if (!change) return proceed();
  const end = response.end.bind(response);
  response.flushHeaders = () => {};
  response.end = ((body = "") => {
    const headers = Object.fromEntries(
      Object.entries(response.getHeaders()).map(([name, value]) => [name, String(value)]),
    );
    const draft: Draft = { status: response.statusCode, headers, body };
    change(draft);
    if (draft.status < 300) draft.headers["content-length"] = String(Buffer.byteLength(draft.body));
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    return response.writeHead(draft.status, draft.headers) && end(draft.body);
  }) as typeof response.end;
  return proceed();
}

/** Starts an emulator that stands for a real resource. */
async function withResource(options: Parameters<typeof startEmulator>[0], use: (resource: Emulator) => Promise<void>) {
  const resource = await startEmulator(options);
  await use(resource).finally(resource.stop);
}

describe.concurrent("npm run compare", () => {
  test.for([
    ["a connection string", "settings", 3],
    ["an endpoint", "entraSettings", 8],
  ] as const)("finds no difference with %s", ([, settings, skipped], { run, bundles }) =>
    withResource({}, async (resource) => {
      const { exitCode, stdout, stderr } = await run([process.execPath, bundles.compare], {
        settings: resource[settings],
      });
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      expect(stdout).not.toContain("differs");
      expect(stdout).toContain(`\n${cases.length + 2 - skipped} same, 0 different, ${skipped} skipped\n`);
      expect(stdout).toContain("skipped  chosen    a body of 4 MB: it would only use bandwidth\n");
      expect(resource.identities.size).toBe(0);
    }),
  );

  test("finds and names each of ten changes, and shows nothing of the resource", ({ run, bundles }) =>
    withResource({ intercept }, async (resource) => {
      const { exitCode, stdout, stderr } = await run([process.execPath, bundles.compare], {
        settings: resource.settings,
      });
      expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: "" });
      for (const [, , line] of changes) expect(stdout).toContain(`\n${line}`);
      expect(stdout).toContain("'http://<host>/identities'");
      expect(stdout).toContain("<JWT: alg,typ; skypeid");
      expect(stdout).not.toMatch(/eyJ|127\.0\.0\.1|accesskey|[\da-f]{12}/i);
      expect(resource.identities.size).toBe(0);
    }));

  test("ends with 0 when only what is chosen differs", ({ run, bundles }) =>
    withResource(
      {
        // This service deletes an identity twice.
        intercept: async (request, response, proceed) => {
          const { method, path } = request ?? { method: "", path: "" };
          const isKnown = path.includes("00000000-0000") || path.endsWith("somebody");
          if (method !== "DELETE" || isKnown) return proceed();
          const end = response.end.bind(response);
          response.flushHeaders = () => {};
          response.end = (() => {
            response.removeHeader("Content-Type");
            response.statusCode = 204;
            return end();
          }) as typeof response.end;
          return proceed();
        },
      },
      async (resource) => {
        const { exitCode, stdout } = await run([process.execPath, bundles.compare], { settings: resource.settings });
        expect(stdout.match(/^differs.*/gm)).toHaveLength(1);
        expect(stdout).toContain("\ndiffers  chosen    delete twice: status 204 (emulator: 404), code missing");
        expect(exitCode).toBe(0);
      },
    ));

  test.skipIf(!hasSignals)(
    "deletes an identity that is created where an error is expected, and what exists on Ctrl+C",
    ({ run, bundles }) => {
      let end = () => {};
      let requests = 0;
      return withResource(
        {
          intercept: (request, _response, proceed) => {
            if (request && ++requests === 12) end();
            if (request?.body.includes('"expiresInMinutes":59')) request.body = Buffer.from("{}");
            return proceed();
          },
        },
        async (resource) => {
          const { exitCode, stdout } = await run([process.execPath, bundles.compare], {
            settings: resource.settings,
            onStart: (child) => (end = () => child.kill("SIGINT")),
          });
          expect(exitCode).toBe(130);
          expect(stdout.split("\n").length).toBeLessThan(cases.length / 2);
          expect(resource.identities.size).toBe(0);
        },
      );
    },
  );

  test("ends with 2 when the settings are missing or incomplete", async ({ run, bundles, clone }) => {
    for (const value of ["", "endpoint=https://127.0.0.1/"]) {
      const settings = { COMMUNICATION_SERVICES_CONNECTION_STRING: value };
      const result = await run([process.execPath, bundles.compare], { settings, cwd: clone });
      expect(result).toMatchObject({ exitCode: 2, stdout: "" });
      expect(result.stderr).toMatch(/^Set COMMUNICATION_SERVICES_CONNECTION_STRING or .*\n$/);
    }
  });

  test("ends with 1 when a response is missing, and deletes what exists", ({ run, bundles }) =>
    withResource(
      {
        intercept: (request, response, proceed) =>
          request?.path.endsWith(":revokeAccessTokens") ? response.destroy() : proceed(),
      },
      async (resource) => {
        const { exitCode, stderr } = await run([process.execPath, bundles.compare], { settings: resource.settings });
        expect({ exitCode, stderr }).toEqual({
          exitCode: 1,
          stderr: "The comparison could not finish: socket hang up\n",
        });
        expect(resource.identities.size).toBe(0);
      },
    ));

  test("ends with 1 when nothing responds", async ({ run }) => {
    const settings = { COMMUNICATION_SERVICES_CONNECTION_STRING: "endpoint=https://127.0.0.1:1/;accesskey=abcd" };
    const { exitCode, stderr } = await run(["npm", "run", "--silent", "compare"], { settings, cwd: root });
    expect(exitCode).toBe(1);
    expect(stderr).toBe("The comparison could not finish: connect ECONNREFUSED 127.0.0.1:1\n");
  });
});
