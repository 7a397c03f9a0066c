// Tests of npm run compare, with an emulator in place of a real resource.

import type { ChildProcess } from "node:child_process";
import { describe, expect } from "vitest";
import { accessKey } from "./emulator/authentication.ts";
import { cases } from "./emulator/cases.ts";
import { lostResponse } from "./emulator/faults.ts";
import type { Response } from "./emulator/messages.ts";
import { type Emulator, type EmulatorOptions, startEmulator } from "./emulator/server.ts";
import { test as base } from "./support/fixtures.ts";
import { hasSignals, type Result, root, type RunOptions } from "./support/processes.ts";

type Compare = (
  options?: { settingsOf?: (resource: Emulator) => object; onStart?: RunOptions["onStart"] },
  intercept?: EmulatorOptions["intercept"],
) => Promise<Result & { left: string[] }>;

/** Adds a function that runs the command and returns its result and the IDs of the identities that are left. */
const test = base.extend<{ compare: Compare }>({
  compare: ({ run, bundles }, use) =>
    use(async ({ settingsOf = (resource: Emulator) => resource.settings, onStart } = {}, intercept) => {
      const resource = await startEmulator({ intercept });
      const options = { settings: settingsOf(resource), onStart };
      const result = await run([process.execPath, bundles.compare], options).finally(resource.stop);
      return { ...result, left: [...resource.identities.keys()] };
    }),
});

/** Returns the settings that name the host of an emulator this way, with this key. */
const connect =
  (host: string, key: string) =>
  ({ endpoint, settings }: Emulator) => ({
    ...settings,
    COMMUNICATION_SERVICES_CONNECTION_STRING: `endpoint=${endpoint.replace("127.0.0.1", host)};accesskey=${key}`,
  });

const local = cases.filter(({ emulatorOnly }) => emulatorOnly).length;
const needKey = cases.filter(({ needsAccessKey }) => needsAccessKey).length;

describe.concurrent("npm run compare", () => {
  test("finds no difference in a service that responds as recorded", async ({ compare }) => {
    const { stdout, ...others } = await compare();
    expect(others).toEqual({ exitCode: 0, stderr: "", left: [] });
    // Two more lines are about the headers and the rounding of `exp`.
    expect(stdout).toContain(`\n${cases.length - local + 2} same, 0 different, ${local} skipped\n`);
    expect(stdout).toContain("skipped  chosen    a body of 4 MB: it would waste bandwidth\n");
  });

  test("names each difference once, ends with 1, and shows nothing of the resource", async ({ compare }) => {
    let count = 0;
    const settingsOf = connect("localhost", accessKey);
    const { stdout, ...others } = await compare({ settingsOf }, async (respond, request) => {
      const { path, query, headers } = request!;
      const response = await respond();
      Object.assign(response.headers, { "Strict-Transport-Security": "max-age=0", "MS-CV": `${++count}` });
      if (query.includes("2021-11-01")) response.headers.Server = "Kestrel";
      if (path.includes(":revoke") && response.status === 204) response.status = 200;
      const link = `https://${headers.host!.toUpperCase()}/5DC4A2F4-1111-2222-3333-444444444444?eyJhbGciOi`;
      if (query.includes("2025-06-30")) response.body = `${response.body}`.replace("}}", `,"link":"${link}"}}`);
      return response;
    });
    expect(others).toEqual({ exitCode: 1, stderr: "", left: [] });
    expect(stdout.match(/(?<=^differs  recorded  ).*/gm)).toEqual([
      "revoke: 200 (emulator: 204)",
      expect.stringMatching(/^API version 2025-06-30: 201 .*,"link":"https:\/\/<host>\/<guid>\?<token>"}} \(emu/),
      expect.stringMatching(/^ms-cv: \d+ \(emulator: <valid>\) in \d\d cases$/),
      expect.stringMatching(/^strict-transport-security: max-age=0 \(emulator: max-age=31536000;.*\) in \d\d cases$/),
      "server: Kestrel (emulator: missing) in API version 2021-11-01",
    ]);
    expect(stdout).not.toMatch(/eyJ|localhost|accesskey|[\da-f]{12}/i);
  });

  test("ends with 0 if only what is chosen differs, and skips what needs an access key", async ({ compare }) => {
    const settingsOf = ({ entraSettings }: Emulator) => entraSettings;
    const { exitCode, stdout } = await compare({ settingsOf }, async (respond, request) => {
      const response = await respond();
      if ("api-supported-versions" in response.headers) response.headers["api-supported-versions"] += ", 2030-01-01";
      // This service deletes an identity twice.
      return request?.method === "DELETE" && response.status === 404 ? { ...response, status: 204 } : response;
    });
    expect(stdout.match(/(?<=^differs  chosen    ).*/gm)).toEqual([
      expect.stringMatching(/^delete twice: 204 .*404/),
      expect.stringMatching(/^api-supported-versions: .*, 2030-01-01 \(emulator: .* in \d\d cases$/),
    ]);
    expect(stdout).toContain(` 2 different, ${local + needKey} skipped\n`);
    expect(exitCode).toBe(0);
  });

  test.skipIf(!hasSignals).for([
    ["Ctrl+C", 130, (child: ChildProcess) => child.kill("SIGINT")],
    ["closed output", 1, (child: ChildProcess) => child.stdout!.destroy()],
  ] as const)("stops and deletes what exists after: %s", async ([, exitCode, interrupt], { compare }) => {
    let child!: ChildProcess;
    let requests = 0;
    let another: Response | undefined;
    const onStart = (started: ChildProcess) => (child = started);
    const result = await compare({ onStart }, async (respond, request) => {
      if (++requests === 12) interrupt(child);
      const response = await respond();
      // This service creates an identity where an error is expected.
      another ??= await respond();
      return request?.body.includes('"expiresInMinutes":59') ? another : response;
    });
    expect(result).toMatchObject({ exitCode, stderr: "", left: [] });
    expect(requests).toBeLessThan(30);
  });

  test("ends with 1, and deletes what still exists, if a response is lost", async ({ compare }) => {
    let deletions = 0;
    const { stdout, ...others } = await compare({}, (respond, request) =>
      request?.method === "DELETE" && ++deletions === 1 ? lostResponse(respond) : respond(),
    );
    expect(others).toEqual({ exitCode: 1, stderr: "The comparison couldn't finish: socket hang up\n", left: [] });
    expect(stdout).toMatch(/\nIncomplete: \d\d same, 0 different, 0 skipped\n$/);
  });

  test("ends with 1, and names what couldn't be deleted, after deleting the rest", async ({ compare }) => {
    let id: string | undefined;
    const { stderr, exitCode, left } = await compare({}, async (respond, request) => {
      if (request!.method === "DELETE" && decodeURIComponent(request!.path).endsWith(id!)) return undefined;
      const response = await respond();
      id ??= JSON.parse(String(response.body)).identity.id;
      return response;
    });
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: `Couldn't delete these identities: ${id}\n` });
    expect(left).toEqual([id]);
  });

  test.for([
    ["1 if the access key is wrong", connect("127.0.0.1", "eA=="), 1, /^The .* failed: 401 .*"code":"Denied"/],
    ["2 if the settings are missing", () => ({}), 2, /^Set COMMUNICATION_SERVICES_CONNECTION_STRING or .*\n$/],
    ["2 if the settings are invalid", connect("127.0.0.1", "a;accesskey=b"), 2, /^Set COMMUNICATION_.*\n$/],
  ] as const)("ends with %s", async ([, settingsOf, exitCode, error], { compare }) => {
    expect(await compare({ settingsOf })).toMatchObject({ exitCode, stderr: expect.stringMatching(error) });
  });

  test("ends with 1 if nothing responds", async ({ run }) => {
    const settings = { COMMUNICATION_SERVICES_CONNECTION_STRING: "endpoint=https://127.0.0.1:1/;accesskey=abcd" };
    const result = await run(["npm", "run", "--silent", "compare"], { settings, cwd: root });
    const stderr = "The comparison couldn't finish: connect ECONNREFUSED <host>\n";
    expect(result).toMatchObject({ exitCode: 1, stderr });
  });
});
