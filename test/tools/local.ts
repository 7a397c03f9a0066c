// Runs the walkthrough, or another program, against an emulator: npm run local [-- [<file>] [<arguments>]]

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { join, resolve } from "node:path";
import { whenNpmEnds } from "../emulator/parent.ts";
import { startEmulator } from "../emulator/server.ts";
import { environmentWith, programFile, root } from "../support/environment.ts";
import { keptCertificate } from "./certificate.ts";

const args = process.argv.slice(process.argv[2] === "--" ? 3 : 2); // pnpm passes it on.
const file = args[0]?.startsWith("-") ? undefined : args.shift();
// npm changes the working directory to the root of the project.
const program = file ? resolve(process.env.INIT_CWD ?? "", file) : programFile;
const problem = [
  /^--step,[^-]/.test(args.join()) &&
    `npm run step has no argument "${args[1]}". To run another program, use: npm run local -- <file>`,
  ![program, `${program}.ts`].some(existsSync) &&
    `There's no file ${program}. To pass an option to the program, use: npm run local -- --timeout 5`,
].find(Boolean);
if (problem) {
  console.error(problem);
  process.exit(2);
}

console.error("This runs against an emulator on this machine. No Azure resource is involved.");
const certificate = await keptCertificate(join(root, "node_modules", ".emulator", "certificate.pem"));
const emulator = await startEmulator({ certificate });

// Node might not be able to run another program by itself: TypeScript that isn't erasable, for example, or CommonJS.
const loader = import.meta.resolve(file ? "tsx" : "./typescript.mjs");
// Nothing may redirect the program: no user settings, no proxy, and no .env file, which dotenv looks for in the
// working directory and which the folder of the emulator does not contain.
const child = spawn(process.execPath, ["--import", loader, program, ...args], {
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
