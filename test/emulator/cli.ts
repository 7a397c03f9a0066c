// Runs the emulator until Ctrl+C: npm run emulator [-- --port <number>]

import { isatty } from "node:tty";
import { parseArgs } from "node:util";
import { whenNpmEnds } from "./parent.ts";
import { startEmulator } from "./server.ts";

/** Prints why the emulator can't start and exits with code 2. */
function fail(reason: string): never {
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
  return fail("Usage: npm run emulator [-- --port <0-65535>]");
}

const reported = new Set<string>(); // error codes
const port = readPort();
const emulator = await startEmulator({
  port,
  intercept(respond, request) {
    const started = performance.now();
    const response = respond();
    const duration = (performance.now() - started).toFixed(1);
    if (request) console.error(`${request.method} ${request.path} ${response.status} ${duration} ms`);
    return response;
  },
  onClientError({ code = "" }) {
    if (reported.has(code)) return;
    reported.add(code);
    console.error(`A connection failed (${code}). Does the client trust the certificate, and use HTTPS?`);
  },
}).catch(({ code, message }) =>
  fail(code === "EADDRINUSE" ? `Port ${port} is in use.` : `The emulator can't start: ${message}.`),
);

const stop = () => emulator.stop().then(() => process.exit());
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, stop);
// Node undoes what nohup does: without a terminal, as with `nohup node ... &`, a hangup is ignored here.
const hasTerminal = [0, 1, 2].some(isatty);
process.on("SIGHUP", () => hasTerminal && stop());
whenNpmEnds(stop);
// The reader can close its end at any time.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

/** Formats environment variables for a shell, one per line, with a prefix. On Windows, Node accepts forward slashes. */
function format(settings: object, prefix: string): string {
  const lines = Object.entries(settings).map(([name, value]) => `${prefix}${name}="${value.replaceAll("\\", "/")}"`);
  return lines.join("\n");
}

const { NODE_EXTRA_CA_CERTS: certificate, ...entraSettings } = emulator.entraSettings;
const trustStore = `${emulator.folder}/acs.p12`.replaceAll("\\", "/");
console.error(`
For Microsoft Entra ID, paste these instead of the connection string (they emulate a managed identity):
${format(entraSettings, "  export ")}
In PowerShell:
${format(entraSettings, "  $env:")}

Other clients trust the certificate with one of these variables (in PowerShell, with $env: instead of export).
The synchronous client in Python, which uses requests:
${format({ REQUESTS_CA_BUNDLE: certificate }, "  export ")}
The asyncio client in Python, Go, curl, and other clients with the defaults of OpenSSL:
${format({ SSL_CERT_FILE: certificate }, "  export ")}
Clients in Java trust it with a trust store and two options of the java command:
  keytool -importcert -noprompt -alias acs -storepass emulator -keystore "${trustStore}" -file "${certificate}"
  "-Djavax.net.ssl.trustStore=${trustStore}" "-Djavax.net.ssl.trustStorePassword=emulator"

The emulator accepts requests until Ctrl+C. Its access key is public; it generates a new certificate on each run.
In PowerShell, paste these lines into the shell of your client:
${format(emulator.settings, "  $env:")}
In any other shell, paste the following lines. In a .env file, only the first of them works: Node reads
NODE_EXTRA_CA_CERTS only from the environment.
`);
console.log(format(emulator.settings, "export "));
