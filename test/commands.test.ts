// Tests of npm run local, npm run step, and npm run emulator.

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { access, cp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import dotenv from "dotenv";
import { describe, expect } from "vitest";
import { root } from "./support/environment.ts";
import { test } from "./support/fixtures.ts";
import { hasSignals, nodeOptions, type Processes, type Result, type RunOptions } from "./support/processes.ts";

/** Starts a command whose stdin remains open, and collects what it prints. */
function start(processes: Processes, command: string[], options: RunOptions = {}) {
  const output = { stdout: "", stderr: "" };
  let child!: ChildProcess;
  const onStart = (started: ChildProcess) => {
    child = started;
    child.stdout!.on("data", (data) => (output.stdout += data));
    child.stderr!.on("data", (data) => (output.stderr += data));
  };
  const ended = processes.run(command, { cwd: root, input: null, ...options, onStart });
  /** Waits until the command has printed a text. Rejects if it ends before that. */
  async function prints(stream: "stdout" | "stderr", text: string) {
    const reject = ({ stderr }: Result) => Promise.reject(new Error(`It ended: ${stderr}`));
    while (!output[stream].includes(text)) await Promise.race([once(child[stream]!, "data"), ended.then(reject)]);
  }
  return { child, ended, output, prints };
}

describe.concurrent("npm run local", () => {
  const notice = "This runs against an emulator on this machine. No Azure resource is involved.\n";

  test("runs the walkthrough against an emulator and nothing else", async ({ clone, emulator, run }) => {
    const name = "COMMUNICATION_SERVICES_CONNECTION_STRING";
    await cp(join(root, "test"), join(clone, "test"), { recursive: true });
    const proxy = "http://127.0.0.1:9";
    const env = `${name}="${emulator.settings[name]}"\nHTTPS_PROXY="${proxy}"\nDOTENV_OVERRIDE=true\n`;
    await writeFile(join(clone, ".env"), env);
    const settings = { ...emulator.settings, ...emulator.entraSettings, DOTENV_OVERRIDE: "true", HTTPS_PROXY: proxy };
    const { exitCode, stdout, stderr } = await run(["npm", "run", "--silent", "local"], { settings, cwd: clone });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: notice });
    expect(stdout).toMatch(/^Azure Communication Services[^]*\nDeleted the identity with ID: \S+\n$/);
    expect(emulator.requests).toEqual([]);
  });

  test("runs any program, and passes on its arguments, output, signals, and exit code", async ({
    clone,
    processes,
  }) => {
    const program = `for (const [source, event] of [[process, "SIGTERM"], [process.stdin.resume(), "end"]])
  source.on(event, () => process.exit(7));
console.error("no");
console.log(process.argv[2], process.cwd());
`;
    await writeFile(join(clone, "own.ts"), program);
    const command = [process.execPath, ...nodeOptions, "test/tools/local.ts", "own.ts", "--option"];
    const local = start(processes, command, { settings: { INIT_CWD: clone } }); // as npm sets it, where it's called
    await local.prints("stdout", "\n");
    const [, folder = ""] = /^--option (.*)\n$/.exec(local.output.stdout) ?? [];
    await access(folder);
    if (hasSignals) local.child.kill("SIGTERM");
    else local.child.stdin!.end();
    expect(await local.ended).toMatchObject({ exitCode: 7, stderr: `${notice}no\n` });
    await expect(access(folder)).rejects.toThrow("ENOENT");
  });

  test.skipIf(!hasSignals)(
    "ends with its program when npm is stopped while npm run step waits for Enter",
    async ({ clone, processes }) => {
      const folders = async () => (await readdir(clone)).filter((name) => name.startsWith("acs-identity-emulator"));
      // Like a terminal, this input remains open when npm has ended.
      const command = 'mkfifo "$0" && exec npm run --silent step 0<> "$0"';
      const settings = { TMPDIR: clone };
      const step = start(processes, ["sh", "-c", command, join(clone, "input")], { settings });
      await step.prints("stderr", "Press Enter");
      expect(await folders()).toHaveLength(1);
      step.child.kill("SIGTERM");
      const { stderr } = await step.ended; // Resolves when no process holds its stdout any longer.
      expect(stderr).toMatch(/\nNo identities to delete\.\n$/);
      expect(await folders()).toEqual([]);
    },
  );
});

describe.concurrent("npm run emulator", () => {
  /** Starts the emulator, waits until it is ready, and returns the settings that it prints. */
  async function serve(processes: Processes, command: string[]) {
    const emulator = start(processes, command);
    await emulator.prints("stdout", "NODE_EXTRA_CA_CERTS");
    await emulator.prints("stderr", "trustStorePassword");
    const { stdout, stderr } = emulator.output;
    const settings = dotenv.parse(stdout);
    const entraSettings = dotenv.parse(stderr.slice(stderr.indexOf("For Microsoft Entra ID")));
    const powerShell = dotenv.parse(stderr.match(/(?<=\$env:)\w+=".+"$/gm)!.join("\n"));
    return { ...emulator, settings, entraSettings, powerShell };
  }

  test("prints settings, and logs requests and failed connections", async ({ bundles, processes, runProgram }) => {
    const command = [process.execPath, bundles.emulator];
    const { child, ended, prints, settings, entraSettings, powerShell } = await serve(processes, command);
    const { NODE_EXTRA_CA_CERTS } = settings;
    expect({ ...entraSettings, ...settings }).toMatchObject(powerShell);
    expect(Object.keys(powerShell)).toHaveLength(5);
    const trust = { REQUESTS_CA_BUNDLE: NODE_EXTRA_CA_CERTS, SSL_CERT_FILE: NODE_EXTRA_CA_CERTS };
    expect(entraSettings).toMatchObject(trust);
    expect(await runProgram(settings)).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await runProgram({ ...entraSettings, NODE_EXTRA_CA_CERTS })).toMatchObject({ exitCode: 0, stderr: "" });
    const { href, host } = new URL(entraSettings.COMMUNICATION_SERVICES_ENDPOINT!);
    for (const [url, code] of [
      [href, "ECONNRESET"],
      [`http://${host}`, "ERR_SSL_HTTP_REQUEST"],
    ] as const) {
      await expect(fetch(url)).rejects.toThrow();
      await prints("stderr", `A connection failed (${code}). Does the client trust the certificate, and use HTTPS?\n`);
      await expect(fetch(url)).rejects.toThrow();
    }
    child.kill("SIGTERM");
    const { exitCode, stdout, stderr } = await ended;
    expect(exitCode).toBe(hasSignals ? 0 : null);
    expect(stdout).toMatch(/^export COMMUNICATION_SERVICES_CONNECTION_STRING=".+"\nexport NODE_EXTRA_CA_CERTS=".+"\n$/);
    expect(stderr).toMatch(/^POST \/identities 201 \d+\.\d ms$/m);
    expect(stderr.match(/^A connection failed/gm)).toHaveLength(2);
  });

  test.skipIf(!hasSignals)("removes its files and stops when npm is stopped", async ({ processes }) => {
    const { child, ended, settings } = await serve(processes, ["npm", "run", "--silent", "emulator"]);
    child.kill("SIGTERM");
    await ended; // Resolves when no process holds its stdout any longer.
    await expect(access(settings.NODE_EXTRA_CA_CERTS!)).rejects.toThrow("ENOENT");
  });

  test.skipIf(!hasSignals)(
    "without npm and a terminal, continues after its shell ends and after a hangup",
    async ({ bundles, processes, runProgram }) => {
      const shell = ["sh", "-c", '"$0" "$1" & read line', process.execPath, bundles.emulator];
      const { child, ended, settings } = await serve(processes, shell);
      child.stdin!.end("\n");
      await once(child, "exit");
      process.kill(-child.pid!, "SIGHUP");
      expect(await runProgram(settings)).toMatchObject({ exitCode: 0, stderr: "" });
      process.kill(-child.pid!, "SIGTERM");
      await ended;
      await expect(access(settings.NODE_EXTRA_CA_CERTS!)).rejects.toThrow("ENOENT");
    },
  );

  test.skipIf(!hasSignals)(
    "runs in the background with the commands of its page, which end with 1 if it can't start",
    async ({ bundles, clone, run }) => {
      const page = await readFile(join(root, "test", "emulator", "README.md"), "utf8");
      const [commands = ""] = /(?<=^```sh\n)nohup[^`]*/m.exec(page) ?? [];
      const { exitCode, stderr } = await run(["sh", "-c", commands], { cwd: clone }); // a folder without the emulator
      expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining("Cannot find module") });
      await cp(join(root, "test"), join(clone, "test"), { recursive: true });
      const script = `${commands}\n"$0" "$1"; status=$?; kill $!; wait $!; exit $status`;
      const result = await run(["sh", "-c", script, process.execPath, bundles.program], { cwd: clone });
      expect(result).toMatchObject({ exitCode: 0, stderr: "" });
    },
  );

  test("explains in one sentence that its port is in use", async ({ bundles, emulator, run }) => {
    const { port } = new URL(emulator.endpoint);
    const result = await run([process.execPath, bundles.emulator, "--port", port]);
    expect(result).toEqual({ exitCode: 2, stdout: "", stderr: `Port ${port} is in use.\n` });
  });
});
