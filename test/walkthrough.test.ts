// The walkthrough, started as a reader starts it, and judged by what it prints and by what reaches the service.

import { mkdir, symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { mask } from "./docs.ts";
import type { Emulator } from "./emulator.ts";
import { nodeOptions, root, run, test } from "./fixture.ts";

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

/** The requests that reached the emulator, a line each, with the ids as the transcript masks them. */
function received({ requests }: Emulator) {
  return mask(requests.map(({ method, path, body, signedBy }) => `${method} ${decodeURIComponent(path)} ${body} (${signedBy})`).join("\n"));
}

const sevenCalls = (signer: string) => `POST /identities?api-version=2023-10-01  (${signer})
POST /identities/<id 1>/:issueAccessToken?api-version=2023-10-01 {"scopes":["voip"]} (${signer})
POST /identities?api-version=2023-10-01 {"createTokenWithScopes":["voip"]} (${signer})
POST /identities/<id 1>/:issueAccessToken?api-version=2023-10-01 {"scopes":["voip"]} (${signer})
POST /identities/<id 1>/:revokeAccessTokens?api-version=2023-10-01  (${signer})
DELETE /identities/<id 1>?api-version=2023-10-01  (${signer})
DELETE /identities/<id 2>?api-version=2023-10-01  (${signer})`;

describe.concurrent("the walkthrough", () => {
  test("prints each result, with a connection string", async ({ emulator }) => {
    const { exitCode, stdout, stderr } = await run(["npx", "tsx", "issue-access-tokens.ts"], { settings: emulator.settings, cwd: root });
    expect({ exitCode, stderr, stdout: mask(stdout) }).toEqual({ exitCode: 0, stderr: "", stdout: transcript });
    expect(received(emulator)).toBe(sevenCalls("access key"));
  });

  test.skipIf(nodeOptions.length > 0)("runs by plain node, from 22.18 on", async ({ emulator }) => {
    const { exitCode, stdout, stderr } = await run(["node", "issue-access-tokens.ts"], { settings: emulator.settings, cwd: root });
    expect({ exitCode, stderr, stdout: mask(stdout) }).toEqual({ exitCode: 0, stderr: "", stdout: transcript });
  });

  test("prints the ids, tokens and times of the service, and leaves nothing there", async ({ emulator, walk }) => {
    const { stdout } = await walk(emulator.settings);
    expect(stdout.match(/eyJ\S+/g)).toEqual(emulator.tokens.map(({ token }) => token));
    expect(stdout.match(/\S+Z(?=:)/g)).toEqual(emulator.tokens.map(({ expiresAt }) => new Date(expiresAt).toISOString()));

    expect(emulator.identities.size).toBe(0);
    const [issued, second, refreshed] = emulator.tokens;
    expect(stdout).toContain(`Deleted the identity with ID: ${issued!.identity}\n`);
    expect(refreshed!.identity).toBe(issued!.identity);
    expect(refreshed!.issuedAt).toBeGreaterThanOrEqual(issued!.issuedAt);
    expect(refreshed!.expiresAt).toBeGreaterThanOrEqual(issued!.expiresAt);
    // The fifth request revokes the tokens of the first identity, which were valid until then; the last deletes the second identity.
    expect([issued, second, refreshed].map((token) => token!.endedBy)).toEqual([5, 7, 5]);
  });

  test("authenticates with Microsoft Entra ID, with an endpoint", async ({ emulator, walk }) => {
    const { exitCode, stdout, stderr } = await walk(emulator.entraSettings);
    expect({ exitCode, stderr, stdout: mask(stdout) }).toEqual({ exitCode: 0, stderr: "", stdout: transcript });
    expect(received(emulator)).toBe(sevenCalls("Microsoft Entra ID"));
  });

  test("reads its settings from .env", async ({ emulator, clone }) => {
    const { COMMUNICATION_SERVICES_CONNECTION_STRING, ...trust } = emulator.settings;
    await writeFile(join(clone, ".env"), `COMMUNICATION_SERVICES_CONNECTION_STRING="${COMMUNICATION_SERVICES_CONNECTION_STRING}"\n`);
    const { exitCode, stdout, stderr } = await run(["npm", "start", "--silent"], { settings: trust, cwd: clone });
    expect({ exitCode, stderr, stdout: mask(stdout) }).toEqual({ exitCode: 0, stderr: "", stdout: transcript });
    expect(emulator.requests).toHaveLength(7);
  });

  test("prefers the environment to .env, and the connection string to the endpoint", async ({ emulator, clone, walk }) => {
    await writeFile(join(clone, ".env"), 'COMMUNICATION_SERVICES_CONNECTION_STRING="endpoint=https://elsewhere.invalid/;accesskey=bm90IGhlcmU="\n');
    const { exitCode } = await walk({ ...emulator.entraSettings, ...emulator.settings }, [], { cwd: clone });
    expect(exitCode).toBe(0);
    expect(received(emulator)).toBe(sevenCalls("access key"));
  });

  test("says what to set when nothing is set", async ({ walk }) => {
    const { exitCode, stdout, stderr } = await walk({});
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    for (const help of ["COMMUNICATION_SERVICES_CONNECTION_STRING", "COMMUNICATION_SERVICES_ENDPOINT", "portal", "npm run local"]) {
      expect(stderr).toContain(help);
    }
    expect(stderr.trim().split("\n").length).toBeLessThan(6);
  });

  test("fails with a wrong key", async ({ emulator, walk }) => {
    const settings = { ...emulator.settings, COMMUNICATION_SERVICES_CONNECTION_STRING: emulator.settings.COMMUNICATION_SERVICES_CONNECTION_STRING.replace(/key=./, "key=B") };
    const { exitCode, stdout, stderr } = await walk(settings);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "Azure Communication Services - Access Tokens Quickstart\n" });
    expect(stderr).toContain("Creating an identity failed: 401 Denied Denied by the resource provider.");
    expect(received(emulator)).toBe("POST /identities?api-version=2023-10-01  (undefined)");
  });

  test("needs @azure/identity only for Microsoft Entra ID", async ({ emulator, clone }) => {
    await unlink(join(clone, "node_modules"));
    await mkdir(join(clone, "node_modules", "@azure"), { recursive: true });
    for (const name of ["dotenv", "@azure/communication-identity"]) {
      await symlink(join(root, "node_modules", name), join(clone, "node_modules", name), "junction");
    }
    const program = [process.execPath, ...nodeOptions, join(clone, "issue-access-tokens.ts")];
    expect(await run(program, { settings: emulator.settings })).toMatchObject({ exitCode: 0, stderr: "" });
    const { exitCode, stderr } = await run(program, { settings: emulator.entraSettings });
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining("Authenticating the client failed: ERR_MODULE_NOT_FOUND") });
  });

  test("runs by npm run local, which never talks to anything but the emulator", async ({ clone, emulator }) => {
    const elsewhere = "COMMUNICATION_SERVICES_CONNECTION_STRING";
    await writeFile(join(clone, ".env"), `${elsewhere}="${emulator.settings[elsewhere]}"\nHTTPS_PROXY="http://127.0.0.1:9"\nDOTENV_OVERRIDE=true\n`);
    const settings = { ...emulator.settings, ...emulator.entraSettings, DOTENV_OVERRIDE: "true", HTTPS_PROXY: "http://127.0.0.1:9" };
    const { exitCode, stdout, stderr } = await run(["npm", "run", "--silent", "local"], { settings, cwd: clone });
    expect({ exitCode, stderr, stdout: mask(stdout) }).toEqual({ exitCode: 0, stderr: "", stdout: transcript });
    expect(emulator.requests).toEqual([]);
  });
});
