// The interactive walk and the command line.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { mask } from "./docs.ts";
import { hasTerminal, nodeOptions, openTerminal, programFile, root, run, test } from "./fixture.ts";

const prompts = [
  "Next: Creating an identity. Press Enter to go on.",
  "Next: Issuing an access token. Press Enter to go on.",
  "Next: Creating an identity with an access token. Press Enter to go on.",
  "Next: Refreshing the access token. Press Enter to go on.",
  "Next: Revoking the access tokens. Press Enter to go on.",
  "Next: Deleting the identities. Press Enter to go on.",
];

describe.concurrent("--step", () => {
  test("names each step and waits for Enter, and leaves the results as they are", async ({ emulator, walk }) => {
    const { exitCode, stdout, stderr } = await walk(emulator.settings, ["--step"], { input: "\n".repeat(6) });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: prompts.map((prompt) => `\n${prompt}\n`).join("") });
    expect(mask(await readFile(join(root, "README.md"), "utf8"))).toContain(`\`\`\`console\n${mask(stdout)}\`\`\``);
  });

  test("sends nothing before the first Enter", async ({ emulator, walk }) => {
    expect(await walk(emulator.settings, ["--step"])).toMatchObject({ exitCode: 1, stderr: `\n${prompts[0]}\nThe input ended before the walkthrough did.\n` });
    expect(emulator.requests).toEqual([]);
  });

  test("does not count the wait for a person as a wait for the service", async ({ emulator, walk }) => {
    const timeout = 2000; // milliseconds
    const { exitCode } = await walk(emulator.settings, ["--step", "--timeout", String(timeout / 1000)], {
      input: null,
      // Time itself is what is awaited here, from the first prompt on.
      onStart: (child) => child.stderr!.once("data", () => setTimeout(() => child.stdin!.end("\n".repeat(6)), timeout + 200)),
    });
    expect(exitCode).toBe(0);
  });

  test.skipIf(!hasTerminal)("in a terminal, ends with Ctrl-C at a pause, and deletes what was created", async ({ emulator, program }) => {
    const terminal = openTerminal([process.execPath, program, "--step"], { settings: emulator.settings });
    for (const prompt of prompts.slice(0, 3)) {
      await terminal.shows(prompt);
      terminal.type("\n");
    }
    await terminal.shows(prompts[3]!);
    expect(emulator.identities.size).toBe(2);
    terminal.type("\x03");
    expect(await terminal.ended).toMatchObject({ exitCode: 130, screen: expect.stringContaining("Interrupted: deleting what was created.\n") });
    expect(emulator.requests.map(({ operation }) => operation)).toEqual(["create", "issue", "create", "delete", "delete"]);
    expect(emulator.identities.size).toBe(0);
  });

  test.skipIf(!hasTerminal)("in a terminal, ends with Ctrl-D at a pause", async ({ emulator, program }) => {
    const terminal = openTerminal([process.execPath, program, "--step"], { settings: emulator.settings });
    await terminal.shows(prompts[0]!);
    terminal.type("\n");
    await terminal.shows(prompts[1]!);
    terminal.type("\x04");
    expect(await terminal.ended).toMatchObject({ exitCode: 1, screen: expect.stringMatching(/The input ended before the walkthrough did\.\n$/) });
    expect(emulator.requests.map(({ operation }) => operation)).toEqual(["create", "delete"]);
  });

  test.skipIf(!hasTerminal)("in a terminal, does the same with npm run local", async () => {
    const terminal = openTerminal(["npm", "run", "--silent", "local", "--", "--step"], { cwd: root });
    await terminal.shows(prompts[0]!);
    terminal.type("\n");
    await terminal.shows(prompts[1]!);
    terminal.type("\x03");
    const { exitCode, screen } = await terminal.ended;
    expect(exitCode).toBe(130);
    expect(screen).toMatch(/Created an identity[^]*Interrupted: deleting what was created\.\n$/);
    expect(screen).not.toContain("Issued an access token");
  });
});

describe.concurrent("the command line", () => {
  // The usage is the comment at the top of the program, which is not in the bundle.
  const type = (settings: object, args: string[]) => run([process.execPath, ...nodeOptions, programFile, ...args], { settings });
  const usage = /^Walks .*\n\nUsage: npx tsx issue-access-tokens\.ts .*--step.*--timeout/;

  test("--help explains the options, the settings and the exit codes", async () => {
    const { exitCode, stdout, stderr } = await type({}, ["--help"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toMatch(usage);
    expect(stdout).not.toMatch(/import|\/\//);
    for (const word of ["COMMUNICATION_SERVICES_CONNECTION_STRING", "COMMUNICATION_SERVICES_ENDPOINT", "0 all", "1 it", "2 it", "130"]) expect(stdout).toContain(word);
  });

  test.for([
    [["--frob"], "Unknown option '--frob'."],
    [["--timeout", "0"], "--timeout needs a number of seconds above 0."],
    [["--timeout", "soon"], "--timeout needs a number of seconds above 0."],
    [["endpoint=https://localhost/;accesskey=bm90IHNlY3JldA=="], "There are options only, and no other arguments."],
  ] as const)("refuses %j", async ([args, sentence], { emulator }) => {
    const { exitCode, stdout, stderr } = await type(emulator.settings, [...args]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr.split("\n\n")[0]).toBe(sentence);
    expect(stderr.slice(sentence.length + 2)).toMatch(usage);
    expect(emulator.requests).toEqual([]);
  });
});
