// Tests of what ends the walkthrough from outside: signals, closed output, and the time limit.

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { describe, expect } from "vitest";
import { delay, error, type Fault, silence } from "./support/faults.ts";
import { callOf, calls, hint, reportBefore } from "./support/calls.ts";
import { root } from "./support/environment.ts";
import { test } from "./support/fixtures.ts";
import { hasSignals, hasTerminal } from "./support/processes.ts";

const interrupted = "Interrupted. Cleaning up (9 seconds at most).\n";
const unfinished = (step?: string) => `"${step}" hasn't finished. An identity that it creates remains.\n`;
const withToken = callOf("Create an identity with a token");
const deletedWithToken = reportBefore(withToken + 1);
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
  const advice =
    "Check the network, or set a longer --timeout. If Entra ID signs in slowly, set AZURE_TOKEN_CREDENTIALS.\n";
  const retryLater = error(503, "ServiceUnavailable", "Busy.", { "Retry-After": "3600" });

  test.for([
    ["a call without a response", "settings", 1, silence],
    ["retries", "settings", withToken, retryLater],
    ["the sign-in", "entraSettings", "sign-in", silence],
  ] as const)("applies to %s, which is named as unfinished", async (row, { emulator, runProgram }) => {
    const [, kind, target, fault] = row;
    emulator.always(target, fault);
    const { exitCode, stderr } = await runProgram(emulator[kind], ["--timeout", "6"]);
    const call = target === "sign-in" ? 1 : target;
    const step = calls[call - 1]?.step;
    const report = call === 1 ? "" : `${reportBefore(call)}\n`; // It isn't certain that there is nothing to delete.
    const reason = `"${step}" failed: Timed out after 6 seconds.\n${advice}`;
    expect({ exitCode, stderr }, hint).toEqual({ exitCode: 1, stderr: `${reason}${report}${unfinished(step)}` });
    expect(emulator.identities.size).toBe(0);
  });

  test("leaves 4 seconds for the response, which might contain a new identity", async ({ emulator, runProgram }) => {
    emulator.once(withToken, delay(8000));
    const { exitCode, stderr } = await runProgram(emulator.settings, ["--timeout", "6"]);
    expect(exitCode).toBe(1);
    expect(stderr, hint).toContain(`Timed out after 6 seconds.\n${advice}${deletedWithToken}\n`);
    expect(emulator.identities.size).toBe(0);
  });

  test("starts again with each step", async ({ emulator, runProgram }) => {
    for (const call of [1, 2, 3]) emulator.once(call, delay(2000));
    expect(await runProgram(emulator.settings, ["--timeout", "5"])).toMatchObject({ exitCode: 0, stderr: "" });
  });
});

describe.skipIf(!hasSignals)("a signal", { concurrent: true }, () => {
  test("ends the program within 9 seconds, and names the identity and the step that are left", async ({
    emulator,
    runProgram,
  }) => {
    const step = "Refresh an access token";
    const program = new RunningProgram();
    let started = 0;
    const interrupt = (child: ChildProcess) => {
      started = Date.now();
      child.kill("SIGINT");
    };
    emulator.once(callOf(step), program.interrupt(interrupt, silence));
    emulator.once("delete", silence);
    const { exitCode, stderr } = await runProgram(emulator.settings, [], program);
    const duration = Date.now() - started;
    const left = [...emulator.identities.keys()];
    expect(left).toHaveLength(1); // The other identities are deleted, although the first deletion hangs.
    expect(exitCode).toBe(130);
    expect(stderr).toMatch(/\nIdentities deleted: \d\n/);
    const reports = `Couldn't confirm that these identities were deleted: ${left}\n${unfinished(step)}`;
    expect(stderr.slice(stderr.indexOf("Couldn't"))).toBe(reports);
    expect(duration).toBeGreaterThan(8700);
    expect(duration).toBeLessThan(9900); // Docker waits for 10 seconds; a busy machine takes a part of them.
  });

  test("also deletes an identity whose ID arrives during the cleanup", async ({ emulator, runProgram }) => {
    const program = new RunningProgram();
    // The first deletion starts 4 seconds after the signal, and isn't finished when the ID arrives.
    const interruption = program.interrupt((child) => child.kill("SIGINT"), delay(4300));
    emulator.once(withToken, interruption);
    emulator.always("delete", delay(1700));
    const { exitCode, stderr } = await runProgram(emulator.settings, [], program);
    expect({ exitCode, stderr }).toEqual({ exitCode: 130, stderr: `${interrupted}${deletedWithToken}\n` });
    const deletions = emulator.requests.filter(({ operation }) => operation === "delete").map(({ url }) => url);
    expect(deletions).toEqual([...new Set(deletions)]); // each once
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
    expect(stderr.slice(stderr.indexOf(interrupted)), hint).toBe(`${interrupted}${deletedWithToken}\n`);
    const others = emulator.requests.filter(({ operation }) => operation !== "delete");
    expect(others).toHaveLength(withToken); // No step follows.
    expect(emulator.identities.size).toBe(0);
  });

  test("is reported right away, and waits 4 seconds at most for the call", async ({ emulator, runProgram }) => {
    const program = new RunningProgram();
    let [started, reported] = [0, 0];
    const interrupt = (child: ChildProcess) => {
      started = Date.now();
      child.stderr!.once("data", () => (reported = Date.now()));
      child.kill("SIGINT");
    };
    const step = "Issue an access token";
    emulator.once(callOf(step), program.interrupt(interrupt, silence));
    const { exitCode, stderr } = await runProgram(emulator.settings, [], program);
    const report = `${reportBefore(callOf(step))}\n${unfinished(step)}`;
    expect({ exitCode, stderr }, hint).toEqual({ exitCode: 130, stderr: `${interrupted}${report}` });
    expect(reported - started).toBeLessThan(2000);
    expect(Date.now() - started).toBeGreaterThan(3900);
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

  test.skipIf(!hasTerminal)(
    "from Ctrl+C in a terminal reaches the program through npx tsx",
    async ({ emulator, processes }) => {
      const command = ["npx", "tsx", "issue-access-tokens.ts"];
      const terminal = processes.openTerminal(command, { settings: emulator.settings, cwd: root });
      emulator.once("revoke", (respond) => {
        terminal.type("\x03");
        return delay(200)(respond);
      });
      const { exitCode, screen } = await terminal.ended;
      expect(exitCode).toBe(130);
      expect(screen.slice(screen.indexOf(interrupted)), hint).toContain(reportBefore(callOf("Revoke access tokens")));
      expect(emulator.identities.size).toBe(0);
    },
  );
});

describe.concurrent("closed stdout", () => {
  test.for([
    [1, reportBefore(2)],
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
