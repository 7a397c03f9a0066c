// Starts and ends the processes of the tests.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { tmpdir } from "node:os";
import { isAbsolute } from "node:path";
import { environmentWith } from "./environment.ts";

/** The arguments that this version of Node needs to run TypeScript: none since 22.18. */
export const nodeOptions =
  "typescript" in process.features && process.features.typescript ? [] : ["--import", import.meta.resolve("tsx")];

/** Whether a process can be sent a signal that it handles. On Windows, a signal ends it immediately. */
export const hasSignals = process.platform !== "win32";

/** Returns whether a pseudo-terminal is available. Node can't create one, so the tests use Python 3.9 or later. */
export function hasPty(): boolean {
  return hasSignals && spawnSync("python3", ["-c", "from os import waitstatus_to_exitcode"]).status === 0;
}

export interface StartOptions {
  /** Environment variables to add. */
  settings?: object;
  /** The working directory, by default one without a .env file. */
  cwd?: string;
  /** Input to send before closing stdin; null leaves stdin open. */
  input?: string | null;
}

export type Started = ReturnType<typeof startProcess>;

/** Starts a command, such as `["npx", "tsx", "issue-access-tokens.ts"]`, without the developer's own settings. */
export function startProcess([file = "", ...args]: string[], options: StartOptions = {}) {
  // Neutral about color. The log level hides npm's warnings about the developer's own configuration.
  const neutral = { NO_COLOR: undefined, FORCE_COLOR: undefined, npm_config_loglevel: "error" };
  const child = spawn(file, args, {
    cwd: options.cwd ?? tmpdir(),
    env: environmentWith({ ...neutral, ...options.settings }),
    shell: process.platform === "win32" && !isAbsolute(file), // npm and npx are .cmd files on Windows.
    detached: hasSignals, // Starts a process group, which can be ended as a whole.
  });
  child.stdin.on("error", () => {}); // The program might exit without reading its input.
  if (options.input !== null) child.stdin.end(options.input);
  const output = { stdout: "", stderr: "" };
  const printing = new EventEmitter();
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
      printing.emit("data");
    });
  }
  const ended = once(child, "close").then(([exitCode]) => ({ exitCode: exitCode as number | null, ...output }));
  return {
    child,
    /** What it has printed until now. */
    output,
    /** Resolves when all processes that share its output have ended. */
    ended,
    /** Waits until it has printed a text. Rejects if it ends before that. */
    async prints(text: string) {
      const early = () => Promise.reject(new Error(`It ended before it printed ${text}: ${output.stderr}`));
      while (!`${output.stdout}${output.stderr}`.includes(text)) {
        await Promise.race([once(printing, "data"), ended.then(early)]);
      }
    },
  };
}

/**
 * Returns a command that runs another one in a pseudo-terminal. To press a key, write to its stdin:
 * "\x03" is Ctrl+C. Its exit code after a signal is 128 + n, as in a shell.
 */
export function inTerminal(command: string[]): string[] {
  const python = `import os, pty, sys
code = os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:]))
sys.exit(code if code >= 0 else 128 - code)`;
  return ["python3", "-c", python, "sh", "-c", 'stty -onlcr; exec "$@"', "sh", ...command];
}

/** Ends a process and the processes that it started. Those in a pseudo-terminal get SIGHUP when the terminal closes. */
export function endProcess({ pid, exitCode }: ChildProcess) {
  if (!pid) return;
  if (!hasSignals) return exitCode === null && spawnSync("taskkill", ["/pid", String(pid), "/t", "/f"]);
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // The group has ended by itself.
  }
}
