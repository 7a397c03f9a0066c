// Changes the program as a learner might, and checks the explanation of the mistake.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { error } from "./emulator/faults.ts";
import { type Fixtures, test } from "./support/fixtures.ts";
import { programFile } from "./support/environment.ts";
import { nodeOptions } from "./support/processes.ts";

type Context = Pick<Fixtures, "emulator" | "clone" | "run">;

/** Runs the original file with a change. Returns its result, and the place of the change. */
async function runChanged({ emulator, clone, run }: Context, find: string, replace: string) {
  const file = join(clone, "issue-access-tokens.ts");
  const changed = (await readFile(programFile, "utf8")).replace(find, replace);
  await writeFile(file, changed);
  const result = await run([process.execPath, ...nodeOptions, file], { settings: emulator.settings });
  const line = changed.split("\n").findIndex((text) => text.includes(replace)) + 1;
  return { ...result, place: `issue-access-tokens.ts:${line}` };
}

describe.concurrent("a mistake in the program", () => {
  test("is explained with its place", async ({ emulator, clone, run }) => {
    const result = await runChanged({ emulator, clone, run }, "getToken(identity,", "getToken(identiy,");
    const stderr = `"Issue an access token" failed at ${result.place}: identiy is not defined\nIdentities deleted: 1\n`;
    expect(result).toMatchObject({ exitCode: 1, stderr });
  });

  test("is explained with its place before the first step, too", async ({ emulator, clone, run }) => {
    const change = ["new CommunicationIdentityC", "new CommunicationIdC"] as const;
    const { exitCode, stderr, place } = await runChanged({ emulator, clone, run }, ...change);
    const message = `"Authenticate the client" failed at ${place}: CommunicationIdClient is not defined\n`;
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: message });
  });

  test("is explained without a place if no line of the program is in the stack", async ({ emulator, clone, run }) => {
    const { stderr } = await runChanged({ emulator, clone, run }, '(identity, ["voip"])', '(identity, "voip")');
    expect(stderr).toMatch(
      /^"Issue an access token" failed: .*scopes must be of type Array.*\nIdentities deleted: 1\n$/,
    );
  });

  test("such as a missing await for a new identity names what it can't delete", async ({ emulator, clone, run }) => {
    const { exitCode, stderr } = await runChanged(
      { emulator, clone, run },
      "= await client.createUser()",
      "= client.createUser()",
    );
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/\nCouldn't confirm that these identities were deleted: undefined\n$/);
  });

  test("such as a missing await is explained, and leaves nothing behind", async ({ emulator, clone, run }) => {
    emulator.always("revoke", error(400, "ValidationError", "Wrong."));
    const { exitCode, stderr } = await runChanged(
      { emulator, clone, run },
      "await client.revokeTokens",
      "client.revokeTokens",
    );
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/ failed for .*: 400 ValidationError Wrong\.\n/);
    expect(emulator.identities.size).toBe(0);
  });

  test("in the explanation of a failure shows its stack, and leaves nothing behind", async ({
    emulator,
    clone,
    run,
  }) => {
    emulator.always("issue", error(400, "ValidationError", "Wrong."));
    const change = ["const failed =", 'throw new Error("bug"); const failed ='] as const;
    const { exitCode, stderr } = await runChanged({ emulator, clone, run }, ...change);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^Error: bug\n    at explain [^]*\nIdentities deleted: 1\n$/);
  });
});
