// Runs the walkthrough as a reader would, and checks what it prints and the requests that reach the service.

import { mkdir, symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { calls, hint } from "./support/calls.ts";
import { root } from "./support/environment.ts";
import { type TestEmulator, test } from "./support/fixtures.ts";
import { mask } from "./support/output.ts";
import { nodeOptions } from "./support/processes.ts";

/** Returns the received requests in the form of `calls`, without the version of the API. */
function received({ requests }: TestEmulator): string[] {
  const lines = requests.map(({ method, url, body }) => `${method} ${url.replace(/\?.*/, "")} ${body}`.trim());
  return mask(lines.join("\n")).split("\n");
}

/** Returns the ways in which the received requests were authenticated. */
function schemes({ requests }: TestEmulator) {
  return [...new Set(requests.map(({ scheme }) => scheme))];
}

describe.concurrent("the walkthrough", () => {
  test("prints the IDs, tokens, and times from the service and leaves nothing behind", async ({ emulator, run }) => {
    const command = ["npx", "tsx", "issue-access-tokens.ts"];
    const { exitCode, stdout, stderr } = await run(command, { settings: emulator.settings, cwd: root });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(received(emulator), hint).toEqual(calls.map(({ request }) => request));
    expect(schemes(emulator)).toEqual(["HMAC-SHA256"]);
    expect(stdout.match(/eyJ\S+/g)).toEqual(emulator.tokens.map(({ token }) => token));
    const times = emulator.tokens.map(({ expiresOn }) => new Date(expiresOn).toISOString());
    expect(times).toEqual(expect.arrayContaining(stdout.match(/\S+Z(?=:)/g)!));
    const ids = emulator.requests.flatMap(({ method, url }) => (method === "DELETE" ? url.match(/8:[^?]+/) : []));
    expect([...new Set(stdout.match(/8:acs:\S+/g))]).toEqual(ids);
    expect(emulator.identities.size).toBe(0);
  });

  test.skipIf(nodeOptions.length > 0)("runs with plain node, 22.18 or later", async ({ emulator, run }) => {
    const command = [process.execPath, "issue-access-tokens.ts"];
    const result = await run(command, { settings: emulator.settings, cwd: root });
    expect(result).toMatchObject({ exitCode: 0, stderr: "" });
    expect(schemes(emulator)).toEqual(["HMAC-SHA256"]);
  });

  test("authenticates with Microsoft Entra ID when only an endpoint is set", async ({ emulator, runProgram }) => {
    expect(await runProgram(emulator.entraSettings)).toMatchObject({ exitCode: 0, stderr: "" });
    expect(schemes(emulator)).toEqual(["Bearer"]);
  });

  test("reads its settings from .env", async ({ emulator, clone, runProgram }) => {
    const { COMMUNICATION_SERVICES_CONNECTION_STRING: value, ...trust } = emulator.settings;
    await writeFile(join(clone, ".env"), `COMMUNICATION_SERVICES_CONNECTION_STRING="${value}"\n`);
    expect(await runProgram(trust, [], { cwd: clone })).toMatchObject({ exitCode: 0, stderr: "" });
    expect(schemes(emulator)).toEqual(["HMAC-SHA256"]);
  });

  test("prefers the environment to .env, and the connection string to the endpoint", async ({
    emulator,
    clone,
    runProgram,
  }) => {
    const other = "endpoint=https://other.invalid/;accesskey=bm90IHRoaXM=";
    await writeFile(join(clone, ".env"), `COMMUNICATION_SERVICES_CONNECTION_STRING="${other}"\n`);
    const { exitCode } = await runProgram({ ...emulator.entraSettings, ...emulator.settings }, [], { cwd: clone });
    expect(exitCode).toBe(0);
    expect(schemes(emulator)).toEqual(["HMAC-SHA256"]);
  });

  test("loads @azure/identity only for Microsoft Entra ID", async ({ emulator, clone, run }) => {
    await unlink(join(clone, "node_modules"));
    await mkdir(join(clone, "node_modules", "@azure"), { recursive: true });
    for (const name of ["dotenv", "@azure/communication-identity"]) {
      await symlink(join(root, "node_modules", name), join(clone, "node_modules", name), "junction");
    }
    const program = [process.execPath, ...nodeOptions, join(clone, "issue-access-tokens.ts")];
    expect(await run(program, { settings: emulator.settings })).toMatchObject({ exitCode: 0, stderr: "" });
  });
});
