// Runs the walkthrough as it is against an emulator of its own: npm run local [-- --step]

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { startEmulator } from "./emulator.ts";

const emulator = await startEmulator();
const program = fileURLToPath(new URL("../issue-access-tokens.ts", import.meta.url));

// Nothing may lead the walkthrough elsewhere: no setting of the user's, no proxy, and no .env file, which dotenv looks for in
// the working directory and which the emulator's folder does not have.
const foreign = /^(COMMUNICATION_|DOTENV_|(HTTPS?|ALL|NO)_PROXY$)/i;
const inherited = Object.entries(process.env).filter(([name]) => !foreign.test(name));
const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), program, ...process.argv.slice(2)], {
  cwd: emulator.folder,
  env: { ...Object.fromEntries(inherited), ...emulator.settings },
  stdio: "inherit",
});

// On Ctrl-C the terminal tells the walkthrough, too, and this waits for it to end. A signal that was sent to this process alone is
// handed on, but not on Windows, where that would end the walkthrough before it has cleaned up.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => process.platform !== "win32" && child.kill(signal));
}

const [exitCode] = await once(child, "exit");
await emulator.stop();
process.exitCode = exitCode ?? 1;
