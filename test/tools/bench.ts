// Benchmarks the program, as a whole process, against one that only makes the same calls: npm run bench

import { spawn, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { startEmulator } from "../emulator/server.ts";
import { environmentWith, programFile } from "../support/environment.ts";

const runs = 21;
const emulator = await startEmulator();
const env = environmentWith(emulator.settings);
const options: SpawnOptions = { cwd: emulator.folder, env, stdio: ["ignore", "ignore", "inherit"] };
const programs = [programFile, join(import.meta.dirname, "bench", "bare.ts")];
const times = programs.map((): number[] => []);

/** Runs a program once, with tsx, and returns its duration in milliseconds. */
async function time(program: string): Promise<number> {
  const started = performance.now();
  const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), program], options);
  const [exitCode] = await once(child, "exit");
  if (exitCode !== 0) throw new Error(`${program} ended with ${exitCode}.`);
  return performance.now() - started;
}

for (const program of programs) await time(program); // to warm up
// The programs take turns, so that background load affects both.
for (let run = 0; run < runs; run++) {
  for (const [index, program] of programs.entries()) times[index]!.push(await time(program));
}
await emulator.stop();

const [program = 0, bare = 0] = times.map((values) => values.sort((a, b) => a - b)[(runs - 1) / 2]);
console.log(`Node ${process.version}, medians of ${runs} runs`);
console.log(`program / bare: ${program.toFixed(0)} ms / ${bare.toFixed(0)} ms = ${(program / bare).toFixed(2)}`);
