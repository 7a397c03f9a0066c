// Shared test fixtures: an emulator per test, processes that end with the test, and a copy of the project.

import { EventEmitter, once } from "node:events";
import { cpSync } from "node:fs";
import { mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base, inject } from "vitest";
import type { Resource } from "../cases/requests.ts";
import { accessKey } from "../emulator/authentication.ts";
import type { Request } from "../emulator/messages.ts";
import { startEmulator } from "../emulator/server.ts";
import { decodePath, type Operation, route } from "../emulator/service.ts";
import { root } from "./environment.ts";
import type { Fault } from "./faults.ts";
import { endProcess, type StartOptions, type Started, startProcess } from "./processes.ts";

/** Requests to the emulator: those of an operation, of its n-th call with all retries, or the sign-ins to Entra ID. */
type Target = Operation | `${Operation} ${number}` | "sign-in";

export type TestEmulator = Awaited<ReturnType<typeof startTestEmulator>>;

/** Returns what the tests look at in a request: a client's retries have the same ID, and the path is decoded. */
function summarize(request: Request) {
  const { method, path, headers, body } = request;
  const { "x-ms-client-request-id": id, authorization } = headers;
  const { operation = "other" } = route(request);
  const scheme = authorization?.split(" ")[0];
  return { operation, id, method, path: decodePath(path), body: body.toString(), scheme };
}

/** Starts an emulator that remembers what it received and issued, and into which a test can inject faults. */
export async function startTestEmulator() {
  const requests: ReturnType<typeof summarize>[] = [];
  const tokens: { token: string; expiresOn: string }[] = [];
  const faults: { target: Target; fault: Fault; once: boolean }[] = [];
  const arrivals = new EventEmitter();
  let created = 0;

  /** Remembers a request, and returns the targets that it belongs to. */
  function receive(request: Request): string[] {
    requests.push(summarize(request));
    const { operation, id } = requests.at(-1)!;
    const calls = new Set(requests.filter((other) => other.operation === operation).map((other) => other.id));
    return [operation, `${operation} ${[...calls].indexOf(id) + 1}`];
  }

  const emulator = await startEmulator({
    intercept(respond, request) {
      const targets = request ? receive(request) : ["sign-in"];
      for (const target of targets) arrivals.emit(target);
      const found = faults.find(({ target }) => targets.includes(target));
      if (found?.once) faults.splice(faults.indexOf(found), 1);
      const respondAndRemember = () => {
        const response = respond();
        if (response.status === 201) created++;
        const [, token, expiresOn] = /"token":"([^"]+)","expiresOn":"([^"]+)"/.exec(response.body) ?? [];
        if (token && expiresOn) tokens.push({ token, expiresOn });
        return response;
      };
      return found ? found.fault(respondAndRemember, request) : respondAndRemember();
    },
  });
  const ca = await readFile(emulator.certificateFile, "utf8");
  return {
    ...emulator,
    requests,
    /** The access tokens that were issued, in order. */
    tokens,
    /** The emulator for raw requests. */
    resource: { endpoint: emulator.endpoint, accessKey, ca } satisfies Resource,
    /** Applies a fault to the next request of a target. */
    once: (target: Target, fault: Fault) => void faults.push({ target, fault, once: true }),
    /** Applies a fault to every request of a target. */
    always: (target: Target, fault: Fault) => void faults.push({ target, fault, once: false }),
    /** Resolves when a request of a target arrives. */
    receives: (target: Target) => once(arrivals, target),
    /** Returns what the program has to report if it deleted all identities that it created. */
    report: () => (created > 0 ? `Identities deleted: ${created}` : "No known identities to delete."),
  };
}

export interface Fixtures {
  /** Returns the command that runs a bundle of build.ts, which takes less time than the original file. */
  bundle: (name: string) => [node: string, file: string];
  /** Starts a command, which ends with the test. */
  start: (command: string[], options?: StartOptions) => Started;
  /** Starts the bundled program with these settings. */
  startProgram: (settings: object, args?: string[], options?: StartOptions) => Started;
  emulator: TestEmulator;
  /** A folder with a copy of the project, without the developer's own .env file. */
  project: string;
}

/**
 * vitest's `test` with these fixtures. Most tests run the bundled program; those of the documented commands run the
 * original file.
 */
export const test = base.extend<Fixtures>({
  bundle: ({}, use) => use((name) => [process.execPath, join(inject("bundles"), `${name}.mjs`)]),
  start: async ({}, use) => {
    const started: Started[] = [];
    // From Node 22.1 on, the processes share what they compiled, which makes them faster.
    const shared = { NODE_COMPILE_CACHE: join(inject("bundles"), "cache") };
    await use((command, options) => {
      started.push(startProcess(command, { ...options, settings: { ...shared, ...options?.settings } }));
      return started.at(-1)!;
    });
    for (const { child } of started) endProcess(child);
  },
  startProgram: ({ bundle, start }, use) =>
    use((settings, args = [], options = {}) => start([...bundle("program"), ...args], { ...options, settings })),
  emulator: async ({}, use) => {
    const emulator = await startTestEmulator();
    await use(emulator);
    await emulator.stop();
  },
  project: async ({}, use) => {
    const folder = await mkdtemp(join(tmpdir(), "access-tokens-quickstart-"));
    for (const name of ["package.json", "tsconfig.json", "issue-access-tokens.ts", "README.md", "test"]) {
      cpSync(join(root, name), join(folder, name), { recursive: true }); // takes less time than the asynchronous cp
    }
    await symlink(join(root, "node_modules"), join(folder, "node_modules"), "junction");
    await use(folder);
    await rm(folder, { recursive: true, maxRetries: 5 }); // On Windows, a process that ends can still use it.
  },
});
