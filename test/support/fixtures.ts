// Shared test fixtures: an emulator per test, processes that end with the test, and a copy of the project.

import { EventEmitter, once } from "node:events";
import { cp, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
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
export type Target = Operation | `${Operation} ${number}` | "sign-in";

export interface ReceivedRequest {
  operation: string;
  method: string;
  /** The path, decoded, without the query. */
  path: string;
  body: string;
  /** The scheme of the `Authorization` header. */
  scheme?: string;
}

export type TestEmulator = Awaited<ReturnType<typeof startTestEmulator>>;

/** Starts an emulator that remembers what it received and issued, and into which a test can inject faults. */
export async function startTestEmulator() {
  const requests: ReceivedRequest[] = [];
  const tokens: { token: string; expiresOn: string }[] = [];
  const calls: Record<string, (string | undefined)[]> = {};
  const faults: { target: Target; fault: Fault; once: boolean }[] = [];
  const arrivals = new EventEmitter();
  let created = 0;

  /** Remembers a request, and returns the targets that it belongs to. */
  function receive(request: Request): string[] {
    const { method, path, headers, body } = request;
    const { operation = "other" } = route(request);
    const callId = headers["x-ms-client-request-id"]; // A client's retries have the ID of the request that they repeat.
    const callIds = (calls[operation] ??= []);
    if (!callIds.includes(callId)) callIds.push(callId);
    const scheme = headers.authorization?.split(" ")[0];
    requests.push({ operation, method, path: decodePath(path), body: body.toString(), scheme });
    return [operation, `${operation} ${callIds.indexOf(callId) + 1}`];
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
      return found ? found.fault(respondAndRemember) : respondAndRemember();
    },
  });
  const ca = await readFile(emulator.certificateFile, "utf8");
  return {
    ...emulator,
    requests: requests as readonly ReceivedRequest[],
    /** The access tokens that were issued, in order. */
    tokens: tokens as readonly { token: string; expiresOn: string }[],
    /** The emulator for raw requests. */
    resource: { endpoint: emulator.endpoint, accessKey, ca } satisfies Resource,
    /** Applies a fault to the next request of a target. */
    once: (target: Target, fault: Fault) => void faults.push({ target, fault, once: true }),
    /** Applies a fault to every request of a target. */
    always: (target: Target, fault: Fault) => void faults.push({ target, fault, once: false }),
    /** Resolves when a request of a target arrives. */
    receives: (target: Target) => once(arrivals, target),
    /** Returns what the program has to report if it deleted all identities that it created. */
    report: () => (created > 0 ? `Identities deleted: ${created}` : "No identities to delete."),
  };
}

export interface Fixtures {
  /** The paths of the program and of `npm run emulator`, each bundled with the packages that it uses. */
  bundles: { program: string; emulator: string };
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
  bundles: ({}, use) => {
    const path = (name: string) => join(inject("bundleFolder"), `${name}.mjs`);
    return use({ program: path("program"), emulator: path("emulator") });
  },
  start: async ({}, use) => {
    const started: Started[] = [];
    // From Node 22.1 on, the processes share what they compiled, which makes them faster.
    const shared = { NODE_COMPILE_CACHE: join(inject("bundleFolder"), "cache") };
    await use((command, options) => {
      started.push(startProcess(command, { ...options, settings: { ...shared, ...options?.settings } }));
      return started.at(-1)!;
    });
    for (const { child } of started) endProcess(child);
  },
  startProgram: ({ bundles, start }, use) =>
    use((settings, args = [], options = {}) =>
      start([process.execPath, bundles.program, ...args], { ...options, settings }),
    ),
  emulator: async ({}, use) => {
    const emulator = await startTestEmulator();
    await use(emulator);
    await emulator.stop();
  },
  project: async ({}, use) => {
    const folder = await mkdtemp(join(tmpdir(), "access-tokens-quickstart-"));
    for (const name of ["package.json", "tsconfig.json", "issue-access-tokens.ts", "README.md", "test"]) {
      await cp(join(root, name), join(folder, name), { recursive: true });
    }
    await symlink(join(root, "node_modules"), join(folder, "node_modules"), "junction");
    await use(folder);
    await rm(folder, { recursive: true });
  },
});
