// Runs the walkthrough, or another program, against an emulator: npm run local [-- [<file>] [<arguments>]]

import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { resolve } from "node:path";
import { whenNpmEnds } from "../emulator/parent.ts";
import { startEmulator } from "../emulator/server.ts";
import { environmentWith, programFile } from "../support/environment.ts";

const args = process.argv.slice(2);
const file = args[0]?.startsWith("-") ? undefined : args.shift();
// npm changes the working directory to the root of the project.
const program = file ? resolve(process.env.INIT_CWD ?? "", file) : programFile;

console.error("This runs against an emulator on this machine. No Azure resource is involved.");
const emulator = await startEmulator();

// Nothing may redirect the program: no user settings, no proxy, and no .env file, which dotenv looks for in the
// working directory and which the folder of the emulator does not contain.
const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), program, ...args], {
  cwd: emulator.folder,
  env: environmentWith(emulator.settings),
  stdio: "inherit",
});

// On Ctrl+C, the terminal also signals the program, and this process waits for it. A signal sent only to this process
// is forwarded, except on Windows, where it would end the program before it cleans up.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => process.platform !== "win32" && child.kill(signal));
}
whenNpmEnds(() => child.kill("SIGTERM"));

const [exitCode, signal] = await once(child, "exit");
await emulator.stop();
process.exitCode = exitCode ?? 128 + constants.signals[signal as NodeJS.Signals]; // as in a shell
