// Tests of the options.

import { readFile } from "node:fs/promises";
import { describe, expect } from "vitest";
import { hint, steps } from "./support/calls.ts";
import { programFile, root } from "./support/environment.ts";
import { test } from "./support/fixtures.ts";
import { mask } from "./support/output.ts";
import { hasTerminal, nodeOptions } from "./support/processes.ts";
import { snippets } from "./tools/docs.ts";

const original = [process.execPath, ...nodeOptions, programFile];
const heading = (step: string) => `Step ${steps.indexOf(step) + 1} of ${steps.length}: ${step}`;
const prompt = "Press Enter to run this code, or Ctrl+C to stop and clean up.";
const enter = "\n".repeat(20); // more than there are steps
const end = `\nAll ${steps.length} steps are done. Both identities are deleted. Next: README, "Use the token"\n`;

describe.concurrent("--step", () => {
  test("shows the code of each step, and leaves stdout as it is", async ({ emulator, run, runProgram }) => {
    const options = { settings: emulator.settings, input: enter };
    const { exitCode, stdout, stderr } = await run([...original, "--step"], options);
    const program = await readFile(programFile, "utf8");
    const lines = program.split("\n");
    const shown = [...snippets(program)].slice(1).map(([name, code], index) => {
      const firstLine = lines.findIndex((line) => line.trim() === `// <${name}>`) + 2;
      const title = index === 0 ? "Already run: Authenticate the client" : heading(steps[index - 1]!);
      const indented = code.replaceAll(/^(?=.)/gm, "  ").replaceAll(/^(.{79}).{2,}$/gm, "$1…"); // in 80 columns
      return `\n${title}  (issue-access-tokens.ts:${firstLine})\n\n${indented}\n${index === 0 ? "" : `\n${prompt}\n`}`;
    });
    expect({ exitCode, stderr }, hint).toEqual({ exitCode: 0, stderr: shown.join("") + end });
    expect(mask(stdout)).toBe(mask((await runProgram(emulator.settings)).stdout));
  });

  test("shows the headings and prompts of a bundle, which has no comments", async ({ emulator, runProgram }) => {
    const { exitCode, stderr } = await runProgram(emulator.settings, ["--step"], { input: enter });
    const screens = steps.map((step) => `\n${heading(step)}\n\n\n${prompt}\n`);
    const shown = ["\nAlready run: Authenticate the client\n\n", ...screens, end].join("");
    expect({ exitCode, stderr }, hint).toEqual({ exitCode: 0, stderr: shown });
  });

  test("sends nothing before the first Enter", async ({ emulator, runProgram }) => {
    const { exitCode, stderr } = await runProgram(emulator.settings, ["--step"], { input: "" });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/\nThe input ended before the walkthrough was complete\.\nNo identities to delete\.\n$/);
    expect(emulator.requests).toEqual([]);
  });

  test("does not count waiting for Enter toward the time limit", async ({ emulator, runProgram }) => {
    const { exitCode } = await runProgram(emulator.settings, ["--step", "--timeout", "3"], {
      input: null,
      // This test has to wait for real time to pass, starting at the first prompt.
      onStart: (child) => child.stderr!.once("data", () => setTimeout(() => child.stdin!.end(enter), 3200)),
    });
    expect(exitCode).toBe(0);
  });

  test.skipIf(!hasTerminal).for([
    ["Ctrl+C", "\x03", 130, "Interrupted. Cleaning up (15 seconds at most)."],
    ["Ctrl+D", "\x04", 1, "The input ended before the walkthrough was complete."],
  ] as const)("stops at a prompt on %s and deletes what was created", async (row, { emulator, bundles, processes }) => {
    const [, key, expected, reason] = row;
    const command = [process.execPath, bundles.program, "--step"];
    const settings = { ...emulator.settings, NO_COLOR: "1" };
    const terminal = processes.openTerminal(command, { settings });
    for (const step of steps.slice(0, 3)) {
      await terminal.shows(`: ${step}\n\n\n${prompt}`);
      terminal.type("\n");
    }
    await terminal.shows(`: ${steps[3]}`);
    const typed = Date.now();
    terminal.type(key);
    const { exitCode, screen } = await terminal.ended;
    expect(exitCode).toBe(expected);
    expect(screen.slice(screen.indexOf(reason)), hint).toBe(`${reason}\nIdentities deleted: 2\n`);
    expect(Date.now() - typed).toBeLessThan(5000); // No call is in progress, so there is nothing to wait for.
    expect(emulator.identities.size).toBe(0);
  });

  test.skipIf(!hasTerminal)(
    "with npm run step is in color in a terminal, and stops on Ctrl+C",
    async ({ processes }) => {
      const settings = { TERM: "xterm", CI: undefined }; // Node assumes no colors in CI.
      const terminal = processes.openTerminal(["npm", "run", "--silent", "step"], { settings, cwd: root });
      await terminal.shows(prompt);
      terminal.type("\n");
      await terminal.shows(`: ${steps[1]}`);
      terminal.type("\x03");
      const { exitCode, screen } = await terminal.ended;
      expect(exitCode).toBe(130);
      expect(screen).toContain(`: ${steps[0]}\x1b[22m`);
      expect(screen).toMatch(/\nCreated an identity[^]*Interrupted\..*\nIdentities deleted: 1\n$/);
    },
  );
});

describe.concurrent("the command line", () => {
  test("prints the usage from the top of the program for --help, in 80 columns", async ({ run }) => {
    const { exitCode, stdout, stderr } = await run([...original, "--help"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const program = await readFile(programFile, "utf8");
    const usage = program.slice(program.indexOf("// Usage"), program.indexOf("\n\n") + 1);
    expect(stdout).toBe(usage.replaceAll(/^\/\/ ?/gm, ""));
    expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  test("knows -h", async ({ runProgram }) => {
    expect(await runProgram({}, ["-h"])).toMatchObject({ exitCode: 0, stderr: "" });
  });

  const wrongLimit = "--timeout must be more than 0 and at most 86400 seconds.\n";
  const positional = "Unexpected argument. This command does not take positional arguments\nFor help, add --help.\n";
  test.for([
    ["an unknown option", ["--frob"], "Unknown option '--frob'\nFor help, add --help.\n"],
    ["a time limit of 0", ["--timeout", "0"], wrongLimit],
    ["a time limit of a year", ["--timeout", "31536000"], wrongLimit],
    ["a connection string as an argument", ["endpoint=https://127.0.0.1/;accesskey=bm90IHNlY3JldA=="], positional],
  ] as const)("rejects %s before sending anything", async ([, args, message], { emulator, runProgram }) => {
    const result = await runProgram(emulator.settings, [...args]);
    expect(result).toEqual({ exitCode: 2, stdout: "", stderr: message });
    expect(emulator.requests).toEqual([]);
  });
});
