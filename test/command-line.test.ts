// Tests of the options.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { snippets } from "./support/docs.ts";
import { programFile } from "./support/environment.ts";
import { test } from "./support/fixtures.ts";
import { hasPty, inTerminal, nodeOptions } from "./support/processes.ts";

const program = await readFile(programFile, "utf8");
const prompt = "Press Enter to run this code, or Ctrl+C to stop and clean up.";

/** Returns the text of a constant at the top of the program. */
const textOf = (name: string) => new RegExp(`^const ${name} = \`([^]*?)\`;$`, "m").exec(program)![1]!;
const usage = `${textOf("usage").replace("${settings}", textOf("settings"))}\n`;

test("--step shows the code of each step, also with the line ends of Windows", async ({ emulator, project, start }) => {
  const file = join(project, "issue-access-tokens.ts");
  await writeFile(file, program.replaceAll("\n", "\r\n"));
  const options = { settings: emulator.settings, input: "\n".repeat(20) };
  const { stdout, stderr, exitCode } = await start([process.execPath, ...nodeOptions, file, "--step"], options).ended;
  const codeOf = snippets(program);
  const steps = [...program.matchAll(/startStep\("(.+)", "(\w+)"\)/g)];
  const shown = steps.map(([, title, tag = ""], number) => {
    const heading = number > 0 ? `Step ${number} of ${steps.length - 1}: ${title}` : title;
    const firstLine = program.slice(0, program.indexOf(`// <${tag}>`)).split("\n").length + 1;
    const code = codeOf.get(tag)!.replaceAll(/^(?=.)/gm, "  ");
    return `\n${heading}  (issue-access-tokens.ts:${firstLine})\n\n${code}\n\n${prompt}\n`;
  });
  const [screens, hint] = stderr.replaceAll("\r\n", "\n").split("\nTo send tokens to ");
  expect(screens).toBe(`\n${textOf("about")}\n${shown.join("")}`);
  expect(hint).toContain('in step 2 of issue-access-tokens.ts: change "voip"');
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^Azure Communication Services.*\n\nCreated an identity with ID: \S+\n\nIssued an access /);
});

test("--step runs code after empty lines, until the input ends", async ({ emulator, startProgram }) => {
  const { stderr, exitCode } = await startProgram(emulator.settings, ["--step"], { input: "\nhelp\n \n\n" }).ended;
  const [, first = ""] = stderr.split("\nCreate an identity\n"); // A bundle lacks the tags, and has no numbers.
  const [screen = "", second = ""] = first.split("\nIssue an access token\n");
  expect(screen.split(prompt)).toHaveLength(4); // the prompt, three times
  expect(second).toContain(`\nThe input ended before the walkthrough was complete.\n${emulator.report()}\n`);
  expect(exitCode).toBe(1);
  expect(emulator.requests.map(({ operation }) => operation)).toEqual(["create", "delete"]);
});

test.skipIf(!hasPty())("npm run step has bold headings, and stops on Ctrl+C", async ({ project, start }) => {
  const settings = { TERM: "xterm", CI: undefined }; // Node assumes no colors in CI.
  const command = inTerminal(["sh", "-c", "npm run --silent step > /dev/null"]);
  const { child, ended, prints } = start(command, { settings, cwd: project, input: null });
  await prints(prompt);
  child.stdin.write("\n");
  await prints("Create an identity\x1b[22m"); // the end of a bold heading
  child.stdin.write("\n");
  await prints("Issue an access token\x1b[22m");
  child.stdin.write("\x03");
  const { stdout, exitCode } = await ended;
  expect(stdout).toMatch(/Interrupted\..*\nIdentities deleted: 1\n$/);
  expect(exitCode).toBe(130);
});

test("-h prints the usage", async ({ startProgram }) => {
  expect(usage).toContain("(30; at most 86400)"); // as the tests of the time limit say
  expect(await startProgram({}, ["-h"]).ended).toEqual({ stdout: usage, stderr: "", exitCode: 0 });
});

test.for([
  ["an unknown option", ["--frob"]],
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
