// Benchmarks the program, as a whole process, against programs that make the same seven calls:
// npm run bench [-- --runs <number>]

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startEmulator } from "../emulator/server.ts";

const root = join(import.meta.dirname, "..", "..");
const tsx = join(root, "node_modules", "tsx", "dist", "cli.mjs");
const program = join(root, "issue-access-tokens.ts");
const candidate = (name: string) => join(import.meta.dirname, "bench", name);
const candidates: Record<string, string[]> = {
  "program, tsx": [tsx, program],
  "bare, tsx": [tsx, candidate("bare.ts")],
  "bare with @azure/identity, tsx": [tsx, candidate("bare-with-identity.ts")],
};
// Since 22.18, Node strips the types itself.
if ("typescript" in process.features && process.features.typescript) {
  candidates["program, node"] = [program];
  candidates["by hand, node"] = [candidate("by-hand.ts")];
}

const runs = Number(parseArgs({ options: { runs: { type: "string", default: "20" } } }).values.runs);
const emulator = await startEmulator();
const peakFile = join(emulator.folder, "peak");
const own = /^(COMMUNICATION_|AZURE_|NODE_|.*_PROXY$)/i;
const inherited = Object.entries(process.env).filter(([name]) => !own.test(name));
const env = { ...Object.fromEntries(inherited), ...emulator.settings };
const preload = { NODE_OPTIONS: `--import ${new URL("bench/peak.mjs", import.meta.url)}`, PEAK_FILE: peakFile };

/** Runs a candidate once and returns its duration in milliseconds. */
async function time(args: string[], more: object = {}): Promise<number> {
  const started = performance.now();
  const child = spawn(process.execPath, args, {
    cwd: emulator.folder,
    env: { ...env, ...more },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const [exitCode] = await once(child, "exit");
  if (exitCode !== 0) throw new Error(`${args.join(" ")} ended with ${exitCode}.`);
  return performance.now() - started;
}

/** Runs a candidate once and returns its peak memory in MiB (the larger of the two processes under tsx). */
async function peakMemory(args: string[]): Promise<number> {
  await rm(peakFile, { force: true });
  await time(args, preload);
  const peaks = (await readFile(peakFile, "utf8")).trim().split("\n");
  return Math.max(...peaks.map(Number)) / 1024;
}

const times = new Map<string, number[]>();
const memories = new Map<string, number[]>();
const add = (values: Map<string, number[]>, name: string, value: number) =>
  values.set(name, [...(values.get(name) ?? []), value]);
const median = (values: Map<string, number[]>, name: string) =>
  values.get(name)!.toSorted((a, b) => a - b)[Math.floor(runs / 2)]!;

for (const args of Object.values(candidates)) await time(args); // to warm up
for (let run = 0; run < runs; run++) {
  // Interleaves the candidates, so that background load affects all of them equally.
  for (const [name, args] of Object.entries(candidates)) add(times, name, await time(args));
  for (const [name, args] of Object.entries(candidates)) add(memories, name, await peakMemory(args));
}
await emulator.stop();

console.log(`Node ${process.version}, medians of ${runs} runs`);
for (const name of Object.keys(candidates)) {
  const [milliseconds, mebibytes] = [times, memories].map((values) => median(values, name).toFixed(0).padStart(5));
  console.log(`${name.padEnd(32)} ${milliseconds} ms ${mebibytes} MiB`);
}

/** Prints the ratio of two candidates, with the target. */
function compare(quantity: string, values: Map<string, number[]>, name: string, other: string, target: string) {
  const ratio = median(values, name) / median(values, other);
  console.log(`${quantity}: ${name} / ${other} = ${ratio.toFixed(2)} (target: ${target})`);
}
compare("time", times, "program, tsx", "bare, tsx", "at most 1.10");
compare("memory", memories, "program, tsx", "bare, tsx", "at most 1.10");
compare("time", times, "bare with @azure/identity, tsx", "program, tsx", "at least 1.50");
if (candidates["by hand, node"]) compare("time", times, "program, node", "by hand, node", "at most 1.50");
