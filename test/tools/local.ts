// Runs the unmodified walkthrough against its own emulator: npm run local [-- --step]

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { startEmulator } from "../emulator/server.ts";

console.error("This runs against an emulator on this machine. No Azure resource is involved.");
const emulator = await startEmulator();
const program = join(import.meta.dirname, "..", "..", "issue-access-tokens.ts");

// Nothing may redirect the walkthrough: no user settings, no proxy, and no .env file, which dotenv looks for in the
// working directory and which the folder of the emulator does not contain.
const foreign = /^(COMMUNICATION_|DOTENV_|(HTTPS?|ALL|NO)_PROXY$)/i;
const inherited = Object.entries(process.env).filter(([name]) => !foreign.test(name));
const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), program, ...process.argv.slice(2)], {
  cwd: emulator.folder,
  env: { ...Object.fromEntries(inherited), ...emulator.settings },
  stdio: "inherit",
});

// On Ctrl+C, the terminal also signals the walkthrough, and this process waits for it. A signal sent only to this
// process is forwarded, except on Windows, where it would end the walkthrough before it cleans up.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => process.platform !== "win32" && child.kill(signal));
}

const [exitCode] = await once(child, "exit");
await emulator.stop();
process.exitCode = exitCode ?? 1;
