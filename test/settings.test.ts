// Tests of the settings that the program accepts and rejects.

import type { ChildProcess } from "node:child_process";
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { programFile, root } from "./support/environment.ts";
import { test } from "./support/fixtures.ts";

const keyName = "COMMUNICATION_SERVICES_CONNECTION_STRING";
const endpointName = "COMMUNICATION_SERVICES_ENDPOINT";
// As long as a real key, and recognizable even in part.
const key = `${"UNMISTAKABLE/KEY+".repeat(5)}xyz==`;
const host = "https://contoso.communication.azure.com";
const forms = `
Set one of these variables, in this form, in the environment or in a .env file:
${keyName}="endpoint=https://<resource>.communication.azure.com/;accesskey=<key>"
${endpointName}="https://<resource>.communication.azure.com/"
The Azure portal shows both under Settings > Keys of your resource. No resource? Use the emulator: npm run local
`;

describe.concurrent("invalid settings", () => {
  const wrongForm = "isn't in the following form.";
  test.for([
    [keyName, `endpoint=${host}/;accesskey=<key>`, "still contains placeholders. Replace <resource> and <key>."],
    [keyName, `endpoint=${host}/`, "has no access key. In a shell, set it in quotes."],
    [keyName, `accesskey=${key};endpoint=${host}/`, wrongForm],
    [keyName, `endpoint=https://${key.replace(/[^A-Z]/g, "")}/;accesskey=${key}`, wrongForm],
    [endpointName, `${host}/identities?api-version=2023-10-01`, wrongForm],
    [endpointName, `endpoint=${host}/;accesskey=${key}`, `has an access key. Set it as ${keyName}.`],
    [endpointName, `"${host}/"`, "contains quotation marks. Set it without them."],
    ["AZURE_COMMUNICATION_CONNECTION_STRING", `endpoint=${host}/;accesskey=${key}`, `is set, but this program reads `],
    [keyName, " ", "is empty. An empty variable in the environment hides the one in .env."],
  ] as const)("are explained without a value: %s=%s", async ([name, value, problem], { runProgram, clone }) => {
    const { exitCode, stdout, stderr } = await runProgram({ [name]: value }, [], { cwd: clone });
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr.startsWith(`${name} ${problem}`)).toBe(true);
    expect(stderr.endsWith(forms)).toBe(true);
    expect(stderr).not.toMatch(/UNMISTAKABLE|contoso/i);
  });

  test("are explained when neither variable is set, or .env isn't UTF-8", async ({ runProgram, clone }) => {
    const stderr = expect.stringMatching(
      /^Found no settings in the environment or in .*\.env \(which must be UTF-8\)\./,
    );
    expect(await runProgram({}, [], { cwd: clone })).toEqual({ exitCode: 2, stdout: "", stderr });
    const setting = `\ufeff${keyName}="endpoint=${host}/;accesskey=${key}"\r\n`;
    await writeFile(join(clone, ".env"), setting, "utf16le"); // like > in Windows PowerShell
    expect(await runProgram({}, [], { cwd: clone })).toEqual({ exitCode: 2, stdout: "", stderr });
  });

  test("are explained when .env is the unchanged .env.example", async ({ clone, runProgram }) => {
    await copyFile(join(root, ".env.example"), join(clone, ".env"));
    const { exitCode, stderr } = await runProgram({}, [], { cwd: clone });
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining("contains placeholders") });
  });

  test("that only the SDK rejects are explained, and nothing is sent", async ({ emulator, runProgram }) => {
    const credentials = await runProgram({ ...emulator.entraSettings, AZURE_TOKEN_CREDENTIALS: "typo" });
    expect(credentials).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("AZURE_TOKEN_CREDENTIALS") });
    const proxy = await runProgram({ ...emulator.settings, HTTPS_PROXY: "http://user:UNMISTAKABLE/@127.0.0.1:8080" });
    expect(proxy).toMatchObject({ exitCode: 2, stderr: "HTTPS_PROXY (or ALL_PROXY, HTTP_PROXY) isn't a URL.\n" });
    expect(emulator.requests).toEqual([]);
  });

  test("end with 2 even if stderr is closed", async ({ run }) => {
    const onStart = ({ stderr }: ChildProcess) => stderr!.destroy();
    const command = [process.execPath, "--import", import.meta.resolve("tsx"), programFile];
    expect(await run(command, { onStart })).toMatchObject({ exitCode: 2 });
  });
});

describe.concurrent("valid settings", () => {
  test("include a connection string in quotes and blanks, with a semicolon", async ({ emulator, runProgram }) => {
    const settings = { ...emulator.settings, [keyName]: ` "${emulator.settings[keyName]};"\n` };
    expect(await runProgram(settings)).toMatchObject({ exitCode: 0, stderr: "" });
  });

  test("include an endpoint in capitals, without a slash at its end", async ({ emulator, runProgram }) => {
    const endpoint = emulator.endpoint.toUpperCase().replace(/\/$/, "");
    const settings = { ...emulator.entraSettings, [endpointName]: endpoint };
    expect(await runProgram(settings)).toMatchObject({ exitCode: 0, stderr: "" });
  });
});
