// Shared test fixtures: an emulator per test, processes that end with the test, and copies of the project.

import { copyFile, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base, inject } from "vitest";
import { accessKey } from "../emulator/authentication.ts";
import type { Request } from "../emulator/messages.ts";
import { startEmulator } from "../emulator/server.ts";
import { type Operation, route } from "../emulator/service.ts";
import { root } from "./environment.ts";
import type { Fault } from "./faults.ts";
import { Processes, type Result, type RunOptions } from "./processes.ts";
import type { Resource } from "./requests.ts";

/** What a fault applies to: an operation, the Microsoft Entra ID sign-in, or the call with this number. */
export type Target = Operation | "sign-in" | number;

/** A received request. A client's retries have the same `call` as the request that they repeat; the first call is 1. */
export interface ReceivedRequest {
  call: number;
  operation?: Operation;
  method: string;
  /** The path, decoded, with the query. */
  url: string;
  body: string;
  /** The scheme of the `Authorization` header. */
  scheme?: string;
}

export type TestEmulator = Awaited<ReturnType<typeof startTestEmulator>>;

/** Starts an emulator that remembers what it received and issued, and into which a test can inject faults. */
export async function startTestEmulator() {
  const requests: ReceivedRequest[] = [];
  const tokens: { token: string; expiresOn: string }[] = [];
  const calls: (string | undefined)[] = [];
  const faults: { target: Target; fault: Fault; once: boolean }[] = [];

  function remember(request: Request): (Target | undefined)[] {
    const callId = request.headers["x-ms-client-request-id"];
    if (!calls.includes(callId)) calls.push(callId);
    const { operation } = route(request);
    const call = calls.indexOf(callId) + 1;
    const url = decodeURIComponent(request.path) + request.query;
    const scheme = request.headers.authorization?.split(" ")[0];
    requests.push({ call, operation, method: request.method, url, body: request.body.toString(), scheme });
    return [operation, call];
  }

  const emulator = await startEmulator({
    async intercept(respond, request) {
      const issue = async () => {
        const response = await respond();
        const found = request ? String(response.body).matchAll(/"token":"([^"]+)","expiresOn":"([^"]+)"/g) : [];
        for (const [, token = "", expiresOn = ""] of found) tokens.push({ token, expiresOn });
        return response;
      };
      const targets: (Target | undefined)[] = request ? remember(request) : ["sign-in"];
      const found = faults.find(({ target }) => targets.includes(target));
      if (found?.once) faults.splice(faults.indexOf(found), 1);
      return found ? found.fault(issue) : issue();
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
    /** Applies a fault to the next response to a target. */
    once: (target: Target, fault: Fault) => void faults.push({ target, fault, once: true }),
    /** Applies a fault to every response to a target. */
    always: (target: Target, fault: Fault) => void faults.push({ target, fault, once: false }),
  };
}

export interface Fixtures {
  /** The paths of the program and of `npm run emulator`, each bundled with the packages that it uses. */
  bundles: { program: string; emulator: string };
  processes: Processes;
  /** Runs a command and returns the result. */
  run: Processes["run"];
  /** Runs the bundled program with these settings and returns the result. */
  runProgram: (settings: object, args?: string[], options?: RunOptions) => Promise<Result>;
  emulator: TestEmulator;
  /** A folder with a copy of the program and its packages. */
  clone: string;
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
  processes: async ({}, use) => {
    // From Node 22.1 on, the processes share what they compiled, which makes them faster.
    const processes = new Processes({ NODE_COMPILE_CACHE: join(inject("bundleFolder"), "cache") });
    await use(processes);
    processes.end();
  },
  run: ({ processes }, use) => use(processes.run),
  runProgram: ({ processes, bundles }, use) =>
    use((settings, args = [], options = {}) =>
      processes.run([process.execPath, bundles.program, ...args], { ...options, settings }),
    ),
  emulator: async ({}, use) => {
    const emulator = await startTestEmulator();
    await use(emulator);
    await emulator.stop();
  },
  clone: async ({}, use) => {
    const folder = await mkdtemp(join(tmpdir(), "access-tokens-quickstart-"));
    for (const name of ["package.json", "tsconfig.json", "issue-access-tokens.ts"]) {
      await copyFile(join(root, name), join(folder, name));
    }
    await symlink(join(root, "node_modules"), join(folder, "node_modules"), "junction");
    await use(folder);
    await rm(folder, { recursive: true });
  },
});
