// Tests of npm run compare, with an emulator in place of a real resource.

import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { accessKey } from "./emulator/authentication.ts";
import type { Response } from "./emulator/messages.ts";
import { supportedVersions } from "./support/cases.ts";
import { root } from "./support/environment.ts";
import type { Fault } from "./support/faults.ts";
import { test as base } from "./support/fixtures.ts";

const name = "COMMUNICATION_SERVICES_CONNECTION_STRING";

/** Adds a copy of the project, which has no .env file. */
const test = base.extend<{ project: string }>({
  project: async ({ clone }, use) => {
    await cp(join(root, "test"), join(clone, "test"), { recursive: true });
    await use(clone);
  },
});

/** Carries out the operation, and changes the response. */
function changed(change: (response: Response) => Partial<Response>): Fault {
  return async (respond) => {
    const response = await respond();
    return { ...response, ...change(response) };
  };
}

/** Changes headers that a response has. */
function withHeaders(values: Record<string, string>) {
  return ({ headers }: Response) => {
    const found = Object.entries(values).filter(([name]) => name in headers);
    return { headers: { ...headers, ...Object.fromEntries(found) } };
  };
}

describe.concurrent("npm run compare", () => {
  test("names each difference with its source, and leaves no identity and no secret behind", async ({
    emulator,
    project,
    run,
  }) => {
    await writeFile(join(project, ".env"), `${name}="${emulator.settings[name]}"\n`);
    emulator.once(
      "issue",
      changed(({ body }) => ({ body: String(body).replace('"token":', '"Token" : ') })),
    );
    emulator.once("revoke", changed(withHeaders({ "Strict-Transport-Security": "max-age=1" })));
    const versions = `2020-12-31, ${supportedVersions}, 2030-01-01`;
    emulator.always("delete", changed(withHeaders({ "MS-CV": "another form", "api-supported-versions": versions })));
    const { NODE_EXTRA_CA_CERTS } = emulator.settings;
    const options = { settings: { NODE_EXTRA_CA_CERTS, NO_COLOR: "1" }, cwd: project };
    const { exitCode, stdout, stderr } = await run(["npm", "run", "--silent", "compare"], options);
    expect(exitCode).toBe(1);
    expect(stderr.match(/(?<=FAIL .* responds as ).*/g)).toEqual([
      "recorded 2025: net: issue for a day",
      "recorded 2025: js: revoke",
    ]);
    expect(stderr).toContain(String.raw`+   "body": "{\"Token\" : \"<JWT: alg string, kid string,`);
    expect(stderr).toContain('+   "strict-transport-security": "max-age=1",');
    for (const secret of [accessKey, "eyJ"]) expect(stdout + stderr).not.toContain(secret);
    expect(emulator.identities.size).toBe(0);
  });

  test("without settings says so and ends with 2", async ({ project, run }) => {
    const { exitCode, stderr } = await run(["npm", "run", "--silent", "compare"], { cwd: project });
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringMatching(`^Set ${name} in `) });
  });
});
