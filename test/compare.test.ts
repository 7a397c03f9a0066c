// Tests of npm run compare, with an emulator in place of a real resource.

import type { ChildProcess } from "node:child_process";
import { describe, expect } from "vitest";
import { cases } from "./emulator/cases.ts";
import { error } from "./emulator/faults.ts";
import type { Request, Response } from "./emulator/messages.ts";
import { startEmulator } from "./emulator/server.ts";
import { test as base } from "./support/fixtures.ts";
import { hasSignals, type Result, root } from "./support/processes.ts";

type Respond = () => Promise<Response>;
type Intercept = (respond: Respond, request: Request, child: ChildProcess) => ReturnType<ReturnType<typeof error>>;
type Compare = (intercept?: Intercept, name?: "settings" | "entraSettings") => Promise<Result & { left: string[] }>;

/** Adds a function that runs the command and returns its result and the IDs of the identities that are left. */
const test = base.extend<{ compare: Compare }>({
  compare: ({ run, bundles }, use) =>
    use(async (intercept = (respond) => respond(), name = "settings") => {
      let child!: ChildProcess;
      const onStart = (started: ChildProcess) => (child = started);
      const resource = await startEmulator({
        intercept: (respond, request) => (request ? intercept(respond, request, child) : respond()),
      });
      const result = await run([process.execPath, bundles.compare], { settings: resource[name], onStart });
      await resource.stop();
      return { ...result, left: [...resource.identities.keys()] };
    }),
});

describe.concurrent("npm run compare", () => {
  test("finds no difference in a service that responds as recorded", async ({ compare }) => {
    const { stdout, ...others } = await compare();
    expect(others).toEqual({ exitCode: 0, stderr: "", left: [] });
    const skipped = cases.filter(({ emulatorOnly }) => emulatorOnly).length;
    expect(stdout).toContain(`\n${cases.length - skipped} same, 0 different, ${skipped} skipped\n`);
  });

  test("names each difference once, ends with 1, and shows nothing of the resource", async ({ compare }) => {
    const { stdout, exitCode } = await compare(async (respond, { path, query, headers }) => {
      const response = await respond();
      response.headers["MS-CV"] = String(performance.now());
      if (path.includes(":revoke") && response.status === 204) response.status = 200;
      const link = `${headers.host}/5DC4A2F4-1111-2222-3333-444444444444?eyJhbGciOi`;
      return query.includes("2025-06-30") ? { ...response, body: link } : response;
    });
    expect(stdout.match(/(?<=^differs  recorded  ).*/gm)).toEqual([
      "revoke: 200 (emulator: 204)",
      'API version 2025-06-30: 201 <host>/<guid>?<token> (emulator: 201 {"identity":{"id":"<id>"}})',
      expect.stringMatching(/^ms-cv: [\d.]+ \(emulator: <valid>\) in \d\d cases$/),
    ]);
    expect(stdout).not.toMatch(/eyJ|127\.0|accesskey|[\da-f]{12}/i);
    expect(exitCode).toBe(1);
  });

  test("ends with 0 if only what is chosen differs, and skips what needs an access key", async ({ compare }) => {
    const { stdout, exitCode } = await compare(async (respond, { method }) => {
      const response = await respond();
      response.headers["api-supported-versions"] = "2030-01-01";
      return method === "DELETE" && response.status === 404 ? { ...response, status: 204 } : response;
    }, "entraSettings");
    const differences = stdout.match(/(?<=^differs  )\w+ +[^:]+/gm);
    expect(new Set(differences)).toEqual(new Set(["chosen    delete twice", "chosen    api-supported-versions"]));
    expect(stdout).toContain("skipped  recorded  a wrong access key: needs an access key\n");
    expect(exitCode).toBe(0);
  });

  test.skipIf(!hasSignals).for([
    ["Ctrl+C", 130, (child: ChildProcess) => child.kill("SIGINT")],
    ["closed output", 1, (child: ChildProcess) => child.stdout!.destroy()],
    ["lost response", 1, () => undefined],
  ] as const)("stops and deletes what exists after: %s", async ([, exitCode, interrupt], { compare }) => {
    let requests = 0;
    const result = await compare(async (respond, _, child) => {
      const response = await respond();
      return ++requests === 12 && !interrupt(child) ? undefined : response;
    });
    expect(result).toMatchObject({ exitCode, left: [] });
    expect(requests).toBeLessThan(30);
  });

  test("ends with 1, and names what couldn't be deleted, after deleting the rest", async ({ compare }) => {
    let id: string | undefined;
    const result = await compare(async (respond, { method, path }) => {
      if (method === "DELETE" && path.endsWith(id!)) return undefined;
      const response = await respond();
      id ??= JSON.parse(`${response.body}`).identity.id;
      return response;
    });
    const stderr = `Couldn't delete these identities: ${id}\n`;
    expect(result).toMatchObject({ exitCode: 1, stderr, left: [id] });
  });

  test("ends with 1 if the access key is wrong", async ({ compare }) => {
    const result = await compare(error(401, "Denied", "Denied by the resource provider."));
    expect(result).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(' 401 {"error":{"code":"Denied"') });
  });

  test("ends with 2 if the settings are invalid", async ({ run }) => {
    const settings = { COMMUNICATION_SERVICES_CONNECTION_STRING: "endpoint=https://127.0.0.1:1/" };
    const result = await run(["npm", "run", "--silent", "compare"], { settings, cwd: root });
    expect(result).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("couldn't finish: set COMMUN") });
  });
});
