// Tests of what ends the walkthrough from outside: signals, closed output, and the time limit.

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { describe, expect } from "vitest";
import { delay, error, silence } from "./emulator/faults.ts";
import { callOf, calls, hint } from "./support/calls.ts";
import { test } from "./support/fixtures.ts";
import { hasSignals, hasTerminal, nodeOptions, root } from "./support/processes.ts";

const interrupted = "Interrupted. Cleaning up (15 seconds at most).\n";
const withToken = callOf("Create an identity with an access token");
const lastCall = calls.length;

/** Keeps the process, to send it signals and to close its output. */
function keeper() {
  const kept = {} as { child: ChildProcess; onStart: (child: ChildProcess) => void };
  kept.onStart = (child) => (kept.child = child);
  return kept;
}

// The slowest tests come first, so that the others run while they wait.
describe.concurrent("the time limit", () => {
  const busy = "Check the network, or try again later: the service might be busy.\n";

  const retryLater = error(503, "ServiceUnavailable", "Busy.", { "Retry-After": "3600" });
  test.for([
    ["a call without a response", 1, silence, "No identities to delete."],
    ["retries", withToken, retryLater, "Identities deleted: 1"],
  ] as const)("applies to %s", async ([, call, fault, result], { emulator, runProgram }) => {
    emulator.always(call, fault);
    const { exitCode, stderr } = await runProgram(emulator.settings, ["--timeout", "3"]);
    const reason = `"${calls[call - 1]?.step}" failed: Timed out after 3 seconds.\n${busy}`;
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: `${reason}${result}\n` });
    expect(emulator.identities.size).toBe(0);
  });

  test("applies to the sign-in, and names it", async ({ emulator, runProgram }) => {
    emulator.always("sign-in", silence);
    const { exitCode, stderr } = await runProgram(emulator.entraSettings, ["--timeout", "3"]);
    const advice =
      "The sign-in might be slow: set a longer --timeout, or name your credential in AZURE_TOKEN_CREDENTIALS.\n";
    const reason = `"Create an identity" failed: Timed out after 3 seconds.\n${advice}`;
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: `${reason}No identities to delete.\n` });
  });

  test("leaves 5 seconds for the response, which may contain a new identity", async ({ emulator, runProgram }) => {
    emulator.once(withToken, delay(4000));
    const { exitCode, stderr } = await runProgram(emulator.settings, ["--timeout", "3"]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/Timed out after 3 seconds[^]*\nIdentities deleted: 2\n$/);
    expect(emulator.identities.size).toBe(0);
  });

  test("starts again with each step", async ({ emulator, runProgram }) => {
    for (const call of [1, 2, 3]) emulator.once(call, delay(2000));
    expect(await runProgram(emulator.settings, ["--timeout", "5"])).toMatchObject({ exitCode: 0, stderr: "" });
  });
});

describe.concurrent("an interruption", () => {
  test.skipIf(!hasSignals)(
    "also deletes an identity whose ID arrives during the cleanup",
    async ({ emulator, runProgram }) => {
      const program = keeper();
      emulator.once(withToken, (respond) => {
        program.child.kill("SIGINT");
        return delay(5300)(respond);
      });
      // The first deletion starts after 5 seconds, and isn't finished when the ID arrives.
      emulator.always("delete", delay(700));
      const { exitCode, stderr } = await runProgram(emulator.settings, [], program);
      expect({ exitCode, stderr }).toEqual({ exitCode: 130, stderr: `${interrupted}Identities deleted: 2\n` });
      expect(emulator.requests.filter(({ operation }) => operation === "delete")).toHaveLength(2);
      expect(emulator.identities.size).toBe(0);
    },
  );

  test.skipIf(!hasSignals).for([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)(
    "by %s waits for the identity of the call in progress and deletes it",
    async ([signal, expected], { emulator, runProgram }) => {
      const program = keeper();
      // The service creates the second identity and responds half a second after the signal.
      emulator.once(withToken, (respond) => {
        program.child.kill(signal);
        return delay(500)(respond);
      });
      const options = { ...program, input: "\n".repeat(calls.length) };
      const { exitCode, stderr } = await runProgram(emulator.settings, ["--step"], options);
      expect(exitCode).toBe(expected);
      expect(stderr.slice(stderr.indexOf(interrupted))).toBe(`${interrupted}Identities deleted: 2\n`);
      expect(emulator.requests, hint).toHaveLength(withToken + 2);
      expect(emulator.identities.size).toBe(0);
    },
  );

  test.skipIf(!hasSignals)(
    "is reported right away, and waits 5 seconds at most for the call in progress",
    async ({ emulator, runProgram }) => {
      const program = keeper();
      let started = 0;
      let reported = 0;
      emulator.once("issue", (respond) => {
        started = Date.now();
        program.child.stderr!.once("data", () => (reported = Date.now() - started));
        program.child.kill("SIGINT");
        return silence(respond);
      });
      const { exitCode, stderr } = await runProgram(emulator.settings, [], program);
      expect({ exitCode, stderr }).toEqual({ exitCode: 130, stderr: `${interrupted}Identities deleted: 1\n` });
      expect(reported).toBeLessThan(2000);
      expect(Date.now() - started).toBeGreaterThan(4900);
      expect(emulator.identities.size).toBe(0);
    },
  );

  test.skipIf(!hasSignals)("by SIGINT during the last call changes the exit code", async ({ emulator, runProgram }) => {
    const program = keeper();
    emulator.once(lastCall, (respond) => {
      program.child.kill("SIGINT");
      return delay(200)(respond);
    });
    const { exitCode, stderr } = await runProgram(emulator.settings, [], program);
    expect({ exitCode, stderr }).toEqual({ exitCode: 130, stderr: `${interrupted}No identities to delete.\n` });
    expect(emulator.requests, hint).toHaveLength(lastCall);
  });

  test("by closed stdout during the last call changes the exit code", async ({ emulator, runProgram }) => {
    const program = keeper();
    emulator.once(lastCall, (respond) => {
      program.child.stdout!.destroy();
      return delay(200)(respond);
    });
    const { exitCode, stderr } = await runProgram(emulator.settings, [], program);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^Printing the results failed: .*\nNo identities to delete\.\n$/);
  });

  test("by closed stdout deletes what was created", async ({ emulator, runProgram }) => {
    const onStart = (child: ChildProcess) => child.stdout!.once("data", () => child.stdout!.destroy());
    const { exitCode, stderr } = await runProgram(emulator.settings, [], { onStart });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^Printing the results failed: write E\w+\nIdentities deleted: \d\n$/);
    expect(emulator.identities.size).toBe(0);
  });

  test.skipIf(!hasTerminal)(
    "by Ctrl+C in a terminal with npx tsx deletes what was created",
    async ({ emulator, processes }) => {
      const command = ["npx", "tsx", "issue-access-tokens.ts"];
      const terminal = processes.openTerminal(command, { settings: emulator.settings, cwd: root });
      emulator.once("revoke", (respond) => {
        terminal.type("\x03");
        return delay(200)(respond);
      });
      const { exitCode, screen } = await terminal.ended;
      expect(exitCode).toBe(130);
      expect(screen).toContain(interrupted);
      expect(screen).toMatch(/\nIdentities deleted: 2\n$/);
      expect(emulator.identities.size).toBe(0);
    },
  );

  test.skipIf(!hasSignals)("ends the program while it still waits for its settings", async ({ clone, processes }) => {
    await processes.run(["mkfifo", ".env"], { cwd: clone });
    const reader = keeper();
    const writer = keeper();
    const command = [process.execPath, ...nodeOptions, "issue-access-tokens.ts"];
    const program = processes.run(command, { cwd: clone, ...reader });
    // The shell can open the pipe as soon as the program reads it.
    void processes.run(["sh", "-c", "exec 3>.env; echo open; exec sleep 60"], { cwd: clone, ...writer });
    await once(writer.child.stdout!, "data");
    reader.child.kill("SIGINT");
    // It ends without a cleanup, because nothing was sent.
    expect(await program).toEqual({ exitCode: null, stdout: "", stderr: "" });
  });
});
