// Tests of npm run compare, with an emulator in place of a real resource.

import type { ChildProcess } from "node:child_process";
import { describe, expect } from "vitest";
import { lostResponse } from "./emulator/faults.ts";
import { type Emulator, type EmulatorOptions, startEmulator } from "./emulator/server.ts";
import { cases } from "./recorded-cases.ts";
import { change, changes } from "./support/changes.ts";
import { test } from "./support/fixtures.ts";
import { hasSignals, type Processes, root, type RunOptions } from "./support/processes.ts";

interface Tools {
  run: Processes["run"];
  bundles: { compare: string };
}

/** Runs the command with an emulator in place of a real resource. Returns its result and the IDs that are left. */
async function compare(
  { run, bundles }: Tools,
  intercept?: EmulatorOptions["intercept"],
  settings: (resource: Emulator) => object = (resource) => resource.settings,
  onStart?: RunOptions["onStart"],
) {
  const resource = await startEmulator({ intercept });
  try {
    const result = await run([process.execPath, bundles.compare], { settings: settings(resource), onStart });
    return { ...result, left: [...resource.identities.keys()] };
  } finally {
    await resource.stop();
  }
}

describe.concurrent("npm run compare", () => {
  test.for([
    ["a connection string", "settings", 3],
    ["an endpoint", "entraSettings", 8],
  ] as const)("finds no difference with %s", async ([, settings, skipped], { run, bundles }) => {
    const { stdout, ...others } = await compare({ run, bundles }, undefined, (resource) => resource[settings]);
    expect(others).toEqual({ exitCode: 0, stderr: "", left: [] });
    expect(stdout).not.toContain("differs");
    const same = cases.length + 2 - skipped; // and two more lines: the list of versions, and the rounding of exp
    expect(stdout).toContain(`\n${same} same, 0 different, ${skipped} skipped\n`);
    expect(stdout).toContain("skipped  chosen    a body of 4 MB: it would waste bandwidth\n");
  });

  test("finds and names each change, and shows nothing of the resource", async ({ run, bundles }) => {
    const settings = (resource: Emulator) => ({
      ...resource.settings,
      COMMUNICATION_SERVICES_CONNECTION_STRING: resource.settings.COMMUNICATION_SERVICES_CONNECTION_STRING.replace(
        "127.0.0.1",
        "localhost",
      ),
    });
    const { stdout, ...others } = await compare({ run, bundles }, change, settings);
    expect(others).toEqual({ exitCode: 1, stderr: "", left: [] });
    const lines = stdout.replaceAll("\\", "");
    for (const [, , difference] of changes) expect(lines).toContain(`\ndiffers  ${difference}`);
    expect(stdout).not.toMatch(/eyJ|UNREADABLE|localhost|accesskey|[\da-f]{12}/i);
  });

  test("ends with 0 when only what is chosen differs", async ({ run, bundles }) => {
    // This service deletes an identity twice.
    const intercept: EmulatorOptions["intercept"] = async (respond, request) => {
      const { method, path } = request!;
      const isKnown = path.includes("00000000-0000") || path.endsWith("somebody");
      const response = await respond();
      if (method !== "DELETE" || isKnown) return response;
      const { "Content-Type": _, "Transfer-Encoding": __, ...headers } = response.headers;
      return { status: 204, headers, body: "" };
    };
    const { exitCode, stdout } = await compare({ run, bundles }, intercept);
    expect(stdout.match(/^differs.*/gm)).toHaveLength(1);
    expect(stdout).toContain("\ndiffers  chosen    delete twice: status 204 (emulator: 404), code missing");
    expect(exitCode).toBe(0);
  });

  test.skipIf(!hasSignals).for([
    ["Ctrl+C", 130, (child: ChildProcess) => child.kill("SIGINT")],
    ["SIGTERM", 143, (child: ChildProcess) => child.kill("SIGTERM")],
    ["closed output", 1, (child: ChildProcess) => child.stdout!.destroy()],
  ] as const)("deletes what exists after: %s", async ([, exitCode, interrupt], { run, bundles }) => {
    let child!: ChildProcess;
    let requests = 0;
    const intercept: EmulatorOptions["intercept"] = (respond, request) => {
      if (++requests === 12) interrupt(child);
      // A service that creates an identity where an error is expected.
      if (request?.body.includes('"expiresInMinutes":59')) request.body = Buffer.from("{}");
      return respond();
    };
    const onStart = (started: ChildProcess) => (child = started);
    const { stdout, ...others } = await compare({ run, bundles }, intercept, undefined, onStart);
    expect(others).toEqual({ exitCode, stderr: "", left: [] });
    if (exitCode !== 1) expect(stdout).toMatch(/\nIncomplete: \d+ same, 1 different, 0 skipped\n$/);
    expect(requests).toBeLessThan(30);
  });

  test("ends with 1, and names what could not be deleted, after deleting the rest", async ({ run, bundles }) => {
    let creations = 0;
    let failed = "";
    const intercept: EmulatorOptions["intercept"] = (respond, request) => {
      const { method, path, body } = request!;
      if (body.toString() === '{"createTokenWithScopes":["chat"]}') creations++; // Only the last four have this body.
      if (method !== "DELETE" || creations < 4) return respond();
      failed ||= path;
      return failed === path ? undefined : respond();
    };
    const { stderr, exitCode, left } = await compare({ run, bundles }, intercept);
    expect(stderr).toBe(`These identities could not be deleted: ${left[0]}\n`);
    expect({ exitCode, left }).toEqual({ exitCode: 1, left: [expect.any(String)] });
  });

  test("ends with 1, and deletes what still exists, when a response is lost", async ({ run, bundles }) => {
    let deletions = 0;
    const intercept: EmulatorOptions["intercept"] = (respond, request) =>
      request?.method === "DELETE" && ++deletions === 1 ? lostResponse(respond) : respond();
    const { stdout, ...others } = await compare({ run, bundles }, intercept);
    expect(others).toEqual({ exitCode: 1, stderr: "The comparison could not finish: socket hang up\n", left: [] });
    expect(stdout).toMatch(/\nIncomplete: 20 same, 0 different, 0 skipped\n$/);
  });

  test("ends with 1, and shows the response, when the access key is wrong", async ({ run, bundles }) => {
    const settings = ({ endpoint, settings }: Emulator) => ({
      ...settings,
      COMMUNICATION_SERVICES_CONNECTION_STRING: `endpoint=${endpoint};accesskey=d3Jvbmc=`,
    });
    const { exitCode, stderr } = await compare({ run, bundles }, undefined, settings);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^The comparison could not finish: Creating an identity failed: 401 .*"code":"Denied"/);
  });

  test("ends with 1 when nothing responds", async ({ run }) => {
    const settings = { COMMUNICATION_SERVICES_CONNECTION_STRING: "endpoint=https://127.0.0.1:1/;accesskey=abcd" };
    const { exitCode, stderr } = await run(["npm", "run", "--silent", "compare"], { settings, cwd: root });
    expect(exitCode).toBe(1);
    expect(stderr).toBe("The comparison could not finish: connect ECONNREFUSED <host>\n");
  });

  test("ends with 2 when the settings are missing or invalid", async ({ run, bundles, clone }) => {
    for (const value of ["", "endpoint=https://127.0.0.1/", "endpoint=https://127.0.0.1/;accesskey=a;accesskey=b"]) {
      const settings = { COMMUNICATION_SERVICES_CONNECTION_STRING: value };
      const result = await run([process.execPath, bundles.compare], { settings, cwd: clone });
      expect(result).toMatchObject({ exitCode: 2, stdout: "" });
      expect(result.stderr).toMatch(/^Set COMMUNICATION_SERVICES_CONNECTION_STRING or .*\n$/);
    }
  });
});
