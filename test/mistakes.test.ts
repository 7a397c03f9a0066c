// Changes the program as a learner might, and checks the explanation of the mistake.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { error } from "./support/faults.ts";
import { programFile } from "./support/environment.ts";
import { test as base } from "./support/fixtures.ts";
import { nodeOptions, type Result } from "./support/processes.ts";

type RunChanged = (find: string, replace: string) => Promise<Result & { place: string }>;

/** Adds functions that run the program with a change: the original file, which shows the place, and the bundle. */
const test = base.extend<{ runChanged: RunChanged; runChangedBundle: RunChanged }>({
  runChanged: ({ emulator, clone, run }, use) =>
    use(async (find, replace) => {
      const program = await readFile(programFile, "utf8");
      const file = join(clone, "issue-access-tokens.ts");
      await writeFile(file, program.replace(find, replace));
      const place = `issue-access-tokens.ts:${program.split(find)[0]!.split("\n").length}`;
      return { ...(await run([process.execPath, ...nodeOptions, file], { settings: emulator.settings })), place };
    }),
  runChangedBundle: ({ emulator, bundles, run, task }, use) =>
    use(async (find, replace) => {
      const file = bundles.program.replace("program", task.id);
      await writeFile(file, (await readFile(bundles.program, "utf8")).replace(find, replace));
      return { ...(await run([process.execPath, file], { settings: emulator.settings })), place: "" };
    }),
});

describe.concurrent("a mistake in the program", () => {
  test("is explained with its place", async ({ emulator, runChanged }) => {
    const { exitCode, stderr, place } = await runChanged("getToken(identity,", "getToken(identiy,");
    expect(exitCode).toBe(1);
    expect(stderr).toBe(`"Issue an access token" failed at ${place}: identiy is not defined\nIdentities deleted: 1\n`);
    expect(emulator.identities.size).toBe(0);
  });

  test("is explained with its place before the first step, too", async ({ runChanged }) => {
    const { exitCode, stderr, place } = await runChanged("new CommunicationIdentityC", "new CommunicationIdC");
    expect(exitCode).toBe(2);
    expect(stderr).toBe(`"Authenticate the client" failed at ${place}: CommunicationIdClient is not defined\n`);
  });

  test("such as a missing await for an identity names what can't be deleted", async ({ runChangedBundle }) => {
    const { exitCode, stderr } = await runChangedBundle("= await client.createUser()", "= client.createUser()");
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/\nCouldn't confirm that these identities were deleted: undefined\n$/);
  });

  test("such as a missing await leaves nothing behind", async ({ emulator, runChangedBundle }) => {
    emulator.always("revoke", error(400, "ValidationError", "Wrong."));
    const { exitCode, stderr } = await runChangedBundle("await client.revokeTokens", "client.revokeTokens");
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/ failed for .*: 400 ValidationError Wrong\.\n/);
    expect(emulator.identities.size).toBe(0);
  });

  test("in the explanation of a failure shows its stack", async ({ emulator, runChangedBundle }) => {
    emulator.always("issue", error(400, "ValidationError", "Wrong."));
    const { exitCode, stderr } = await runChangedBundle("const failed =", 'throw new Error("bug"); const failed =');
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^Error: bug\n    at explain [^]*\nIdentities deleted: 1\n$/);
  });
});
