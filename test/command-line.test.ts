// Tests of the options.

import { readFile } from "node:fs/promises";
import { expect } from "vitest";
import { programFile } from "./support/environment.ts";
import { test } from "./support/fixtures.ts";

const program = await readFile(programFile, "utf8");
/** Returns the text of a constant at the top of the program. */
const textOf = (name: string) => new RegExp(`^const ${name} = \`([^]*?)\`;$`, "m").exec(program)![1]!;
const usage = `${textOf("usage").replace("${settings}", textOf("settings"))}\n`;

test("--step runs code after empty lines, until the input ends", async ({ emulator, startProgram }) => {
  const { stderr, exitCode } = await startProgram(emulator.settings, ["--step"], { input: "\nhelp\n \n\n" }).ended;
  const [, first = ""] = stderr.split("\nCreate an identity\n"); // A bundle lacks the tags, and has no numbers.
  const [screen = "", second = ""] = first.split("\nIssue an access token\n");
  expect(screen.match(/^Press Enter/gm)).toHaveLength(3);
  expect(second).toContain(`\nThe input ended before the walkthrough was complete.\n${emulator.report()}\n`);
  expect(exitCode).toBe(1);
  expect(emulator.requests.map(({ operation }) => operation)).toEqual(["create", "delete"]);
});

test("-h prints the usage", async ({ startProgram }) => {
  expect(usage).toContain("(30; at most 86400)"); // as the tests of the time limit say
  expect(await startProgram({}, ["-h"]).ended).toEqual({ stdout: usage, stderr: "", exitCode: 0 });
});

test.for([
  ["an empty time limit", ["--timeout", ""]],
  ["a time limit with a unit", ["--timeout", "30s"]],
  ["a time limit of more than a day", ["--timeout", "86401"]],
  ["a connection string as an argument", ["endpoint=https://127.0.0.1/;accesskey=bm90IHNlY3JldA=="]],
] as const)("%s prints the usage, and sends nothing", async ([, args], { emulator, startProgram }) => {
  const result = await startProgram(emulator.settings, [...args]).ended;
  expect(result).toEqual({ stdout: "", stderr: usage, exitCode: 2 });
  expect(emulator.requests).toEqual([]);
});

test("a time limit of a day doesn't keep the program from ending", async ({ emulator, startProgram }) => {
  const { ended } = startProgram(emulator.settings, ["--timeout", "86400"]);
  await emulator.receives("delete 2");
  const last = Date.now();
  expect(await ended).toMatchObject({ stderr: "", exitCode: 0 });
  expect(Date.now() - last).toBeLessThan(3000); // Nor does the time limit of the cleanup, 4.8 seconds.
});
