// Runs the emulator until Ctrl+C: npm run emulator [<port>]

import { chmod } from "node:fs/promises";
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
  const args = process.argv.slice(process.argv[2] === "--" ? 3 : 2); // pnpm passes it on.
  try {
    // Without "--", npm keeps the option for itself and passes on the number.
    const { values, positionals } = parseArgs({ args, options: { port: { type: "string" } }, allowPositionals: true });
    const { port = positionals.shift() ?? "0" } = values;
    if (/^\d{1,5}$/.test(port) && Number(port) < 65_536 && positionals.length === 0) return Number(port);
  } catch {
    // Any other invalid argument gets the same message.
  }
  return fail("Usage: npm run emulator [<port>], with a port from 0 to 65535. 0, the default, picks a free one.");
}

// The reader can close its end at any time.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
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
// Other users, such as that of a container, can read the certificate. The key is only in memory.
await chmod(emulator.folder, 0o755);
await chmod(emulator.certificateFile, 0o644);

/** Formats environment variables for a shell, one per line, with a prefix. On Windows, Node accepts forward slashes. */
function format(settings: object, prefix: string): string {
  const lines = Object.entries(settings).map(([name, value]) => `${prefix}${name}="${value.replaceAll("\\", "/")}"`);
  return lines.join("\n");
}

// What is left in the shell of the client doesn't win: the variables of a proxy, and those of a service principal.
const settings = { NO_PROXY: "127.0.0.1", ...emulator.settings };
const { NODE_EXTRA_CA_CERTS: certificate, ...entra } = emulator.entraSettings;
const entraSettings = { ...entra, AZURE_TOKEN_CREDENTIALS: "ManagedIdentityCredential" };
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
${format(settings, "  $env:")}
In any other shell, paste the following lines. In a .env file, the last of them has no effect: Node reads
NODE_EXTRA_CA_CERTS only from the environment.
`);
console.log(format(settings, "export "));
