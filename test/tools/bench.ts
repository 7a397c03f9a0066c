// Benchmarks the program against one that only makes the same calls, and the commands that start it, optionally against
// those of another checkout of the project: npm run bench [<number of runs>] [<folder>]

import { arch, cpus, release, type } from "node:os";
import { join, resolve } from "node:path";
import { startEmulator } from "../emulator/server.ts";
import { root } from "../support/environment.ts";
import { endProcess, hasSignals, nodeOptions, startProcess } from "../support/processes.ts";

const args = process.argv.slice(2);
const runs = Number(args.find((arg) => /^[1-9]\d*$/.test(arg)) ?? 21);
const folder = args.find((arg) => !/^\d+$/.test(arg));
const emulator = await startEmulator();
const node = [process.execPath, ...nodeOptions];
const isolated = { cwd: emulator.folder, settings: emulator.settings, input: null };

/** What to measure in a checkout: commands that run to their end, or until they print a text. */
const measurements = (cwd: string) => [
  { name: "program", command: [...node, join(cwd, "issue-access-tokens.ts")], options: isolated },
  { name: "npm run local", command: ["npm", "run", "local"], options: { cwd } },
  { name: "npm run step", command: ["npm", "run", "step"], text: "Press Enter", options: { cwd, input: null } },
  { name: "npm run emulator", command: ["npm", "run", "emulator"], text: "export NODE_EXTRA_", options: { cwd } },
];

/** Runs a command once, and returns its duration in milliseconds. */
async function time({ command, text, options }: ReturnType<typeof measurements>[number]): Promise<number> {
  const started = performance.now();
  const { child, ended, prints } = startProcess(command, options);
  if (text) await prints(text);
  else if ((await ended).exitCode !== 0) throw new Error(`${command.join(" ")} failed: ${(await ended).stderr}`);
  const duration = performance.now() - started;
  if (text && hasSignals)
    process.kill(-child.pid!, "SIGTERM"); // so that it removes its files
  else if (text) endProcess(child);
  await ended;
  return duration;
}

const bare = { name: "bare", command: [...node, join(import.meta.dirname, "bench", "bare.ts")], options: isolated };
const groups = [[bare], measurements(root), folder ? measurements(resolve(process.env.INIT_CWD ?? "", folder)) : []];
const rows = groups.map((group) => group.map((measurement) => ({ ...measurement, times: [] as number[] })));
// The commands take turns, so that background load affects all of them.
for (let run = 0; run < runs; run++) for (const row of rows.flat()) row.times.push(await time(row));
await emulator.stop();

const [[bareTime = 0] = [], own = [], other = []] = rows.map((group) =>
  group.map(({ times }) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!),
);
const [{ model = "unknown" } = {}] = cpus();
console.log(`Node ${process.version}; ${type()} ${release()} ${arch()}; ${cpus().length} × ${model}
Medians of ${runs} runs:
bare: ${bareTime.toFixed(0)} ms`);
for (const [index, { name }] of measurements(root).entries()) {
  const ratio = (reference: number) => `${(own[index]! / reference).toFixed(2)} of ${reference.toFixed(0)} ms`;
  const comparisons = [
    name === "program" && `${ratio(bareTime)} (bare)`,
    folder && `${ratio(other[index]!)} (${folder})`,
  ];
  console.log([`${name}: ${own[index]!.toFixed(0)} ms`, ...comparisons.filter(Boolean)].join(", "));
}
