// Runs the walkthrough as a reader would, and checks what it prints and the requests that reach the service.

import { mkdir, symlink, unlink } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { mask } from "./support/docs.ts";
import { root } from "./support/environment.ts";
import { test } from "./support/fixtures.ts";

const requests = [
  "POST /identities",
  'POST /identities/<id 1>/:issueAccessToken {"scopes":["voip"]}',
  'POST /identities {"createTokenWithScopes":["voip"]}',
  'POST /identities/<id 1>/:issueAccessToken {"scopes":["voip"]}',
  "POST /identities/<id 1>/:revokeAccessTokens",
  "DELETE /identities/<id 1>",
  "DELETE /identities/<id 2>",
];

test("npx tsx runs each step without @azure/identity, and prints the results", async ({ emulator, project, start }) => {
  await unlink(join(project, "node_modules"));
  await mkdir(join(project, "node_modules", "@azure"), { recursive: true });
  for (const name of [".bin", "tsx", "dotenv", "@azure/communication-identity"]) {
    await symlink(join(root, "node_modules", name), join(project, "node_modules", name), "junction");
  }
  const options = { settings: emulator.settings, cwd: project };
  const { stdout, ...others } = await start(["npx", "tsx", "issue-access-tokens.ts"], options).ended;
  expect(others).toEqual({ stderr: "", exitCode: 0 });
  const received = emulator.requests.map(({ method, path, body }) => `${method} ${path} ${body}`.trim());
  const hint = "If you changed the steps, change this list";
  expect(mask(received.join("\n")).split("\n"), hint).toEqual(requests);
  expect(emulator.identities.size).toBe(0);
  expect(stdout.match(/eyJ\S+/g)).toEqual(emulator.tokens.map(({ token }) => token));
  expect(stdout.match(/\S+Z(?=:)/g)).toEqual(emulator.tokens.map(({ expiresOn }) => new Date(expiresOn).toISOString()));
  const [first, second] = emulator.requests.slice(-2).map(({ path }) => path.split("/").at(-1)); // the deletions
  expect(stdout.match(/8:acs:\S+/g)).toEqual([first, second, first, first, second]);
});
