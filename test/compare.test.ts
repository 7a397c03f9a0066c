// Tests of npm run compare, with an emulator in place of a real resource.

import type { ChildProcess } from "node:child_process";
import { describe, expect } from "vitest";
import { cases } from "./support/cases.ts";
import { error } from "./support/faults.ts";
import { test as base } from "./support/fixtures.ts";
import { hasSignals, type Result, type RunOptions } from "./support/processes.ts";

const test = base.extend<{ compare: (settings: object, onStart?: RunOptions["onStart"]) => Promise<Result> }>({
  compare: ({ run, bundles }, use) =>
    use((settings, onStart) => run([process.execPath, bundles.compare], { settings, onStart })),
});

describe.concurrent("npm run compare", () => {
  test("finds no difference in a service that responds as recorded", async ({ emulator, compare }) => {
    const { stdout, ...others } = await compare(emulator.settings);
    const skipped = cases.filter(({ emulatorOnly }) => emulatorOnly).length;
    expect(stdout).toContain(`\n${cases.length - skipped} same, 0 different, ${skipped} skipped\n`);
    expect(others).toEqual({ exitCode: 0, stderr: "" });
    expect(emulator.identities.size).toBe(0);
  });

  test("names each difference once, ends with 1, and shows nothing of the resource", async ({ emulator, compare }) => {
    const link = `"${emulator.endpoint}5DC4A2F4-1111-2222-3333-444444444444?eyJhbGciOi"`;
    const change = (body: unknown) => String(body).replace("}}", `,"link":${link}}}`);
    emulator.once(1, (respond) => respond().then(({ body, ...others }) => ({ ...others, body: change(body) })));
    emulator.always("create", async (respond) => {
      const response = await respond();
      return { ...response, headers: { ...response.headers, "MS-CV": String(performance.now()) } };
    });
    emulator.once("revoke", (respond) => respond().then((response) => ({ ...response, status: 200 })));
    const { stdout, exitCode } = await compare(emulator.settings);
    expect(stdout.match(/(?<=^differs  recorded  ).*/gm)).toEqual([
      expect.stringMatching(/^create: 201 .*,"link":"https:\/\/<host>\/<guid>\?<token>"}} \(emulator: 201 .*}}\)$/),
      "revoke: 200 (emulator: 204)",
      expect.stringMatching(/^ms-cv: [\d.]+ \(emulator: <valid>\) in \d\d cases$/),
    ]);
    expect(stdout).not.toMatch(/eyJ|127\.0|accesskey|[\da-f]{12}/i);
    expect(exitCode).toBe(1);
  });

  test("ends with 0 if only what is chosen differs, and skips what needs a key", async ({ emulator, compare }) => {
    emulator.always("delete", async (respond) => {
      const response = await respond();
      response.headers["api-supported-versions"] = "2030-01-01";
      if (response.status === 400) response.headers.Server = "Kestrel"; // only in a case that is chosen
      return response.status === 404 ? { ...response, status: 204 } : response;
    });
    const { stdout, exitCode } = await compare(emulator.entraSettings);
    const differences = ["delete twice", "api-supported-versions", "server"];
    expect(stdout.match(/(?<=^differs  chosen    )[^:]+/gm)).toEqual(differences);
    expect(stdout).toContain("skipped  recorded  a wrong access key: needs an access key\n");
    expect(exitCode).toBe(0);
  });

  test.skipIf(!hasSignals)(
    "stops on Ctrl+C, deletes what exists, and names the rest",
    async ({ emulator, compare }) => {
      let child!: ChildProcess;
      emulator.once(12, (respond) => {
        child.kill("SIGINT");
        emulator.once("delete", () => undefined); // The next deletion fails.
        return respond();
      });
      const { exitCode, stderr } = await compare(emulator.settings, (started) => (child = started));
      const [id, ...others] = emulator.identities.keys();
      expect({ exitCode, stderr }).toEqual({ exitCode: 130, stderr: `Couldn't delete these identities: ${id}\n` });
      expect(others).toEqual([]);
      expect(emulator.requests.length).toBeLessThan(30);
    },
  );

  test("ends with 1 if the access key is wrong", async ({ emulator, compare }) => {
    emulator.always("create", error(401, "Denied", `Denied by ${emulator.endpoint}`));
    const stderr = expect.stringContaining(' 401 {"error":{"code":"Denied","message":"Denied by https://<host>/"}}');
    expect(await compare(emulator.settings)).toMatchObject({ exitCode: 1, stderr });
  });

  test("ends with 2 if the settings are invalid", async ({ compare }) => {
    const result = await compare({ COMMUNICATION_SERVICES_CONNECTION_STRING: "endpoint=https://127.0.0.1:1/" });
    expect(result).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("couldn't finish: set COMMUN") });
  });
});
