// Benchmarks the program against one that only makes the same calls, and the commands that start it, if given a folder
// also against another checkout of the project: npm run bench [-- [--only <part of a name>] [<runs>] [<folder>]]

import { arch, cpus, release, type } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { startEmulator } from "../emulator/server.ts";
import { root } from "../support/environment.ts";
import { endProcess, hasSignals, nodeOptions, type StartOptions, startProcess } from "../support/processes.ts";

const { values, positionals } = parseArgs({ options: { only: { type: "string" } }, allowPositionals: true });
const runs = Number(positionals.find((arg) => /^[1-9]\d*$/.test(arg)) ?? 21);
const other = positionals.find((arg) => !/^\d+$/.test(arg));
const emulator = await startEmulator();
const rows: { name: string; source: string; run: () => Promise<number>; times: number[] }[] = [];

/** Adds a command to measure, which runs to its end or until it prints a text. */
function add(name: string, source: string, command: string[], options: StartOptions, text?: string) {
  const run = async () => {
    const started = performance.now();
    const { child, ended, prints } = startProcess(command, { ...options, input: null });
    if (text) await prints(text);
    else if ((await ended).exitCode !== 0) throw new Error(`${name} failed: ${(await ended).stderr}`);
    const duration = performance.now() - started;
    if (text && hasSignals)
      process.kill(-child.pid!, "SIGTERM"); // so that it removes its files
    else if (text) endProcess(child);
    await ended;
    return duration;
  };
  if (name.includes(values.only ?? "")) rows.push({ name, source, run, times: [] });
}

const direct = { cwd: emulator.folder, settings: emulator.settings };
const node = [process.execPath, ...nodeOptions];
add("program", "bare", [...node, join(import.meta.dirname, "bench", "bare.ts")], direct);
for (const source of other ? [other, ""] : [""]) {
  const cwd = source ? resolve(process.env.INIT_CWD ?? "", source) : root;
  add("program", source, [...node, join(cwd, "issue-access-tokens.ts")], direct);
  add("npm run local", source, ["npm", "run", "local"], { cwd });
  add("npm run step", source, ["npm", "run", "step"], { cwd }, "Press Enter");
  add("npm run emulator", source, ["npm", "run", "emulator"], { cwd }, "export NODE_EXTRA_CA_CERTS");
}
// The commands take turns, so that background load affects all of them.
for (let run = 0; run < runs; run++) for (const row of rows) row.times.push(await row.run());
await emulator.stop();

console.log(`Node ${process.version}; ${type()} ${release()} ${arch()}; ${cpus().length} × ${cpus()[0]?.model}`);
console.log(`Medians of ${runs} runs, in milliseconds:`);
const median = (times: number[]) => times.sort((a, b) => a - b)[Math.floor(runs / 2)]!;
for (const { name, times } of rows.filter(({ source }) => !source)) {
  const comparisons = rows
    .filter((row) => row.name === name && row.source)
    .map(({ source, times: others }) => {
      return `, ${(median(times) / median(others)).toFixed(2)} of ${source} (${median(others).toFixed(0)})`;
    });
  console.log(`${name}: ${median(times).toFixed(0)}${comparisons.join("")}`);
}
