// Changes the program as a learner might, and checks the explanation of the mistake.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { callOf, calls, hint, reportBefore } from "./support/calls.ts";
import { programFile } from "./support/environment.ts";
import { error } from "./support/faults.ts";
import { test as base } from "./support/fixtures.ts";
import { nodeOptions, type Result } from "./support/processes.ts";

type RunChanged = (find: RegExp, replace: string) => Promise<Result & { place: string }>;

const advice = "If you changed the code, run npx tsc to find mistakes.\n";

/** Adds functions that run the program with a change: the original file, which shows the place, and the bundle. */
const test = base.extend<{ runChanged: RunChanged; runChangedBundle: RunChanged }>({
  runChanged: ({ emulator, clone, run }, use) =>
    use(async (find, replace) => {
      const program = await readFile(programFile, "utf8");
      const file = join(clone, "c++.ts"); // A name with characters that have a meaning in regular expressions.
      await writeFile(file, program.replace(find, replace));
      const place = `c++.ts:${program.split(find)[0]!.split("\n").length}`;
      return { ...(await run([process.execPath, ...nodeOptions, file], { settings: emulator.settings })), place };
    }),
  runChangedBundle: ({ emulator, bundles, run, task }, use) =>
    use(async (find, replace) => {
      const file = bundles.program.replace("program", task.id);
      const program = await readFile(bundles.program, "utf8");
      expect(program.search(find)).toBeGreaterThan(0);
      await writeFile(file, program.replace(find, replace));
      return { ...(await run([process.execPath, file], { settings: emulator.settings })), place: "" };
    }),
});

const deletions = /  await startStep\("Delete [^]*?(?=\n  end\()/; // the last step

describe.concurrent("a mistake in the program", () => {
  test("is explained with its place", async ({ emulator, runChanged }) => {
    const { exitCode, stderr, place } = await runChanged(/getToken\(identity(?=,)/, "getToken(identiy");
    expect(exitCode).toBe(1);
    const reason = `"Issue an access token" failed at ${place}: identiy is not defined\n${advice}`;
    expect(stderr, hint).toBe(`${reason}${reportBefore(callOf("Issue an access token"))}\n`);
    expect(emulator.identities.size).toBe(0);
  });

  test("is explained with its place before the first step, too", async ({ runChangedBundle }) => {
    const { exitCode, stderr } = await runChangedBundle(/CommunicationIdentityClient(?=\(conn)/, "Client");
    expect(exitCode).toBe(2);
    const [reason, ...others] = stderr.split(/(?<=\n)/);
    expect(reason).toMatch(/^"Authenticate the client" failed at \S+:\d+: .* is not a constructor\n$/);
    expect(others.join("")).toBe(`${advice}${reportBefore(1)}\n`);
  });

  test("such as a missing await for an identity names what can't be deleted", async ({ runChangedBundle }) => {
    const { exitCode, stderr } = await runChangedBundle(/await (?=client.createUser\(\))/, "");
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`: id cannot be null or undefined.\n${advice}`);
    expect(stderr).toMatch(/\nCouldn't confirm that these identities were deleted: undefined\n$/);
  });

  test("such as a missing await for a call that fails isn't blamed on another step", async ({
    emulator,
    runChangedBundle,
  }) => {
    emulator.always("revoke", error(400, "ValidationError", "Wrong."));
    const { exitCode, stderr } = await runChangedBundle(/await (?=client.revokeTokens)/, "");
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^A call without await failed for .*: 400 ValidationError Wrong\.\n/);
    expect(emulator.identities.size).toBe(0);
  });

  test("in a deletion names the identity that is left", async ({ emulator, runChangedBundle }) => {
    emulator.always("revoke", error(400, "ValidationError", "Wrong."));
    const { stderr } = await runChangedBundle(/(?<=\(\) => client\.)deleteUser(?=\(userAndToken)/, "deletUser");
    const [left, ...others] = [...emulator.identities.keys()];
    expect(others, hint).toEqual([]);
    expect(stderr).toMatch(new RegExp(`\nIdentities deleted: \\d\nCouldn't confirm .*: ${left}\n$`));
  });

  test("such as a forgotten deletion leaves nothing behind", async ({ emulator, runChangedBundle }) => {
    const { exitCode, stderr } = await runChangedBundle(deletions, "");
    const report = reportBefore(calls.length + 1);
    expect({ exitCode, stderr }, hint).toEqual({ exitCode: 0, stderr: `${report}\n` });
    expect(emulator.identities.size).toBe(0);
  });

  test("such as a forgotten deletion that fails ends with 1", async ({ emulator, runChangedBundle }) => {
    emulator.always("delete", error(403, "Forbidden", "Not for you."));
    const { exitCode, stderr } = await runChangedBundle(deletions, "");
    const left = [...emulator.identities.keys()].join(", ");
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: `Couldn't confirm that these identities were deleted: ${left}\n`,
    });
  });

  test("in the explanation of a failure shows its stack", async ({ emulator, runChangedBundle }) => {
    emulator.always("issue", error(400, "ValidationError", "Wrong."));
    const { exitCode, stderr } = await runChangedBundle(/(?=const isSignIn =)/, 'throw new Error("bug");');
    expect(exitCode).toBe(1);
    const report = reportBefore(callOf("Issue an access token"));
    expect(stderr, hint).toMatch(new RegExp(`^Error: bug\\n    at explain [^]*\\n${report}\\n$`));
    expect(emulator.identities.size).toBe(0);
  });
});
