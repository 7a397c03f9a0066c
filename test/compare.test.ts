// Tests of npm run compare, with an emulator in place of a real resource.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { listedVersions } from "./cases/cases.ts";
import { accessKey } from "./emulator/authentication.ts";
import { issueToken } from "./emulator/tokens.ts";
import { error, type Fault, respondWith } from "./support/faults.ts";
import { test } from "./support/fixtures.ts";

const name = "COMMUNICATION_SERVICES_CONNECTION_STRING";

/** Adds headers to the response. */
function withHeaders(values: Record<string, string>): Fault {
  return (respond) => {
    const { headers, ...others } = respond();
    return { headers: { ...headers, ...values }, ...others };
  };
}

test("compare names differences and identities that are left, but no secret", async ({ emulator, project, start }) => {
  const value = emulator.settings[name].replace("endpoint", "Endpoint");
  await writeFile(join(project, ".env"), `${name}='"${value};"'\n`);
  const versions = `2020-12-31, ${listedVersions}, 2030-01-01`;
  const newer = { "MS-CV": "another form", "api-supported-versions": versions };
  emulator.once("create 2", withHeaders(newer)); // isn't a difference
  emulator.once("delete", error(403, "Forbidden", "No.")); // after the first case
  const { token } = issueToken("8:acs:x", ["chat"], 60);
  emulator.once("issue", respondWith(200, { Token: token }));
  emulator.once("revoke", withHeaders({ "Strict-Transport-Security": "max-age=1" }));
  const settings = { NODE_EXTRA_CA_CERTS: emulator.settings.NODE_EXTRA_CA_CERTS, NO_COLOR: "1" };
  const { stdout, stderr, exitCode } = await start(["npm", "run", "compare"], { settings, cwd: project }).ended;
  // A case occurs twice if both its body and its headers differ.
  const differences = new Set(stderr.match(/(?<=FAIL .* responds to ).*/g));
  const issue = "issue for the default lifetime (recorded 2025: net)";
  expect([...differences]).toEqual(["create (recorded 2025: js, cli)", issue, "revoke (recorded 2025: js)"]);
  const [left, ...others] = emulator.identities.keys();
  expect(others).toEqual([]);
  expect(stderr).toContain(`Couldn't delete ${left}`);
  expect(stderr).toContain(String.raw`+   "body": "{\"Token\":\"<JWT: alg string, kid string,`);
  expect(stderr).toContain('+   "strict-transport-security": "max-age=1",');
  expect(stdout).toContain("2 skipped"); // the cases for the emulator only
  for (const secret of [accessKey, "eyJ"]) expect(stdout + stderr).not.toContain(secret);
  expect(exitCode).toBe(1);
});

test("compare without settings says so and ends with 2", async ({ project, start }) => {
  const stderr = expect.stringMatching(`^Set ${name} in `);
  expect(await start(["npm", "run", "compare"], { cwd: project }).ended).toMatchObject({ stderr, exitCode: 2 });
});
