// Tests of what ends the walkthrough from outside: signals, closed output, and the time limit.

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { describe, expect } from "vitest";
import { delay, error, type Fault, silence } from "./support/faults.ts";
import { calls, hint } from "./support/calls.ts";
import { root } from "./support/environment.ts";
import { test } from "./support/fixtures.ts";
import { hasSignals, hasTerminal } from "./support/processes.ts";

const interrupted = "Interrupted. Cleaning up (15 seconds at most).\n";
const withToken = calls.findIndex(({ step }) => step === "Create an identity with a token") + 1;
const lastCall = calls.length;

/** A process that a fault interrupts: `onStart` receives the process. */
class RunningProgram {
  child!: ChildProcess;
  onStart = (child: ChildProcess) => (this.child = child);

  /** Returns a fault that interrupts the process, and continues with another fault. */
  interrupt(how: (child: ChildProcess) => unknown, fault: Fault): Fault {
    return (respond) => {
      how(this.child);
      return fault(respond);
    };
  }
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
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /^"Create an identity" failed: Timed .*\nThe sign-in might be slow: .*\nNo identities to de/,
    );
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

describe.skipIf(!hasSignals)("a signal", { concurrent: true }, () => {
  test("also deletes an identity whose ID arrives during the cleanup", async ({ emulator, runProgram }) => {
    const program = new RunningProgram();
    // The first deletion starts 5 seconds after the signal, and isn't finished when the ID arrives.
    const interruption = program.interrupt((child) => child.kill("SIGINT"), delay(5300));
    emulator.once(withToken, interruption);
    emulator.always("delete", delay(700));
    const { exitCode, stderr } = await runProgram(emulator.settings, [], program);
    expect({ exitCode, stderr }).toEqual({ exitCode: 130, stderr: `${interrupted}Identities deleted: 2\n` });
    expect(emulator.requests.filter(({ operation }) => operation === "delete")).toHaveLength(2);
    expect(emulator.identities.size).toBe(0);
  });

  test.for([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("%s waits for the call in progress and deletes its identity", async (row, { emulator, runProgram }) => {
    const [signal, expected] = row;
    const program = Object.assign(new RunningProgram(), { input: "\n".repeat(calls.length) });
    const interruption = program.interrupt((child) => child.kill(signal), delay(500));
    emulator.once(withToken, interruption);
    const { exitCode, stderr } = await runProgram(emulator.settings, ["--step"], program);
    expect(exitCode).toBe(expected);
    expect(stderr.slice(stderr.indexOf(interrupted))).toBe(`${interrupted}Identities deleted: 2\n`);
    expect(emulator.requests, hint).toHaveLength(withToken + 2);
    expect(emulator.identities.size).toBe(0);
  });

  test("is reported right away, and waits 5 seconds at most for the call", async ({ emulator, runProgram }) => {
    const program = new RunningProgram();
    let [started, reported] = [0, 0];
    const interrupt = (child: ChildProcess) => {
      started = Date.now();
      child.stderr!.once("data", () => (reported = Date.now()));
      child.kill("SIGINT");
    };
    emulator.once("issue", program.interrupt(interrupt, silence));
    const { exitCode, stderr } = await runProgram(emulator.settings, [], program);
    expect({ exitCode, stderr }).toEqual({ exitCode: 130, stderr: `${interrupted}Identities deleted: 1\n` });
    expect(reported - started).toBeLessThan(2000);
    expect(Date.now() - started).toBeGreaterThan(4900);
  });

  test("during the last call changes the exit code", async ({ emulator, runProgram }) => {
    const program = new RunningProgram();
    const interruption = program.interrupt((child) => child.kill("SIGINT"), delay(200));
    emulator.once(lastCall, interruption);
    const { exitCode, stderr } = await runProgram(emulator.settings, [], program);
    expect({ exitCode, stderr }).toEqual({ exitCode: 130, stderr: `${interrupted}No identities to delete.\n` });
    expect(emulator.requests, hint).toHaveLength(lastCall);
  });

  test("ends the program while it still waits for its settings", async ({ bundles, clone, processes }) => {
    await processes.run(["mkfifo", ".env"], { cwd: clone });
    const [reader, writer] = [new RunningProgram(), new RunningProgram()];
    const program = processes.run([process.execPath, bundles.program], { cwd: clone, onStart: reader.onStart });
    // The shell can open the pipe as soon as the program reads it.
    const shell = ["sh", "-c", "exec 3>.env; echo open; exec sleep 60"];
    void processes.run(shell, { cwd: clone, onStart: writer.onStart });
    await once(writer.child.stdout!, "data");
    reader.child.kill("SIGINT");
    // It ends without a cleanup, because nothing was sent.
    expect(await program).toEqual({ exitCode: null, stdout: "", stderr: "" });
  });

  test.skipIf(!hasTerminal)("from Ctrl+C in a terminal reaches npx tsx", async ({ emulator, processes }) => {
    const command = ["npx", "tsx", "issue-access-tokens.ts"];
    const terminal = processes.openTerminal(command, { settings: emulator.settings, cwd: root });
    emulator.once("revoke", (respond) => {
      terminal.type("\x03");
      return delay(200)(respond);
    });
    const { exitCode, screen } = await terminal.ended;
    expect(exitCode).toBe(130);
    expect(screen).toMatch(/Interrupted\.[^]*\nIdentities deleted: 2\n$/);
    expect(emulator.identities.size).toBe(0);
  });
});

describe.concurrent("closed stdout", () => {
  test.for([
    [1, "Identities deleted: 1"],
    [lastCall, "No identities to delete."],
  ] as const)("during call %i is reported, and leaves nothing behind", async (row, { emulator, runProgram }) => {
    const [call, result] = row;
    const program = new RunningProgram();
    const interruption = program.interrupt((child) => child.stdout!.destroy(), delay(200));
    emulator.once(call, interruption);
    const { exitCode, stderr } = await runProgram(emulator.settings, [], program);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(new RegExp(`^Printing the results failed: write E\\w+\n${result}\n$`));
    expect(emulator.identities.size).toBe(0);
  });
});
