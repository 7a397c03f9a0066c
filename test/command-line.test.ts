// Tests of the options.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { test } from "./support/fixtures.ts";
import { hasTerminal, nodeOptions, programFile, root } from "./support/processes.ts";
import { mask } from "./tools/docs.ts";

const prompts = [
  "Next: Creating an identity. Press Enter to continue.",
  "Next: Issuing an access token. Press Enter to continue.",
  "Next: Creating an identity with an access token. Press Enter to continue.",
  "Next: Refreshing the access token. Press Enter to continue.",
  "Next: Revoking the access tokens. Press Enter to continue.",
  "Next: Deleting the identities. Press Enter to continue.",
];

describe.concurrent("--step", () => {
  test("announces each step, waits for Enter, and does not change the output", async ({ emulator, walk }) => {
    const { exitCode, stdout, stderr } = await walk(emulator.settings, ["--step"], { input: "\n".repeat(6) });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: prompts.map((prompt) => `\n${prompt}\n`).join("") });
    expect(mask(await readFile(join(root, "README.md"), "utf8"))).toContain(
      `\`\`\`console output\n${mask(stdout)}\`\`\``,
    );
  });

  test("sends nothing before the first Enter", async ({ emulator, walk }) => {
    const { exitCode, stderr } = await walk(emulator.settings, ["--step"], { input: "" });
    const end = "The input ended before the walkthrough was complete.\nThere was no known identity to delete.\n";
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: `\n${prompts[0]}\n${end}` });
    expect(emulator.requests).toEqual([]);
  });

  test("does not count waiting for Enter toward the time limit", async ({ emulator, walk }) => {
    const timeout = 3000; // milliseconds
    const { exitCode } = await walk(emulator.settings, ["--step", "--timeout", String(timeout / 1000)], {
      input: null,
      // This test has to wait for real time to pass, starting at the first prompt.
      onStart: (child) =>
        child.stderr!.once("data", () => setTimeout(() => child.stdin!.end("\n".repeat(6)), timeout + 200)),
    });
    expect(exitCode).toBe(0);
  });

  test.skipIf(!hasTerminal)(
    "stops at a prompt on Ctrl+C and deletes what was created",
    async ({ emulator, bundles, processes }) => {
      const terminal = processes.openTerminal([process.execPath, bundles.program, "--step"], {
        settings: emulator.settings,
      });
      for (const prompt of prompts.slice(0, 3)) {
        await terminal.shows(prompt);
        terminal.type("\n");
      }
      await terminal.shows(prompts[3]!);
      expect(emulator.identities.size).toBe(2);
      const typed = Date.now();
      terminal.type("\x03");
      const { exitCode, screen } = await terminal.ended;
      expect(exitCode).toBe(130);
      expect(screen).toMatch(/Interrupted\. Cleaning up \(15 seconds at most\)\.\nIdentities deleted: 2\n$/);
      expect(Date.now() - typed).toBeLessThan(5000); // No call is in progress, so there is nothing to wait for.
      expect(emulator.requests.map(({ operation }) => operation)).toEqual([
        "create",
        "issue",
        "create",
        "delete",
        "delete",
      ]);
      expect(emulator.identities.size).toBe(0);
    },
  );

  test.skipIf(!hasTerminal)(
    "stops at a prompt on Ctrl+D and deletes what was created",
    async ({ emulator, bundles, processes }) => {
      const terminal = processes.openTerminal([process.execPath, bundles.program, "--step"], {
        settings: emulator.settings,
      });
      await terminal.shows(prompts[0]!);
      terminal.type("\n");
      await terminal.shows(prompts[1]!);
      terminal.type("\x04");
      const { exitCode, screen } = await terminal.ended;
      expect(exitCode).toBe(1);
      expect(screen).toMatch(/The input ended before the walkthrough was complete\.\nIdentities deleted: 1\n$/);
      expect(emulator.requests.map(({ operation }) => operation)).toEqual(["create", "delete"]);
    },
  );

  test.skipIf(!hasTerminal)("stops on Ctrl+C with npm run local, too", async ({ processes }) => {
    const terminal = processes.openTerminal(["npm", "run", "--silent", "local", "--", "--step"], { cwd: root });
    await terminal.shows(prompts[0]!);
    terminal.type("\n");
    await terminal.shows(prompts[1]!);
    terminal.type("\x03");
    const { exitCode, screen } = await terminal.ended;
    expect(exitCode).toBe(130);
    expect(screen).toMatch(/Created an identity[^]*Interrupted\..*\nIdentities deleted: 1\n$/);
    expect(screen).not.toContain("Issued an access token");
  });
});

describe.concurrent("the command line", () => {
  test("--help explains the options, the settings, and the exit codes in 80 columns", async ({ run }) => {
    // The usage text is the header of the original file, which the bundle does not contain.
    const { exitCode, stdout, stderr } = await run([process.execPath, ...nodeOptions, programFile, "--help"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const source = await readFile(programFile, "utf8");
    const header = source.split("\n").slice(0, source.split("\n").indexOf(""));
    expect(stdout.trim().split("\n")).toEqual(header.map((line) => line.replace(/^\/\/ ?/, "")));
    expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
    const names = [
      "--step",
      "--timeout",
      "COMMUNICATION_SERVICES_CONNECTION_STRING",
      "COMMUNICATION_SERVICES_ENDPOINT",
    ];
    for (const name of [...names, "0 success", "1 failure", "2 invalid", "130"]) expect(stdout).toContain(name);
  });

  test.for([
    ["an unknown option", ["--frob"], "Unknown option '--frob'\n"],
    ["a time limit of 0", ["--timeout", "0"], "--timeout must be more than 0 and at most 86400 seconds.\n"],
    [
      "a time limit that is not a number",
      ["--timeout", "soon"],
      "--timeout must be more than 0 and at most 86400 seconds.\n",
    ],
    ["a time limit of a year", ["--timeout", "31536000"], "--timeout must be more than 0 and at most 86400 seconds.\n"],
    ["a missing time limit", ["--timeout"], "Option '--timeout <value>' argument missing\n"],
    [
      "a connection string as an argument",
      ["endpoint=https://127.0.0.1/;accesskey=bm90IHNlY3JldA=="],
      "This program takes no positional arguments.\n",
    ],
  ] as const)("rejects %s before sending anything", async ([, args, message], { emulator, walk }) => {
    const result = await walk(emulator.settings, [...args]);
    expect(result).toEqual({ exitCode: 2, stdout: "", stderr: message });
    expect(emulator.requests).toEqual([]);
  });
});
