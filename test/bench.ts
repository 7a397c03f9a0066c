// Measures the program as whole processes against the emulator, beside programs that make the same seven calls: npm run bench [-- --runs N]

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startEmulator } from "./emulator.ts";

const here = (...names: string[]) => join(import.meta.dirname, ...names);
const tsx = [here("..", "node_modules", "tsx", "dist", "cli.mjs")];
const program = here("..", "issue-access-tokens.ts");
const candidates: Record<string, string[]> = {
  "program, tsx": [...tsx, program],
  "bare, tsx": [...tsx, here("bench", "bare.ts")],
  "bare with @azure/identity, tsx": [...tsx, here("bench", "bare-with-identity.ts")],
};
// Where Node removes the types itself, from 22.18 on:
if ((process.features as { typescript?: unknown }).typescript) {
  candidates["program, node"] = [program];
  candidates["by hand, node"] = [here("bench", "by-hand.ts")];
}

const runs = Number(parseArgs({ options: { runs: { type: "string", default: "20" } } }).values.runs);
const emulator = await startEmulator();
const peakFile = join(emulator.folder, "peak");
const inherited = Object.entries(process.env).filter(([name]) => !/^(COMMUNICATION_|AZURE_|NODE_|.*_PROXY$)/i.test(name));
const env = { ...Object.fromEntries(inherited), ...emulator.settings };
const preload = { NODE_OPTIONS: `--import ${new URL("bench/peak.mjs", import.meta.url)}`, PEAK_FILE: peakFile };

/** Runs a candidate once and gives its time in milliseconds. */
async function time(args: string[], more: object = {}): Promise<number> {
  const started = performance.now();
  const child = spawn(process.execPath, args, { cwd: emulator.folder, env: { ...env, ...more }, stdio: ["ignore", "ignore", "inherit"] });
  const [exitCode] = await once(child, "exit");
  if (exitCode !== 0) throw new Error(`${args.join(" ")} ended with ${exitCode}.`);
  return performance.now() - started;
}

/** Runs a candidate once and gives its peak memory in MiB: that of the larger process, where tsx starts another. */
async function peakMemory(args: string[]): Promise<number> {
  await rm(peakFile, { force: true });
  await time(args, preload);
  const peaks = (await readFile(peakFile, "utf8")).trim().split("\n");
  return Math.max(...peaks.map(Number)) / 1024;
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

const measured = new Map(Object.keys(candidates).map((name) => [name, { time: [] as number[], memory: [] as number[] }]));
for (const args of Object.values(candidates)) await time(args); // to warm up
for (let run = 0; run < runs; run++) {
  // One candidate after the other, so that whatever else the machine does meets them all.
  for (const [name, args] of Object.entries(candidates)) measured.get(name)!.time.push(await time(args));
  for (const [name, args] of Object.entries(candidates)) measured.get(name)!.memory.push(await peakMemory(args));
}
await emulator.stop();

console.log(`Node ${process.version}, medians of ${runs} runs`);
for (const [name, { time, memory }] of measured) {
  console.log(`${name.padEnd(32)} ${median(time).toFixed(0).padStart(5)} ms ${median(memory).toFixed(0).padStart(5)} MiB`);
}

/** Prints how a candidate compares to another, and what is aimed at. */
function compare(name: string, other: string, quantity: "time" | "memory", aim: string) {
  const ratio = median(measured.get(name)![quantity]) / median(measured.get(other)![quantity]);
  console.log(`${quantity}: ${name} / ${other} = ${ratio.toFixed(2)} (aim: ${aim})`);
}
compare("program, tsx", "bare, tsx", "time", "at most 1.10");
compare("program, tsx", "bare, tsx", "memory", "at most 1.10");
compare("bare with @azure/identity, tsx", "program, tsx", "time", "at least 1.60");
if (measured.has("by hand, node")) compare("program, node", "by hand, node", "time", "at most 1.50");
