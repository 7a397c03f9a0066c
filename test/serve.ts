// Runs an emulator on its own, until Ctrl-C: npm run emulator [-- --port N]

import { parseArgs } from "node:util";
import { startEmulator } from "./emulator.ts";

/** Says in a sentence on stderr why the emulator cannot start, and ends with the exit code 2. */
function refuse(sentence: string): never {
  console.error(sentence);
  process.exit(2);
}

function readPort(): number {
  try {
    const { port } = parseArgs({ options: { port: { type: "string", default: "0" } } }).values;
    if (/^\d{1,5}$/.test(port) && Number(port) < 65_536) return Number(port);
  } catch {} // The same sentence serves for whatever else it was given.
  return refuse("The emulator has one option, --port <number>, with a number from 0 to 65535: npm run emulator -- --port 8443");
}

const parent = process.ppid;
const port = readPort();
const emulator = await startEmulator({
  port,
  onAnswer: ({ method, path }, status, milliseconds) => console.error(`${method} ${path} ${status} ${milliseconds.toFixed(1)} ms`),
}).catch((error) => refuse(error.code === "EADDRINUSE" ? `Port ${port} is in use.` : `The emulator cannot listen on port ${port}: ${error.message}.`));

const stop = () => emulator.stop().then(() => process.exit());
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, stop);
// A SIGTERM for npm ends npm and its shell, but does not come as far as here.
setInterval(() => process.ppid !== parent && stop(), 250).unref();
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {}); // Nobody has to read what it says.

// A shell and a .env file both understand these lines, and Node understands forward slashes on Windows, too.
for (const [name, value] of Object.entries(emulator.settings)) console.log(`${name}="${value.replaceAll("\\", "/")}"`);

const file = emulator.settings.NODE_EXTRA_CA_CERTS;
const entra = Object.entries(emulator.entraSettings).map(([name, value]) => `${name}="${value}"`).slice(0, 3);
console.error(`
The emulator accepts requests until Ctrl-C. Its access key is public; its certificate is new in every run.
  Node    set both variables above in the environment: Node does not read NODE_EXTRA_CA_CERTS from a .env file
  Python  set REQUESTS_CA_BUNDLE to the certificate's file
  .NET    on Linux set SSL_CERT_FILE to it; elsewhere add it to the system's trusted certificates
  Java    keytool -importcert -noprompt -alias acs -file "${file}" -keystore acs.p12 -storepass emulator
          and run with -Djavax.net.ssl.trustStore=acs.p12 -Djavax.net.ssl.trustStorePassword=emulator
For Microsoft Entra ID set these in place of the connection string; they stand for a managed identity:
  ${entra.join("\n  ")}
`);
