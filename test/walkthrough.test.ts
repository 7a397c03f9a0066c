// Runs the walkthrough as a reader would, and checks its output and the requests that reach the service.

import { mkdir, symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { type TestEmulator, test } from "./support/fixtures.ts";
import { nodeOptions, root } from "./support/processes.ts";
import { mask } from "./tools/docs.ts";

const transcript = `Azure Communication Services - Access Tokens Quickstart

Created an identity with ID: <id 1>

Issued an access token with 'voip' scope that expires at <time>:
<token>

Created an identity with ID: <id 2>

Issued an access token with 'voip' scope that expires at <time>:
<token>

Refreshed an access token with 'voip' scope that expires at <time>:
<token>

Successfully revoked all access tokens for identity with ID: <id 1>

Deleted the identity with ID: <id 1>

Deleted the identity with ID: <id 2>
`;

/** Returns the received requests, one per line, with IDs masked as in the transcript. */
function received({ requests }: TestEmulator) {
  return mask(requests.map(({ method, url, body, scheme }) => `${method} ${url} ${body} (${scheme})`).join("\n"));
}

const sevenCalls = (scheme: string) => `POST /identities?api-version=2023-10-01  (${scheme})
POST /identities/<id 1>/:issueAccessToken?api-version=2023-10-01 {"scopes":["voip"]} (${scheme})
POST /identities?api-version=2023-10-01 {"createTokenWithScopes":["voip"]} (${scheme})
POST /identities/<id 1>/:issueAccessToken?api-version=2023-10-01 {"scopes":["voip"]} (${scheme})
POST /identities/<id 1>/:revokeAccessTokens?api-version=2023-10-01  (${scheme})
DELETE /identities/<id 1>?api-version=2023-10-01  (${scheme})
DELETE /identities/<id 2>?api-version=2023-10-01  (${scheme})`;

describe.concurrent("the walkthrough", () => {
  test("prints each result with npx tsx and a connection string", async ({ emulator, run }) => {
    const command = ["npx", "tsx", "issue-access-tokens.ts"];
    const { exitCode, stdout, stderr } = await run(command, { settings: emulator.settings, cwd: root });
    expect({ exitCode, stderr, stdout: mask(stdout) }).toEqual({ exitCode: 0, stderr: "", stdout: transcript });
    expect(received(emulator)).toBe(sevenCalls("HMAC-SHA256"));
  });

  test.skipIf(nodeOptions.length > 0)("runs with plain node, 22.18 or later", async ({ emulator, run }) => {
    const command = [process.execPath, "issue-access-tokens.ts"];
    const { exitCode, stdout, stderr } = await run(command, { settings: emulator.settings, cwd: root });
    expect({ exitCode, stderr, stdout: mask(stdout) }).toEqual({ exitCode: 0, stderr: "", stdout: transcript });
  });

  test("prints the IDs, tokens, and times from the service and leaves nothing behind", async ({ emulator, walk }) => {
    const { stdout } = await walk(emulator.settings);
    expect(stdout.match(/eyJ\S+/g)).toEqual(emulator.tokens.map(({ token }) => token));
    const times = emulator.tokens.map(({ expiresOn }) => new Date(expiresOn).toISOString());
    expect(stdout.match(/\S+Z(?=:)/g)).toEqual(times);
    const [first, second] = emulator.requests.slice(-2).map(({ url }) => /8:[^?]+/.exec(url)?.[0]);
    expect(stdout.match(/(?<=Created an identity with ID: )\S+/g)).toEqual([first, second]);
    expect(emulator.identities.size).toBe(0);
  });

  test("authenticates with Microsoft Entra ID when only an endpoint is set", async ({ emulator, walk }) => {
    const { exitCode, stdout, stderr } = await walk(emulator.entraSettings);
    expect({ exitCode, stderr, stdout: mask(stdout) }).toEqual({ exitCode: 0, stderr: "", stdout: transcript });
    expect(received(emulator)).toBe(sevenCalls("Bearer"));
  });

  test("reads its settings from .env", async ({ emulator, clone, run }) => {
    const { COMMUNICATION_SERVICES_CONNECTION_STRING: value, ...trust } = emulator.settings;
    await writeFile(join(clone, ".env"), `COMMUNICATION_SERVICES_CONNECTION_STRING="${value}"\n`);
    const { exitCode, stdout, stderr } = await run(["npm", "start", "--silent"], { settings: trust, cwd: clone });
    expect({ exitCode, stderr, stdout: mask(stdout) }).toEqual({ exitCode: 0, stderr: "", stdout: transcript });
    expect(emulator.requests).toHaveLength(7);
  });

  test("prefers the environment to .env, and the connection string to the endpoint", async ({
    emulator,
    clone,
    walk,
  }) => {
    const elsewhere = "endpoint=https://elsewhere.invalid/;accesskey=bm90IGhlcmU=";
    await writeFile(join(clone, ".env"), `COMMUNICATION_SERVICES_CONNECTION_STRING="${elsewhere}"\n`);
    const { exitCode } = await walk({ ...emulator.entraSettings, ...emulator.settings }, [], { cwd: clone });
    expect(exitCode).toBe(0);
    expect(received(emulator)).toBe(sevenCalls("HMAC-SHA256"));
  });

  test("loads @azure/identity only for Microsoft Entra ID", async ({ emulator, clone, run }) => {
    await unlink(join(clone, "node_modules"));
    await mkdir(join(clone, "node_modules", "@azure"), { recursive: true });
    for (const name of ["dotenv", "@azure/communication-identity"]) {
      await symlink(join(root, "node_modules", name), join(clone, "node_modules", name), "junction");
    }
    const program = [process.execPath, ...nodeOptions, join(clone, "issue-access-tokens.ts")];
    expect(await run(program, { settings: emulator.settings })).toMatchObject({ exitCode: 0, stderr: "" });
    const { exitCode, stderr } = await run(program, { settings: emulator.entraSettings });
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining("'@azure/identity'") });
  });
});
