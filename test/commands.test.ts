// Tests of npm run local and npm run emulator.

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { access, cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import dotenv from "dotenv";
import { describe, expect } from "vitest";
import { root } from "./support/environment.ts";
import { test } from "./support/fixtures.ts";
import { hasSignals, nodeOptions, type Processes } from "./support/processes.ts";

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

  test("runs any program, and passes on its arguments, its output, and its exit code", async ({ clone, run }) => {
    await writeFile(join(clone, "own.ts"), "console.log(process.argv[2]!);\nconsole.error('no');\nprocess.exit(7);\n");
    const settings = { INIT_CWD: clone }; // as npm sets it, in the folder where it's called
    const command = [process.execPath, ...nodeOptions, "test/tools/local.ts", "own.ts", "--option"];
    const { exitCode, stdout, stderr } = await run(command, { settings, cwd: root });
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 7, stdout: "--option\n", stderr: `${notice}no\n` });
  });
});

describe.concurrent("npm run emulator", () => {
  /** Starts the emulator, waits until it is ready, and returns the settings that it prints. */
  async function serve(processes: Processes, command: string[]) {
    let child!: ChildProcess;
    let [stdout, stderr] = ["", ""];
    const onStart = (started: ChildProcess) => {
      child = started;
      child.stdout!.on("data", (data) => (stdout += data));
      child.stderr!.on("data", (data) => (stderr += data));
    };
    const ended = processes.run(command, { cwd: root, input: null, onStart });
    while (!stdout.includes("NODE_EXTRA_CA_CERTS") || !stderr.includes("trustStorePassword"))
      await Promise.race([once(child.stdout!, "data"), once(child.stderr!, "data")]);
    const settings = dotenv.parse(stdout);
    const entraSettings = dotenv.parse(stderr.slice(stderr.indexOf("For Microsoft Entra ID")));
    const powerShell = dotenv.parse(stderr.match(/(?<=\$env:)\w+=".+"$/gm)!.join("\n"));
    return { child, ended, settings, entraSettings, powerShell };
  }

  test("prints settings, and logs requests", async ({ bundles, processes, runProgram }) => {
    const command = [process.execPath, bundles.emulator];
    const { child, ended, settings, entraSettings, powerShell } = await serve(processes, command);
    const { NODE_EXTRA_CA_CERTS } = settings;
    expect({ ...entraSettings, ...settings }).toMatchObject(powerShell);
    expect(Object.keys(powerShell)).toHaveLength(5);
    expect(await runProgram(settings)).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await runProgram({ ...entraSettings, NODE_EXTRA_CA_CERTS })).toMatchObject({ exitCode: 0, stderr: "" });
    child.kill("SIGTERM");
    const { exitCode, stdout, stderr } = await ended;
    expect(exitCode).toBe(hasSignals ? 0 : null);
    expect(stdout).toMatch(/^export COMMUNICATION_SERVICES_CONNECTION_STRING=".+"\nexport NODE_EXTRA_CA_CERTS=".+"\n$/);
    expect(stderr).toMatch(/^POST \/identities 201 \d+\.\d ms$/m);
  });

  test.skipIf(!hasSignals)("removes its files and stops when npm is stopped", async ({ processes }) => {
    const { child, ended, settings } = await serve(processes, ["npm", "run", "--silent", "emulator"]);
    child.kill("SIGTERM");
    await ended; // Resolves when no process holds its stdout any more.
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

  test("explains in one sentence that its port is in use", async ({ bundles, emulator, run }) => {
    const { port } = new URL(emulator.endpoint);
    const result = await run([process.execPath, bundles.emulator, "--port", port]);
    expect(result).toEqual({ exitCode: 2, stdout: "", stderr: `Port ${port} is in use.\n` });
  });
});
