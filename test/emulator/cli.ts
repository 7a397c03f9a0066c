// Runs the emulator until Ctrl+C: npm run emulator [-- --port <number>]

import { parseArgs } from "node:util";
import { startEmulator } from "./server.ts";

/** Prints why the emulator cannot start and exits with code 2. */
function refuse(reason: string): never {
  console.error(reason);
  process.exit(2);
}

function readPort(): number {
  try {
    const { port } = parseArgs({ options: { port: { type: "string", default: "0" } } }).values;
    if (/^\d{1,5}$/.test(port) && Number(port) < 65_536) return Number(port);
  } catch {
    // Any other invalid argument gets the same message.
  }
  return refuse("Usage: npm run emulator [-- --port <0-65535>]");
}

const parent = process.ppid;
const port = readPort();
const emulator = await startEmulator({
  port,
  intercept: async (respond, request) => {
    const started = performance.now();
    const response = await respond();
    const duration = (performance.now() - started).toFixed(1);
    if (request) console.error(`${request.method} ${request.path} ${response.status} ${duration} ms`);
    return response;
  },
}).catch((error) =>
  refuse(
    error.code === "EADDRINUSE"
      ? `Port ${port} is in use.`
      : `The emulator cannot listen on port ${port}: ${error.message}.`,
  ),
);

const stop = () => emulator.stop().then(() => process.exit());
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, stop);
// A SIGTERM sent to npm ends npm and its shell but does not reach this process.
setInterval(() => process.ppid !== parent && stop(), 250).unref();
// The reader may close its end at any time.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

// These lines work in both a shell and a .env file, and Node accepts forward slashes on Windows.
for (const [name, value] of Object.entries(emulator.settings)) console.log(`${name}="${value.replaceAll("\\", "/")}"`);

const { NODE_EXTRA_CA_CERTS: _, ...entraSettings } = emulator.entraSettings;
console.error(`
The emulator accepts requests until Ctrl+C. Its access key is public; it generates a new certificate on each run.
  Node    set both variables in the environment: Node does not read NODE_EXTRA_CA_CERTS from a .env file
  Python  set REQUESTS_CA_BUNDLE to the path of the certificate
  .NET    on Linux, set SSL_CERT_FILE to it; elsewhere, add it to the trusted certificates of the system
  Java    keytool -importcert -noprompt -alias acs -storepass emulator -keystore acs.p12 \\
            -file "${emulator.certificateFile}"
          then run with -Djavax.net.ssl.trustStore=acs.p12 -Djavax.net.ssl.trustStorePassword=emulator
For Microsoft Entra ID, set these instead of the connection string (they emulate a managed identity):
${Object.entries(entraSettings)
  .map(([name, value]) => `  ${name}="${value}"`)
  .join("\n")}
`);
