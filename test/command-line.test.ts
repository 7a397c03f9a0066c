// Tests of the options.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { callOf, hint, reportBefore, steps } from "./support/calls.ts";
import { programFile, root } from "./support/environment.ts";
import { test } from "./support/fixtures.ts";
import { mask } from "./support/output.ts";
import { hasTerminal, nodeOptions } from "./support/processes.ts";
import { snippets } from "./tools/docs.ts";

const authentication = "Authenticate the client";
const heading = (step: string) => `Step ${steps.indexOf(step) + 1} of ${steps.length}: ${step}`;
const prompt = "Press Enter to run this code, or Ctrl+C to stop and clean up.";
const enter = "\n".repeat(20); // more than there are steps

/** Returns the text of a constant at the top of the program. */
async function textOf(name: string): Promise<string> {
  const program = await readFile(programFile, "utf8");
  return new RegExp(`^const ${name} = \`([^]*?)\`;$`, "m").exec(program)![1]!;
}

describe.concurrent("--step", () => {
  test("shows the code of each step, also with the line ends of Windows, and leaves stdout as it is", async ({
    clone,
    emulator,
    run,
    runProgram,
  }) => {
    const program = await readFile(programFile, "utf8");
    const file = join(clone, "issue-access-tokens.ts");
    await writeFile(file, program.replaceAll("\n", "\r\n"));
    const options = { settings: emulator.settings, input: enter };
    const { exitCode, stdout, stderr } = await run([process.execPath, ...nodeOptions, file, "--step"], options);
    const lines = program.split("\n");
    const titles = [authentication, ...steps.map(heading)];
    const shown = [...snippets(program)].slice(1).map(([name, code], index) => {
      const firstLine = lines.findIndex((line) => line.trim() === `// <${name}>`) + 2;
      const indented = code.replaceAll(/^(?=.)/gm, "  ").replaceAll(/^(.{79}).{2,}$/gm, "$1…"); // in 80 columns
      return `\n${titles[index]}  (issue-access-tokens.ts:${firstLine})\n\n${indented}\n\n${prompt}\n`;
    });
    const screens = [`\n${await textOf("about")}\n`, ...shown, `${await textOf("nextSteps")}\n`];
    expect({ exitCode, stderr }, hint).toEqual({ exitCode: 0, stderr: screens.join("") });
    expect(mask(stdout)).toBe(mask((await runProgram(emulator.settings)).stdout));
  });

  test("shows the headings and prompts of a bundle, which has no comments", async ({ emulator, runProgram }) => {
    const { exitCode, stderr } = await runProgram(emulator.settings, ["--step"], { input: enter });
    const titles = [authentication, ...steps.map(heading)];
    const shown = titles.map((title) => `\n${title}\n\n\n\n${prompt}\n`);
    const screens = [`\n${await textOf("about")}\n`, ...shown, `${await textOf("nextSteps")}\n`];
    expect({ exitCode, stderr }, hint).toEqual({ exitCode: 0, stderr: screens.join("") });
  });

  test("runs the code only after an empty line", async ({ emulator, runProgram }) => {
    const { stderr } = await runProgram(emulator.settings, ["--step"], { input: "\nhelp\nq\n\n" });
    const [, first = ""] = stderr.split(`: ${steps[0]}\n`);
    expect(first.split(`: ${steps[1]}\n`)[0]!.split(prompt)).toHaveLength(4); // the prompt, three times
    expect(emulator.requests.map(({ method }) => method)).toEqual(["POST", "DELETE"]);
  });

  test("sends nothing before the first Enter", async ({ emulator, runProgram }) => {
    const { exitCode, stderr } = await runProgram(emulator.settings, ["--step"], { input: "" });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/\nThe input ended before the walkthrough was complete\.\nNo identities to delete\.\n$/);
    expect(emulator.requests).toEqual([]);
  });

  test("does not count waiting for Enter toward the time limit", async ({ emulator, runProgram }) => {
    const { exitCode } = await runProgram(emulator.settings, ["--step", "--timeout", "5"], {
      input: null,
      // This test has to wait for real time to pass, starting at the first prompt.
      onStart: (child) => child.stderr!.once("data", () => setTimeout(() => child.stdin!.end(enter), 5200)),
    });
    expect(exitCode).toBe(0);
  });

  test.skipIf(!hasTerminal).for([
    ["Ctrl+C", "\x03", 130, "Interrupted. Cleaning up (9 seconds at most)."],
    ["Ctrl+D", "\x04", 1, "The input ended before the walkthrough was complete."],
  ] as const)("stops at a prompt on %s and deletes what was created", async (row, { emulator, bundles, processes }) => {
    const [, key, expected, reason] = row;
    const command = [process.execPath, bundles.program, "--step"];
    const settings = { ...emulator.settings, NO_COLOR: "1" };
    const terminal = processes.openTerminal(command, { settings });
    for (const title of [authentication, ...steps.slice(0, 3)]) {
      await terminal.shows(`${title}\n\n\n\n${prompt}`);
      terminal.type("\n");
    }
    await terminal.shows(`: ${steps[3]}`);
    const typed = Date.now();
    terminal.type(key);
    const { exitCode, screen } = await terminal.ended;
    expect(exitCode).toBe(expected);
    expect(screen.slice(screen.indexOf(reason)), hint).toBe(`${reason}\n${reportBefore(callOf(steps[3]!))}\n`);
    expect(Date.now() - typed).toBeLessThan(4000); // No call is in progress, so there is nothing to wait for.
    expect(emulator.identities.size).toBe(0);
  });

  test.skipIf(!hasTerminal)(
    "shows bold headings and lines as wide as the terminal with npm run step, and stops on Ctrl+C",
    async ({ processes }) => {
      const settings = { TERM: "xterm", CI: undefined }; // Node assumes no colors in CI.
      const command = ["sh", "-c", "stty cols 100; npm run --silent step"];
      const terminal = processes.openTerminal(command, { settings, cwd: root });
      await terminal.shows(prompt);
      terminal.type("\n");
      await terminal.shows(`: ${steps[0]}`);
      terminal.type("\n");
      await terminal.shows(`: ${steps[1]}`);
      terminal.type("\x03");
      const { exitCode, screen } = await terminal.ended;
      expect(exitCode).toBe(130);
      expect(screen).toContain(`: ${steps[0]}\x1b[22m`);
      const longest = Math.max(
        ...screen
          .split("\n")
          .filter((line) => line.endsWith("…"))
          .map((line) => line.length),
      );
      expect(longest).toBe(100);
      expect(screen).toMatch(/\nCreated an identity[^]*Interrupted\..*\n.*\n$/);
      expect(screen.slice(screen.indexOf("Interrupted")), hint).toContain(reportBefore(callOf(steps[1]!)));
    },
  );
});

describe.concurrent("the command line", () => {
  const usage = async () => `${(await textOf("usage")).replace("${settings}", await textOf("settings"))}\n`;

  test("answers -h with the usage", async ({ runProgram }) => {
    expect(await runProgram({}, ["-h"])).toEqual({ exitCode: 0, stdout: await usage(), stderr: "" });
  });

  test.for([
    ["an unknown option", ["--frob"]],
    ["a time limit of a year", ["--timeout", "31536000"]],
    ["a connection string as an argument", ["endpoint=https://127.0.0.1/;accesskey=bm90IHNlY3JldA=="]],
  ] as const)("answers %s with the usage, and sends nothing", async ([, args], { emulator, runProgram }) => {
    const result = await runProgram(emulator.settings, [...args]);
    expect(result).toEqual({ exitCode: 2, stdout: "", stderr: await usage() });
    expect(emulator.requests).toEqual([]);
  });
});
