// Tests of what ends the walkthrough from outside: signals, closed output, and the time limit.

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { describe, expect } from "vitest";
import { delay, drip, error, silence } from "./emulator/faults.ts";
import { test } from "./support/fixtures.ts";
import { hasSignals, hasTerminal, nodeOptions, root } from "./support/processes.ts";

const interrupted = "Interrupted. Cleaning up (15 seconds at most).\n";

// The slowest tests come first, so that the others run while they wait.
describe.concurrent("the time limit", () => {
  test.for([
    ["a call without a response", silence],
    ["a response that never finishes", drip(50)],
    ["retries", error(503, "ServiceUnavailable", "Busy.", { "Retry-After": "3600" })],
  ] as const)("applies to %s", async ([, fault], { emulator, walk }) => {
    emulator.always(3, fault);
    const { exitCode, stderr } = await walk(emulator.settings, ["--timeout", "3"]);
    expect(exitCode).toBe(1);
    const { host } = new URL(emulator.endpoint);
    const reason = `Creating an identity with an access token failed for ${host}: Not finished within 3 seconds.`;
    expect(stderr).toContain(`${reason} Check the network. The service may be throttling requests.\n`);
    expect(stderr).toMatch(/\nIdentities deleted: 1\n$/);
    expect(emulator.identities.size).toBe(0);
  });

  test("applies to the sign-in", async ({ emulator, walk }) => {
    emulator.always("sign-in", silence);
    const { exitCode, stderr } = await walk(emulator.entraSettings, ["--timeout", "3"]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /^Creating an identity failed .* Not finished within 3 seconds[^]*\nThere was no known identity to delete\.\n$/,
    );
  });

  test("leaves 5 seconds for the response, which may contain a new identity", async ({ emulator, walk }) => {
    emulator.once(3, delay(4000));
    const { exitCode, stderr } = await walk(emulator.settings, ["--timeout", "3"]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/Not finished within 3 seconds[^]*\nIdentities deleted: 2\n$/);
    expect(emulator.identities.size).toBe(0);
  });

  test("starts again with each step", async ({ emulator, walk }) => {
    for (const call of [1, 2, 3]) emulator.once(call, delay(2000));
    expect(await walk(emulator.settings, ["--timeout", "5"])).toMatchObject({ exitCode: 0, stderr: "" });
  });
});

describe.concurrent("an interruption", () => {
  test.skipIf(!hasSignals).for([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)(
    "by %s waits for the identity of the call in progress and deletes it",
    async (signal, { emulator, walk }) => {
      const [name, expected] = signal;
      let child!: ChildProcess;
      // The service creates the second identity and responds half a second after the signal.
      emulator.once(3, (respond) => {
        child.kill(name);
        return delay(500)(respond);
      });
      const { exitCode, stderr } = await walk(emulator.settings, [], { onStart: (started) => (child = started) });
      expect({ exitCode, stderr }).toEqual({ exitCode: expected, stderr: `${interrupted}Identities deleted: 2\n` });
      const operations = emulator.requests.map(({ operation }) => operation);
      expect(operations).toEqual(["create", "issue", "create", "delete", "delete"]);
      expect(emulator.identities.size).toBe(0);
    },
  );

  test.skipIf(!hasSignals)(
    "is reported right away, and waits 5 seconds at most for the call in progress",
    async ({ emulator, walk }) => {
      let child!: ChildProcess;
      let started = 0;
      let reported = 0;
      emulator.once(2, (respond) => {
        started = Date.now();
        child.kill("SIGINT");
        return silence(respond);
      });
      const { exitCode, stderr } = await walk(emulator.settings, [], {
        onStart: (process) => {
          child = process;
          child.stderr!.once("data", () => (reported = Date.now() - started));
        },
      });
      expect({ exitCode, stderr }).toEqual({ exitCode: 130, stderr: `${interrupted}Identities deleted: 1\n` });
      expect(reported).toBeLessThan(2000);
      expect(Date.now() - started).toBeGreaterThan(4900);
      expect(emulator.identities.size).toBe(0);
    },
  );

  test.skipIf(!hasSignals)("by SIGINT during the last call changes the exit code", async ({ emulator, walk }) => {
    let child!: ChildProcess;
    emulator.once(7, (respond) => {
      child.kill("SIGINT");
      return delay(200)(respond);
    });
    const { exitCode, stderr } = await walk(emulator.settings, [], { onStart: (started) => (child = started) });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 130,
      stderr: `${interrupted}There was no known identity to delete.\n`,
    });
    expect(emulator.requests).toHaveLength(7);
  });

  test("by closed stdout during the last call changes the exit code", async ({ emulator, walk }) => {
    let child!: ChildProcess;
    emulator.once(7, (respond) => {
      child.stdout!.destroy();
      return delay(200)(respond);
    });
    const { exitCode, stderr } = await walk(emulator.settings, [], { onStart: (started) => (child = started) });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^Printing the results failed: .*\nThere was no known identity to delete\.\n$/);
    expect(emulator.requests).toHaveLength(7);
  });

  test("by closed stdout deletes what was created", async ({ emulator, walk }) => {
    const onStart = (child: ChildProcess) => child.stdout!.once("data", () => child.stdout!.destroy());
    const { exitCode, stderr } = await walk(emulator.settings, [], { onStart });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^Printing the results failed: write E\w+\nIdentities deleted: \d\n$/);
    expect(emulator.identities.size).toBe(0);
  });

  test.skipIf(!hasTerminal)(
    "by Ctrl+C in a terminal with npx tsx deletes what was created",
    async ({ emulator, processes }) => {
      const command = ["npx", "tsx", "issue-access-tokens.ts"];
      const terminal = processes.openTerminal(command, { settings: emulator.settings, cwd: root });
      emulator.once(4, (respond) => {
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
    let child!: ChildProcess;
    let writer!: ChildProcess;
    const command = [process.execPath, ...nodeOptions, "issue-access-tokens.ts"];
    const program = processes.run(command, { cwd: clone, onStart: (started) => (child = started) });
    // The shell can open the pipe as soon as the program reads it.
    const shell = ["sh", "-c", "exec 3>.env; echo open; exec sleep 60"];
    void processes.run(shell, { cwd: clone, onStart: (started) => (writer = started) });
    await once(writer.stdout!, "data");
    child.kill("SIGINT");
    // It ends without a clean-up, because nothing was sent.
    expect(await program).toEqual({ exitCode: null, stdout: "", stderr: "" });
  });
});
