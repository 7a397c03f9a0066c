// What the tests share: an emulator for each test, and programs started as a reader starts them.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash, createHmac } from "node:crypto";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { test as base } from "vitest";
import { accessKey, type Emulator, startEmulator } from "./emulator.ts";

export const root = fileURLToPath(new URL("..", import.meta.url));
export const programFile = join(root, "issue-access-tokens.ts");

/** Runs the walkthrough with these settings, and gives what became of it. */
export type Walk = (settings: object, args?: string[], options?: Parameters<typeof run>[1]) => Promise<Result>;

/** The arguments with which this Node runs a TypeScript file: none from 22.18 on. */
export const nodeOptions = (process.features as { typescript?: unknown }).typescript ? [] : ["--import", import.meta.resolve("tsx")];

/**
 * vitest's `test` with an emulator of the test's own, with a copy of the project as a newcomer has it after `npm ci`, and with `walk`.
 * What walks is the program bundled with the SDK by esbuild, the compiler inside tsx: more than a hundred tests start it, and loading the
 * SDK's files one by one would take most of their time. The tests of the commands that a person types start it as it is.
 */
export const test = base.extend<{ program: string; emulator: Emulator; clone: string; walk: Walk }>({
  program: [
    async ({}, use) => {
      const folder = await mkdtemp(join(tmpdir(), "issue-access-tokens-"));
      const outfile = join(folder, "issue-access-tokens.mjs");
      const banner = { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' };
      await build({ entryPoints: [programFile], bundle: true, platform: "node", format: "esm", external: ["@azure/identity"], banner, outfile });
      await symlink(join(root, "node_modules"), join(folder, "node_modules"), "junction");
      await use(outfile);
      await rm(folder, { recursive: true });
    },
    { scope: "worker" },
  ],
  walk: async ({ program }, use) => {
    await use((settings, args = [], options = {}) => run([process.execPath, program, ...args], { ...options, settings }));
  },
  emulator: async ({}, use) => {
    const emulator = await startEmulator();
    await use(emulator);
    await emulator.stop();
  },
  clone: async ({}, use) => {
    const folder = await mkdtemp(join(tmpdir(), "access-tokens-quickstart-"));
    for (const name of ["package.json", "tsconfig.json", "issue-access-tokens.ts", "test"]) {
      await cp(join(root, name), join(folder, name), { recursive: true });
    }
    await symlink(join(root, "node_modules"), join(folder, "node_modules"), "junction");
    await use(folder);
    await rm(folder, { recursive: true });
  },
});

export interface Result {
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

/**
 * Starts a command without the settings of the person who runs the tests.
 * @param command The command with its arguments, as in `["npx", "tsx", "issue-access-tokens.ts"]`.
 * @param options.settings Environment variables to add.
 * @param options.cwd The working directory, by default one without a .env file.
 * @param options.input What to send to its stdin before that ends; null leaves it open.
 * @param options.onStart Gets the process when it has started.
 */
export async function run(
  command: string[],
  options: { settings?: object; cwd?: string; input?: string | null; onStart?: (child: ChildProcess) => unknown } = {},
): Promise<Result> {
  const own = /^(AZURE_|COMMUNICATION|IDENTITY_|MSI_|DOTENV_|NODE_|VITEST|npm_|(HTTPS?|ALL|NO)_PROXY$)/i;
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)));
  const [file, ...args] = command;
  const child = spawn(file!, args, {
    cwd: options.cwd ?? tmpdir(),
    env: { ...inherited, npm_config_loglevel: "error", ...options.settings }, // what npm says of the person's settings is not ours
    shell: process.platform === "win32" && file !== process.execPath, // npm and npx are .cmd files there
  });
  child.stdin.on("error", () => {}); // A program that does not read has nothing to miss.
  if (options.input !== null) child.stdin.end(options.input);
  options.onStart?.(child);
  const stdoutText = text(child.stdout).catch(() => ""); // A test may close it.
  const [stdout, stderr, [exitCode]] = await Promise.all([stdoutText, text(child.stderr), once(child, "close")]);
  return { exitCode, stdout, stderr };
}

/** Whether a terminal can be had: Node has none of its own, and the tests borrow that of Python. */
export const hasTerminal = process.platform !== "win32" && spawnSync("python3", ["-c", "import pty"]).status === 0;

/** Starts a command in a pseudo-terminal, where a person would type it. */
export function openTerminal(command: string[], options: { settings?: object; cwd?: string } = {}) {
  const python = "import os, pty, sys; code = os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])); sys.exit(code if code >= 0 else 128 - code)";
  let child!: ChildProcess;
  let screen = "";
  const ended = run(["python3", "-c", python, ...command], { ...options, input: null, onStart: (started) => (child = started) });
  child.stdout!.on("data", (data) => (screen += data));
  return {
    /** Presses keys, such as "\n" for Enter, "\x03" for Ctrl-C and "\x04" for Ctrl-D. */
    type: (keys: string) => void child.stdin!.write(keys),
    /** Waits until a text has come up so many times. */
    async shows(text: string, times = 1) {
      while (screen.split(text).length <= times) await once(child.stdout!, "data");
    },
    /** Comes with the exit code, 128 and more after a signal as in a shell, and with all that was on the screen. */
    ended: ended.then(({ exitCode, stdout }) => ({ exitCode, screen: stdout.replaceAll("\r\n", "\n") })),
  };
}

/** A raw request: what is not given is as it should be. `path` may hold `{id}`, the id of an identity that exists. */
export interface RawRequest {
  method?: string;
  path?: string;
  query?: string;
  /** JSON text, or bytes. */
  body?: string;
  headers?: Record<string, string>;
  /** The names of the headers that are signed, in this order. */
  signed?: string[];
  /** The host that is signed, where it is not the `Host` header. */
  signedHost?: string;
  key?: string;
  /** Keeps connections for further requests. */
  agent?: https.Agent;
}

/** Sends a request to an emulator without any SDK, signed with its access key, and gives the answer with its body as text. */
export async function send(emulator: Emulator, raw: RawRequest = {}) {
  const { method = "POST", path = "/identities", query = "?api-version=2023-10-01", body = "", key = accessKey } = raw;
  const { signed = ["x-ms-date", "host", "x-ms-content-sha256"] } = raw;
  const url = new URL(emulator.entraSettings.COMMUNICATION_SERVICES_ENDPOINT);
  const headers: Record<string, string> = {
    host: url.host,
    [signed.includes("date") ? "date" : "x-ms-date"]: new Date().toUTCString(),
    "x-ms-content-sha256": createHash("sha256").update(body).digest("base64"),
    ...(body && { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) }),
    ...raw.headers,
  };
  const values = signed.map((name) => (name === "host" ? (raw.signedHost ?? headers.host) : headers[name]));
  const signature = createHmac("sha256", Buffer.from(key, "base64")).update(`${method}\n${path}${query}\n${values.join(";")}`).digest("base64");
  headers.authorization ??= `HMAC-SHA256 SignedHeaders=${signed.join(";")}&Signature=${signature}`;
  const request = https.request({ host: url.hostname, port: url.port, path: path + query, method, headers, ca: await readFile(emulator.settings.NODE_EXTRA_CA_CERTS), agent: raw.agent ?? false });
  request.on("error", () => {}).end(body); // An error before the answer rejects below.
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}
