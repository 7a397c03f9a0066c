// Starts programs the way a reader does, and ends them with the test.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { environmentWith } from "./environment.ts";

/** The arguments that this version of Node needs to run TypeScript: none since 22.18. */
export const nodeOptions =
  "typescript" in process.features && process.features.typescript ? [] : ["--import", import.meta.resolve("tsx")];

export interface Result {
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** Environment variables to add. */
  settings?: object;
  /** The working directory, by default one without a .env file. */
  cwd?: string;
  /** Input to send before closing stdin; null leaves stdin open. */
  input?: string | null;
  /** Receives the process once it has started. */
  onStart?: (child: ChildProcess) => unknown;
}

/** Whether a process can be sent a signal that it handles. On Windows, a signal ends it immediately. */
export const hasSignals = process.platform !== "win32";

/** Whether a pseudo-terminal is available. Node cannot create one, so the tests use Python. */
export const hasTerminal = hasSignals && spawnSync("python3", ["-c", "import pty"]).status === 0;

/** The processes of one test. */
export class Processes {
  #children: ChildProcess[] = [];
  #settings: object;

  /** @param settings Environment variables for all processes. */
  constructor(settings: object) {
    this.#settings = settings;
  }

  /** Starts a command, such as `["npx", "tsx", "issue-access-tokens.ts"]`, without the developer's own settings. */
  run = async (command: string[], options: RunOptions = {}): Promise<Result> => {
    const [file = "", ...args] = command;
    // Neutral about color. The log level hides npm's warnings about the developer's own configuration.
    const neutral = { NO_COLOR: undefined, FORCE_COLOR: undefined, npm_config_loglevel: "error" };
    const child = spawn(file, args, {
      cwd: options.cwd ?? tmpdir(),
      env: environmentWith({ ...neutral, ...this.#settings, ...options.settings }),
      shell: process.platform === "win32" && file !== process.execPath, // npm and npx are .cmd files on Windows.
      detached: hasSignals, // Starts a process group, which can be ended as a whole.
    });
    this.#children.push(child);
    child.stdin.on("error", () => {}); // The program might exit without reading its input.
    if (options.input !== null) child.stdin.end(options.input);
    options.onStart?.(child);
    const read = (stream: Readable) => text(stream).catch(() => ""); // A test might close it.
    const closed = once(child, "close");
    const [stdout, stderr, [exitCode]] = await Promise.all([read(child.stdout), read(child.stderr), closed]);
    return { exitCode, stdout, stderr };
  };

  /** Starts a command in a pseudo-terminal, as if typed by a person. */
  openTerminal = (command: string[], options: { settings?: object; cwd?: string } = {}) => {
    const python = `import os, pty, sys
code = os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:]))
sys.exit(code if code >= 0 else 128 - code)`;
    let child!: ChildProcess;
    let screen = "";
    const onStart = (started: ChildProcess) => {
      child = started;
      child.stdout!.on("data", (data) => (screen += data));
    };
    const ended = this.run(["python3", "-c", python, ...command], { ...options, input: null, onStart });
    return {
      /** Presses keys, such as "\n" for Enter, "\x03" for Ctrl+C, and "\x04" for Ctrl+D. */
      type: (keys: string) => void child.stdin!.write(keys),
      /** Waits until the screen shows the text. Rejects if the program ends before that. */
      async shows(text: string) {
        const early = ended.then(() =>
          Promise.reject(new Error(`The program ended before it showed ${text}: ${screen}`)),
        );
        const shown = () => screen.replaceAll("\r\n", "\n").includes(text);
        early.catch(() => {}); // It ends later, too.
        while (!shown()) await Promise.race([once(child.stdout!, "data"), early]);
      },
      /** Resolves with the exit code (128 + n after a signal, as in a shell) and everything that was on the screen. */
      ended: ended.then(({ exitCode, stdout }) => ({ exitCode, screen: stdout.replaceAll("\r\n", "\n") })),
    };
  };

  /** Ends what is still running. A terminal that closes sends SIGHUP to the programs in it. */
  end() {
    for (const { pid, exitCode } of this.#children) {
      if (pid && hasSignals) killGroup(pid);
      else if (pid && exitCode === null) spawnSync("taskkill", ["/pid", String(pid), "/t", "/f"]);
    }
  }
}

function killGroup(pid: number) {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // The group has ended by itself.
  }
}
