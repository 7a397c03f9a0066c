// Tests of what ends the walkthrough from outside: signals, closed output, and the time limit.

import { expect } from "vitest";
import { delay, error, silence } from "./support/faults.ts";
import { test } from "./support/fixtures.ts";
import { hasSignals } from "./support/processes.ts";

const interrupted = "Interrupted. Cleaning up (9 seconds at most).\n";
const unfinished = "A request hasn't finished. An identity that it creates remains.\n";
const advice =
  "Check the network. The service might be busy, or sign-in slow: set --timeout or AZURE_TOKEN_CREDENTIALS.\n";
const retryLater = error(503, "ServiceUnavailable", "Busy.", { "Retry-After": "3600" });
const testSignal = test.skipIf(!hasSignals);

// The slowest tests come first, so that the others run while they wait.
test.for([
  ["the call, whose identity is deleted", "settings", "create 2", delay(8000), ""],
  ["retries", "settings", "create 2", retryLater, unfinished],
  ["the sign-in", "entraSettings", "sign-in", silence, unfinished],
] as const)("the time limit includes %s", async ([, kind, target, fault, rest], { emulator, startProgram }) => {
  emulator.always(target, fault);
  const result = await startProgram(emulator[kind], ["--timeout", "6"]).ended;
  const step = target === "sign-in" ? "Create an identity" : "Create an identity with a token";
  const report = target === "sign-in" ? "" : `${emulator.report()}\n`;
  const stderr = `"${step}" failed: Timed out after 6 seconds.\n${advice}${report}${rest}`;
  expect(result).toMatchObject({ stderr, exitCode: 1 });
  expect(emulator.identities.size).toBe(0);
});

test("the time limit starts again with each step", async ({ emulator, startProgram }) => {
  for (const target of ["create", "issue", "create 2"] as const) emulator.once(target, delay(2000));
  const result = await startProgram(emulator.settings, ["--timeout", "5"]).ended;
  expect(result).toMatchObject({ stderr: "", exitCode: 0 });
});

test("the time limit doesn't include waiting for Enter", async ({ emulator, startProgram }) => {
  const { child, ended, prints } = startProgram(emulator.settings, ["--step", "--timeout", "5"], { input: null });
  await prints("Press Enter");
  setTimeout(() => child.stdin.end("\n".repeat(20)), 5200); // This test has to wait for real time to pass.
  expect(await ended).toMatchObject({ exitCode: 0 });
});

test("the time limit is 30 seconds by default", async ({ bundle, emulator, start }) => {
  emulator.once("create", silence);
  // In this process, the timers of time limits are a hundred times as fast.
  const fast = `import { syncBuiltinESMExports } from "node:module";
import timers from "node:timers/promises";
const { setTimeout } = timers;
timers.setTimeout = (milliseconds, ...args) => setTimeout(milliseconds / 100, ...args);
syncBuiltinESMExports();`;
  const [node, file] = bundle("program");
  const command = [node, "--import", `data:text/javascript,${fast}`, file];
  const started = Date.now();
  const { stderr } = await start(command, { settings: emulator.settings }).ended;
  expect(stderr).toContain("Timed out after 30 seconds.");
  expect(Date.now() - started).toBeGreaterThan(300);
});

testSignal("a signal ends the program within 9 seconds, although calls hang", async ({ emulator, startProgram }) => {
  emulator.once("issue 2", silence);
  for (const target of ["delete 1", "delete 3", "delete 4", "delete 5"] as const) emulator.once(target, silence);
  const { child, ended, prints } = startProgram(emulator.settings);
  await emulator.receives("issue 2");
  const started = Date.now();
  child.kill("SIGINT");
  await prints(interrupted);
  expect(Date.now() - started).toBeLessThan(3000); // before it waits for anything
  child.kill("SIGINT"); // A second signal changes nothing.
  const result = await ended;
  const duration = Date.now() - started;
  expect(duration).toBeGreaterThan(8700); // The four rounds take 8.8 seconds.
  expect(duration).toBeLessThan(9900); // Docker waits for 10 seconds; a busy machine takes a part of them.
  const left = [...emulator.identities.keys()];
  expect(left).toHaveLength(1); // The other identity is deleted, although the deletions of the first one hang.
  const remains = `Couldn't confirm that these identities were deleted: ${left}\n`;
  const stderr = `${interrupted}Identities deleted: 1\n${remains}`;
  expect(result).toMatchObject({ stderr, exitCode: 130 });
});

testSignal("an identity whose ID arrives during the cleanup is deleted", async ({ emulator, startProgram }) => {
  emulator.once("create 2", delay(4300));
  emulator.always("delete", delay(1700));
  const { child, ended } = startProgram(emulator.settings);
  await emulator.receives("create 2");
  child.kill("SIGINT");
  expect(await ended).toMatchObject({ stderr: `${interrupted}${emulator.report()}\n`, exitCode: 130 });
  expect(emulator.requests.filter(({ operation }) => operation === "delete")).toHaveLength(2); // each once
  expect(emulator.identities.size).toBe(0);
});

testSignal.for([
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const)("%s waits for the call, and deletes its identity", async ([signal, code], { emulator, startProgram }) => {
  emulator.once("create 2", delay(500));
  const { child, ended } = startProgram(emulator.settings, ["--step"], { input: "\n".repeat(20) });
  await emulator.receives("create 2");
  const started = Date.now();
  child.kill(signal);
  const { stderr, exitCode } = await ended;
  expect(Date.now() - started).toBeLessThan(3500); // It doesn't wait for all of the 4 seconds that the call has.
  expect(stderr.slice(stderr.indexOf(interrupted))).toBe(`${interrupted}${emulator.report()}\n`);
  expect(exitCode).toBe(code);
  const operations = emulator.requests.map(({ operation }) => operation);
  expect(operations.filter((operation) => operation !== "delete").at(-1)).toBe("create"); // No step follows.
  expect(emulator.identities.size).toBe(0);
});

testSignal("a signal during the last call changes the exit code", async ({ emulator, startProgram }) => {
  emulator.once("delete 2", delay(2000));
  const { child, ended } = startProgram(emulator.settings);
  await emulator.receives("delete 2");
  child.kill("SIGINT");
  expect(await ended).toMatchObject({ stderr: `${interrupted}Identities deleted: 1\n`, exitCode: 130 });
});

testSignal("a signal ends a program that waits for its settings", async ({ emulator, start, startProgram }) => {
  const cwd = emulator.folder;
  await start(["mkfifo", ".env"], { cwd }).ended;
  const { child, ended } = startProgram({}, [], { cwd });
  // The shell can open the pipe as soon as the program reads it.
  await start(["sh", "-c", "exec 3>.env; echo open; exec sleep 60"], { cwd }).prints("open");
  child.kill("SIGINT");
  expect(await ended).toEqual({ stderr: "", stdout: "", exitCode: null }); // There is nothing to clean up.
});

test.for([
  ["create", "Identities deleted: 1\n"],
  ["delete 2", ""],
] as const)("stdout closed during %s is reported", async ([target, report], { emulator, startProgram }) => {
  emulator.once(target, delay(2000));
  const { child, ended } = startProgram(emulator.settings);
  await emulator.receives(target);
  child.stdout.destroy();
  const stderr = expect.stringMatching(new RegExp(`^Printing the results failed: write E\\w+\n${report}$`));
  expect(await ended).toMatchObject({ stderr, exitCode: 1 });
  expect(emulator.identities.size).toBe(0);
});
