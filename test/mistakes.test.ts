// Changes the program as a learner might, and checks the explanation of the mistake.

import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect } from "vitest";
import { error, silence } from "./support/faults.ts";
import { test as base } from "./support/fixtures.ts";
import type { Started } from "./support/processes.ts";

type RunChanged = (find: RegExp, replace: string) => Promise<Awaited<Started["ended"]> & { place: string }>;

/** Adds a function that runs the bundled program with a change, and returns its place, too. */
const test = base.extend<{ runChanged: RunChanged }>({
  runChanged: ({ bundle, emulator, start, task }, use) =>
    use(async (find, replace) => {
      const name = `c++${task.id}.mjs`; // with characters that have a meaning in regular expressions
      const [node, bundledFile] = bundle("program");
      const program = await readFile(bundledFile, "utf8");
      expect(program.match(new RegExp(find, "g"))).toHaveLength(1);
      const file = join(dirname(bundledFile), name);
      await writeFile(file, program.replace(find, replace));
      const result = await start([node, file], { settings: emulator.settings }).ended;
      return { ...result, place: `${name}:${program.split(find)[0]!.split("\n").length}` };
    }),
});

const advice = "If you changed the code, npx tsc might show why. Otherwise, the response isn't from ACS.\n";
const wrong = error(400, "ValidationError", "Wrong.");
const deletions = /  await startStep\("Delete [^]*?(?=\n  if \(options)/; // the last step

test("a mistake in a step is explained with its place", async ({ emulator, runChanged }) => {
  const result = await runChanged(/(?<=issuedToken = await client\.)getToken/, "getTokn");
  const reason = `"Issue an access token" failed at ${result.place}: client.getTokn is not a function\n`;
  expect(result).toMatchObject({ stderr: `${reason}${advice}${emulator.report()}\n`, exitCode: 1 });
  expect(emulator.identities.size).toBe(0);
});

test("a mistake in a connection string in the code ends with 2, and hides the key", async ({ runChanged }) => {
  const typo = '"endpoint=https://contoso.com/;acceskey=UNMISTAKABLE/+="';
  const result = await runChanged(/(?<=new CommunicationIdentityClient\()connectionString/, typo);
  expect(result.stderr).toContain(`"Authenticate the client" failed at ${result.place}: Invalid connection string`);
  expect(result.stderr).not.toContain("UNMISTAKABLE");
  expect(result.exitCode).toBe(2);
});

test("a missing await for a call that fails isn't blamed on another step", async ({ emulator, runChanged }) => {
  emulator.always("revoke", wrong);
  const stderr = expect.stringMatching(/^A call without await failed for .*: 400 ValidationError Wrong\.\n/);
  expect(await runChanged(/await (?=client.revokeTokens)/, "")).toMatchObject({ stderr, exitCode: 1 });
  expect(emulator.identities.size).toBe(0);
});

test("a call without await that hangs ends the program with 1 after 9 seconds", async ({ emulator, runChanged }) => {
  emulator.once("revoke", silence);
  expect(await runChanged(/await (?=client.revokeTokens)/, "")).toMatchObject({ stderr: "", exitCode: 1 });
});

const creation = /(?<=const )identity = await client\.createUser\(\)/;
const bad = 'client.getToken({ communicationUserId: "x" }, ["voip"])';
const endless = "(async () => { for (;;) await client.createUser(); })()";
const two = "[identity] = await Promise.all([client.createUser(), client.createUser()])";
test.for([
  ["a forgotten await", /await (?=client\.createUser\(\))/, "", 1, 1],
  ["two requests at once", creation, two, 0, 1],
  ["a token without scopes", /(?<=createUserAndToken\(\[)"voip"/, "", 1, 2],
  ["an exit code of a step", deletions, "process.exitCode = 3;", 3, 2],
] as const)("%s leaves nothing behind", async ([, find, replace, exitCode, deleted], { emulator, runChanged }) => {
  const stderr = expect.stringMatching(new RegExp(`(^|\\n)Identities deleted: ${deleted}\n$`));
  expect(await runChanged(find, replace)).toMatchObject({ stderr, exitCode });
  expect(emulator.identities.size).toBe(0);
});

test("a loop that creates identities stops when the program ends", async ({ emulator, runChanged }) => {
  const { stderr } = await runChanged(creation, `identity = await Promise.all([${bad}, ${endless}])`);
  expect(stderr).toContain("\nIdentities deleted: ");
  expect(emulator.identities.size).toBe(0);
});

test("a forgotten deletion that fails once is repeated", async ({ emulator, runChanged }) => {
  emulator.once("delete", error(403, "Forbidden", "Not now."));
  const stderr = "Identities deleted: 2\n";
  expect(await runChanged(deletions, "")).toMatchObject({ stderr, exitCode: 0 });
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
