// Changes the program as a learner might, and checks the explanation of the mistake.

import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect } from "vitest";
import { error } from "./support/faults.ts";
import { test as base } from "./support/fixtures.ts";
import type { Started } from "./support/processes.ts";

type RunChanged = (find: RegExp, replace: string) => Promise<Awaited<Started["ended"]> & { place: string }>;

/** Adds a function that runs the bundled program with a change, and returns its place, too. */
const test = base.extend<{ runChanged: RunChanged }>({
  runChanged: ({ emulator, bundles, start, task }, use) =>
    use(async (find, replace) => {
      const name = `c++${task.id}.mjs`; // with characters that have a meaning in regular expressions
      const program = await readFile(bundles.program, "utf8");
      expect(program.match(new RegExp(find, "g"))).toHaveLength(1);
      const file = join(dirname(bundles.program), name);
      await writeFile(file, program.replace(find, replace));
      const result = await start([process.execPath, file], { settings: emulator.settings }).ended;
      return { ...result, place: `${name}:${program.split(find)[0]!.split("\n").length}` };
    }),
});

const advice = "If you changed the code, run npx tsc to find mistakes.\n";
const wrong = error(400, "ValidationError", "Wrong.");
const deletions = /  await startStep\("Delete [^]*?(?=\n  end\()/; // the last step

test("a mistake in a step is explained with its place", async ({ emulator, runChanged }) => {
  const result = await runChanged(/(?<=issuedToken = await client\.)getToken/, "getTokn");
  const reason = `"Issue an access token" failed at ${result.place}: client.getTokn is not a function\n`;
  expect(result).toMatchObject({ stderr: `${reason}${advice}${emulator.report()}\n`, exitCode: 1 });
  expect(emulator.identities.size).toBe(0);
});

test("a mistake before the first step is explained with its place", async ({ runChanged }) => {
  const { stderr, exitCode, place } = await runChanged(/CommunicationIdentityClient(?=\(connectionS)/, "Client");
  const [reason, ...others] = stderr.split(/(?<=\n)/);
  expect(reason).toMatch(`"Authenticate the client" failed at ${place}: `);
  expect(others.join("")).toBe(`${advice}No identities to delete.\n`);
  expect(exitCode).toBe(2);
});

test("a missing await for an identity names what can't be deleted", async ({ runChanged }) => {
  const { stderr, exitCode } = await runChanged(/await (?=client.createUser\(\))/, "");
  expect(stderr).toContain(`: id cannot be null or undefined.\n${advice}`);
  expect(stderr).toMatch(/\nCouldn't confirm that these identities were deleted: undefined\n$/);
  expect(exitCode).toBe(1);
});

test("a missing await for a call that fails isn't blamed on another step", async ({ emulator, runChanged }) => {
  emulator.always("revoke", wrong);
  const stderr = expect.stringMatching(/^A call without await failed for .*: 400 ValidationError Wrong\.\n/);
  expect(await runChanged(/await (?=client.revokeTokens)/, "")).toMatchObject({ stderr, exitCode: 1 });
  expect(emulator.identities.size).toBe(0);
});

test("a mistake in a deletion names the identity that is left", async ({ emulator, runChanged }) => {
  emulator.always("revoke", wrong);
  const { stderr } = await runChanged(/(?<=\(\) => client\.)deleteUser(?=\(userAndToken)/, "deletUser");
  const left = [...emulator.identities.keys()];
  expect(left).toHaveLength(1);
  expect(stderr).toMatch(new RegExp(`\nIdentities deleted: 1\nCouldn't confirm .*: ${left}\n$`));
});

test("a forgotten deletion leaves nothing behind", async ({ emulator, runChanged }) => {
  const result = await runChanged(deletions, "");
  expect(result).toMatchObject({ stderr: `${emulator.report()}\n`, exitCode: 0 });
  expect(emulator.identities.size).toBe(0);
});

test("a forgotten deletion that fails ends with 1", async ({ emulator, runChanged }) => {
  emulator.always("delete", error(403, "Forbidden", "Not for you."));
  const result = await runChanged(deletions, "");
  const left = [...emulator.identities.keys()].join(", ");
  const stderr = `Couldn't confirm that these identities were deleted: ${left}\n`;
  expect(result).toMatchObject({ stderr, exitCode: 1 });
});

test("a mistake in the explanation of a failure shows its stack", async ({ emulator, runChanged }) => {
  emulator.always("issue", wrong);
  const result = await runChanged(/(?=const isSignIn =)/, 'throw new Error("bug");');
  const stderr = expect.stringMatching(new RegExp(`^Error: bug\\n    at explain [^]*\\n${emulator.report()}\\n$`));
  expect(result).toMatchObject({ stderr, exitCode: 1 });
  expect(emulator.identities.size).toBe(0);
});
