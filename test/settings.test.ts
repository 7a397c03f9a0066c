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
const connectionString = `endpoint=${host}/;accesskey=${key}`;
const forms = `
Set one of these variables in the environment or in a .env file (UTF-8). The
environment takes precedence, even if the variable is empty there:
${keyName}="endpoint=https://<resource>.communication.azure.com/;accesskey=<key>"
${endpointName}="https://<resource>.communication.azure.com/"
`;

describe.concurrent("invalid settings", () => {
  const wrongForm = "isn't in the following form.";
  const noKey = "has no access key. In a shell, set it in quotes.";
  const otherName = `contains a connection string, but the program reads ${keyName}.`;
  test.for([
    [keyName, `endpoint=${host}/;accesskey=<key>`, "still contains placeholders. Replace <resource> and <key>."],
    [keyName, `endpoint=${host}/`, noKey],
    [keyName, `endpoint=https://${key}/;accesskey=${key}`, wrongForm],
    [keyName, `endpoint=https://contoso.com:99999/;accesskey=${key}`, wrongForm],
    [endpointName, `\ufeff${host}/`, wrongForm],
    [endpointName, `${host}/identities?api-version=2023-10-01`, wrongForm],
    [endpointName, connectionString, otherName],
    ["ResourceConnectionString", connectionString, otherName],
  ] as const)("are explained without a value: %s=%s", async ([name, value, problem], { runProgram, clone }) => {
    const { exitCode, stdout, stderr } = await runProgram({ [name]: value }, [], { cwd: clone });
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr.startsWith(`${name} ${problem}${forms}`)).toBe(true);
    expect(stderr).not.toMatch(/UNMISTAKABLE|contoso/i);
  });

  test("are explained when neither variable is set, one is empty, or .env isn't UTF-8", async ({
    runProgram,
    clone,
  }) => {
    const nothing =
      /^Found no settings in the environment or in .*\.env\.\nSet one of these variables .* file \(UTF-8\)\./;
    const stderr = expect.stringMatching(nothing);
    expect(await runProgram({}, [], { cwd: clone })).toEqual({ exitCode: 2, stdout: "", stderr });
    expect(await runProgram({ [keyName]: " " }, [], { cwd: clone })).toEqual({ exitCode: 2, stdout: "", stderr });
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
    const settings = {
      ...emulator.entraSettings,
      [endpointName]: "https://[::1]:8443/",
      AZURE_TOKEN_CREDENTIALS: "typo",
    };
    const credentials = await runProgram(settings);
    expect(credentials).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("AZURE_TOKEN_CREDENTIALS") });
    const proxy = await runProgram({ ...emulator.settings, HTTPS_PROXY: "http://user:UNMISTAKABLE/@127.0.0.1:8080" });
    expect(proxy).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("\nCheck that HTTPS_PROXY, ALL_PROXY, or"),
    });
    expect(proxy.stderr).not.toContain("UNMISTAKABLE");
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

  test("include an endpoint in capitals and blanks, without a slash at its end", async ({ emulator, runProgram }) => {
    const endpoint = `\t${emulator.endpoint.toUpperCase().replace(/\/$/, "")}\r\n`;
    const settings = { ...emulator.entraSettings, [endpointName]: endpoint };
    expect(await runProgram(settings)).toMatchObject({ exitCode: 0, stderr: "" });
  });
});
