// Benchmarks the program, as a whole process, against programs that make the same seven calls: npm run bench

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { startEmulator } from "../emulator/server.ts";
import { environmentWith } from "../support/environment.ts";

const runs = 21;
const program = join(import.meta.dirname, "..", "..", "issue-access-tokens.ts");
const emulator = await startEmulator();
const options = { cwd: emulator.folder, env: environmentWith(emulator.settings) };

/** Runs a command once and returns its duration in milliseconds. */
async function time(args: string[]): Promise<number> {
  const started = performance.now();
  const child = spawn(process.execPath, args, { ...options, stdio: ["ignore", "ignore", "inherit"] });
  const [exitCode] = await once(child, "exit");
  if (exitCode !== 0) throw new Error(`${args.join(" ")} ended with ${exitCode}.`);
  return performance.now() - started;
}

/** Prints the medians of the program and of another one, and their ratio. */
async function compare(name: string, options: string[]) {
  const times = [program, join(import.meta.dirname, "bench", name)].map((file) => ({ file, values: [] as number[] }));
  // The first run warms up. The programs take turns, so that background load affects both.
  for (let run = 0; run <= runs; run++) {
    for (const { file, values } of times) values.push(await time([...options, file]));
  }
  const [first = 0, second = 0] = times.map(({ values }) => values.slice(1).sort((a, b) => a - b)[(runs - 1) / 2]);
  console.log(`program / ${name}: ${first.toFixed(0)} ms / ${second.toFixed(0)} ms = ${(first / second).toFixed(2)}`);
}

console.log(`Node ${process.version}, medians of ${runs} runs`);
await compare("bare.ts", ["--import", import.meta.resolve("tsx")]);
// Since 22.18, Node runs TypeScript itself.
if ("typescript" in process.features && process.features.typescript) await compare("by-hand.ts", []);
await emulator.stop();
