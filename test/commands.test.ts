// Tests of the scripts in package.json.

import { createPrivateKey } from "node:crypto";
import { access, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import dotenv from "dotenv";
import { generate } from "selfsigned";
import { expect } from "vitest";
import { root } from "./support/environment.ts";
import { type Fixtures, test } from "./support/fixtures.ts";
import { hasPty, hasSignals, inTerminal } from "./support/processes.ts";
import { keptCertificate } from "./tools/certificate.ts";

const notice = "This runs against an emulator on this machine. No Azure resource is involved.\n";
const testSignal = test.skipIf(!hasSignals);
const { scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
const modeOf = async (path: string) => (await stat(path)).mode & 0o777;
/** Returns the command of a script, which takes less time without npm. */
const script = (name: string): string[] => [process.execPath, ...scripts[name].split(" ").slice(1)];

test("npm run bench measures the commands", async ({ project: cwd, start }) => {
  const { stdout, ...others } = await start([...script("bench"), "--only", "npm run emulator", "1"], { cwd }).ended;
  expect(stdout).toMatch(/^Node v2.*; .*\nMedians of 1 runs, .*\nnpm run emulator: \d+\n$/);
  expect(others).toEqual({ stderr: "", exitCode: 0 });
});

test("npm run local runs against the emulator, whatever the environment says", async ({ emulator, project, start }) => {
  const proxy = "http://127.0.0.1:9";
  await writeFile(join(project, ".env"), `HTTPS_PROXY="${proxy}"\nDOTENV_OVERRIDE=true\n`);
  const settings = { ...emulator.settings, ...emulator.entraSettings, DOTENV_OVERRIDE: "true", HTTPS_PROXY: proxy };
  const { stdout, stderr, exitCode } = await start(script("local"), { settings, cwd: project }).ended;
  expect(stderr).toBe(notice);
  expect(stdout).toMatch(/^Azure Communication Services[^]*\nDeleted the identity with ID: \S+\n$/);
  expect(exitCode).toBe(0);
  expect(emulator.requests).toEqual([]);
});

test("npm run local passes on arguments and the exit code, but no unwanted setting", async ({ project, start }) => {
  const program = `enum Text { No = "no" } // Node can't run this without tsx.
console.error(Text.No);
console.log(JSON.stringify([process.argv[2], process.cwd(), Object.keys(process.env)]));
process.exitCode = 7;`;
  await writeFile(join(project, "own.ts"), program);
  const azure = "AZURE_CLIENT_ID COMMUNICATION_SERVICES_ENDPOINT IDENTITY_ENDPOINT MSI_ENDPOINT DOTENV_OVERRIDE DEBUG";
  const others = "HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY https_proxy NODE_OPTIONS VITEST npm_config_user_agent";
  const unwanted = `${azure} ${others}`.split(" "); // each family that could redirect it, or change what it prints
  const settings = { ...Object.fromEntries(unwanted.map((name) => [name, ""])), INIT_CWD: project };
  const command = [...script("local"), "own.ts", "--option"];
  const { stdout, stderr, exitCode } = await start(command, { settings, cwd: project }).ended;
  const [option, folder, names] = JSON.parse(stdout);
  expect(option).toBe("--option");
  expect(names.filter((name: string) => unwanted.includes(name))).toEqual([]);
  expect(names).toEqual(expect.arrayContaining(["COMMUNICATION_SERVICES_CONNECTION_STRING", "NODE_EXTRA_CA_CERTS"]));
  expect(stderr).toBe(`${notice}no\n`);
  expect(exitCode).toBe(7);
  await expect(access(folder)).rejects.toThrow("ENOENT"); // It was the folder of the emulator.
});

test.for([
  ["step", "my.ts", 'npm run step has no argument "my.ts". To run another program, use: npm run local -- <file>\n'],
  ["local", "5", /^There's no file .*5\. To pass an option to the program, use: npm run local -- --timeout 5\n$/],
] as const)("npm run %s with the argument %s says what to use", async ([name, arg, text], { project, start }) => {
  const stderr = expect.stringMatching(text);
  expect(await start([...script(name), arg], { cwd: project }).ended).toEqual({ stdout: "", stderr, exitCode: 2 });
});

test.skipIf(!hasPty())("npm run step has bold headings, and stops on Ctrl+C", async ({ project, start }) => {
  const settings = { TERM: "xterm", CI: undefined }; // Node assumes no colors in CI.
  const command = inTerminal(["sh", "-c", "npm run --silent step > /dev/null"]);
  const { child, ended, prints } = start(command, { settings, cwd: project, input: null });
  await prints("Press Enter");
  child.stdin.write("\n");
  await prints("Create an identity\x1b[22m"); // the end of a bold heading
  child.stdin.write("\n");
  await prints("Issue an access token\x1b[22m");
  child.stdin.write("\x03");
  const { stdout, exitCode } = await ended;
  expect(stdout).toMatch(/Interrupted\..*\nIdentities deleted: 1\n$/);
  expect(exitCode).toBe(130);
});

test("npm run local keeps its certificate for three days, for its user alone", async ({ emulator }) => {
  const folder = join(emulator.folder, "kept");
  const file = join(folder, "certificate.pem");
  await Promise.all([keptCertificate(file), keptCertificate(file)]); // of two processes that start at the same time
  expect(await readdir(folder)).toEqual(["certificate.pem"]);
  if (hasSignals) expect([await modeOf(folder), await modeOf(file)]).toEqual([0o700, 0o600]); // not on Windows
  for (const days of [2.9, 3.1, -1, undefined]) {
    const notBeforeDate = new Date(Date.now() - (days ?? 0) * 86_400_000);
    const { cert, private: key } = await generate(undefined, { keyType: "ec", notBeforeDate });
    const saved = days ? `${cert}\n${key}` : cert; // damaged: without the key
    await writeFile(file, saved);
    const kept = await keptCertificate(file);
    expect(kept === saved, `${days}`).toBe(days === 2.9);
    expect(await readFile(file, "utf8")).toBe(kept);
  }
  const unsaved = await keptCertificate(join(file, "in a file", "certificate.pem"));
  expect(createPrivateKey(unsaved).asymmetricKeyType).toBe("ec"); // RSA takes longer.
});

testSignal.for([
  [script("local"), "SIGTERM", 143],
  [["npm", "run", "--silent", "local"], "SIGHUP", null], // Unlike SIGTERM, it leaves npm's shell.
] as const)("%j on %s ends its program and removes its files", async ([command, signal, code], { project, start }) => {
  const program = `process.once("SIGTERM", (signal) => {
  console.log("stopped");
  process.kill(process.pid, signal);
});
setInterval(() => console.log(process.cwd()), 1000);`;
  await writeFile(join(project, "own.ts"), program);
  const { child, ended, prints } = start([...command, "own.ts"], { settings: { INIT_CWD: project }, cwd: project });
  await prints("acs-identity-emulator-");
  child.kill(signal);
  const { stdout, exitCode } = await ended; // of all processes
  const [folder = "", ...others] = stdout.trim().split("\n");
  expect(others.at(-1)).toBe("stopped");
  expect(exitCode).toBe(code);
  await expect(access(folder)).rejects.toThrow("ENOENT"); // It was the folder of the emulator.
});

/** Starts the emulator, waits until it is ready, and returns the settings that it prints. */
async function startEmulatorCommand(start: Fixtures["start"], command: string[], cwd?: string) {
  const emulator = start(command, { cwd, input: null });
  await emulator.prints("export NODE_EXTRA_CA_CERTS");
  await emulator.prints("trustStorePassword");
  const { stdout, stderr } = emulator.output;
  const settings = dotenv.parse(stdout);
  const entraSettings = dotenv.parse(stderr.slice(stderr.indexOf("For Microsoft Entra ID")));
  const powerShell = dotenv.parse(stderr.match(/(?<=\$env:)\w+=".+"$/gm)!.join("\n"));
  return { ...emulator, settings, entraSettings, powerShell };
}

test("npm run emulator prints settings, and logs requests and errors", async ({ bundle, start, startProgram }) => {
  const emulator = await startEmulatorCommand(start, bundle("emulator"));
  const { child, ended, prints, settings, entraSettings, powerShell } = emulator;
  const { NODE_EXTRA_CA_CERTS, NO_PROXY } = settings;
  expect({ ...entraSettings, ...settings }).toMatchObject(powerShell);
  expect(Object.keys(powerShell)).toHaveLength(7);
  expect(emulator.output.stderr.match(/(?<=-storepass |Password=)\w+/g)).toEqual(["emulator", "emulator"]);
  expect(entraSettings).toMatchObject({ REQUESTS_CA_BUNDLE: NODE_EXTRA_CA_CERTS, SSL_CERT_FILE: NODE_EXTRA_CA_CERTS });
  const modes = [await modeOf(dirname(NODE_EXTRA_CA_CERTS!)), await modeOf(NODE_EXTRA_CA_CERTS!)];
  if (hasSignals) expect(modes).toEqual([0o755, 0o644]); // for other users, too; not on Windows
  const id = "00000000-0000-0000-0000-000000000000";
  const servicePrincipal = { AZURE_CLIENT_ID: id, AZURE_CLIENT_SECRET: "left", AZURE_TENANT_ID: id };
  const left = { HTTPS_PROXY: "http://127.0.0.1:9", ...servicePrincipal };
  for (const kind of [settings, { ...entraSettings, NODE_EXTRA_CA_CERTS, NO_PROXY }]) {
    expect(await startProgram({ ...left, ...kind }).ended).toMatchObject({ stderr: "", exitCode: 0 });
  }
  const { href, host } = new URL(entraSettings.COMMUNICATION_SERVICES_ENDPOINT!);
  for (const url of [href, href, `http://${host}`]) await expect(fetch(url)).rejects.toThrow();
  await prints("A connection failed (ERR_SSL_HTTP_REQUEST). Does the client trust the certificate, and use HTTPS?\n");
  child.kill("SIGINT");
  const { stdout, stderr, exitCode } = await ended;
  const connection = 'export COMMUNICATION_SERVICES_CONNECTION_STRING=".+"';
  expect(stdout).toMatch(RegExp(`^export NO_PROXY="127.0.0.1"\n${connection}\nexport NODE_EXTRA_CA_CERTS=".+"\n$`));
  expect(stderr).toMatch(/^POST \/identities 201 \d+\.\d ms$/m);
  expect(stderr.match(/(?<=^A connection failed ).*?\)/gm)).toEqual(["(ECONNRESET)", "(ERR_SSL_HTTP_REQUEST)"]);
  expect(exitCode).toBe(hasSignals ? 0 : null);
});

testSignal("npm run emulator survives a closed stderr, and stops when npm is stopped", async ({ project, start }) => {
  const emulator = await startEmulatorCommand(start, ["npm", "run", "--silent", "emulator"], project);
  emulator.child.stderr.destroy();
  await expect(fetch(emulator.entraSettings.COMMUNICATION_SERVICES_ENDPOINT!)).rejects.toThrow(); // It reports this.
  const started = Date.now();
  emulator.child.kill("SIGTERM");
  await emulator.ended;
  expect(Date.now() - started).toBeLessThan(5000);
  await expect(access(emulator.settings.NODE_EXTRA_CA_CERTS!)).rejects.toThrow("ENOENT"); // It has removed its files.
});

testSignal("the page's commands start a background emulator, or end with 1", async ({ bundle, project, start }) => {
  const page = await readFile(join(project, "test", "emulator", "README.md"), "utf8");
  const [commands = ""] = /(?<=^```sh\n)nohup[^`]*/m.exec(page) ?? [];
  // The emulator survives its shell and a hangup, and has removed its files when it ends.
  const script = `(${commands}echo $! > emulator.pid) || exit 1
. ./settings.sh
kill -HUP $(cat emulator.pid)
"$0" "$1"; status=$?
kill $(cat emulator.pid)
while test -e "$NODE_EXTRA_CA_CERTS"; do sleep 0.1; done
exit $status`;
  const command = ["sh", "-c", script, ...bundle("program")];
  expect(await start(command, { cwd: project }).ended).toMatchObject({ stderr: "", exitCode: 0 });
  await rm(join(project, "test", "emulator"), { recursive: true });
  const stderr = expect.stringContaining("Cannot find module");
  expect(await start(command, { cwd: project }).ended).toMatchObject({ stderr, exitCode: 1 });
});

test("an emulator whose port is in use or invalid says so", async ({ bundle, emulator, start }) => {
  const { port } = new URL(emulator.endpoint);
  const startWith = (...args: string[]) => start([...bundle("emulator"), ...args]).ended;
  const inUse = { stdout: "", stderr: `Port ${port} is in use.\n`, exitCode: 2 };
  expect(await startWith("--", "--port", port)).toEqual(inUse); // as with pnpm
  expect(await startWith(port)).toEqual(inUse);
  expect(await startWith("65536")).toMatchObject({ stderr: expect.stringMatching(/^Usage: /), exitCode: 2 });
});
