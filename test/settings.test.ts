// Tests of the options and settings that the program accepts and rejects.

import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { expect } from "vitest";
import { programFile, root } from "./support/environment.ts";
import { test } from "./support/fixtures.ts";

const program = await readFile(programFile, "utf8");
/** Returns the text of a constant at the top of the program. */
const textOf = (name: string) => new RegExp(`^const ${name} = \`([^]*?)\`;$`, "m").exec(program)![1]!;
const usage = `${textOf("usage").replace("${settings}", textOf("settings"))}\n`;

test("--step runs code after empty lines, until the input ends", async ({ emulator, startProgram }) => {
  const { stderr, exitCode } = await startProgram(emulator.settings, ["--step"], { input: "\nhelp\n \n\n" }).ended;
  const [, first = ""] = stderr.split("\nCreate an identity\n"); // A bundle lacks the tags, and has no numbers.
  const [screen = "", second = ""] = first.split("\nIssue an access token\n");
  expect(screen.match(/^Press Enter/gm)).toHaveLength(3);
  expect(second).toContain(`\nThe input ended before the walkthrough was complete.\n${emulator.report()}\n`);
  expect(exitCode).toBe(1);
  expect(emulator.requests.map(({ operation }) => operation)).toEqual(["create", "delete"]);
});

test("-h prints the usage", async ({ startProgram }) => {
  expect(usage).toContain("(30; at most 86400)"); // as the tests of the time limit say
  expect(await startProgram({}, ["-h"]).ended).toEqual({ stdout: usage, stderr: "", exitCode: 0 });
});

test.for([
  ["an empty time limit", ["--timeout", ""]],
  ["a time limit with a unit", ["--timeout", "30s"]],
  ["a time limit of more than a day", ["--timeout", "86401"]],
  ["a connection string as an argument", ["endpoint=https://127.0.0.1/;accesskey=bm90IHNlY3JldA=="]],
] as const)("%s prints the usage, and sends nothing", async ([, args], { emulator, startProgram }) => {
  const result = await startProgram(emulator.settings, [...args]).ended;
  expect(result).toEqual({ stdout: "", stderr: usage, exitCode: 2 });
  expect(emulator.requests).toEqual([]);
});

test("a time limit of a day doesn't keep the program from ending", async ({ emulator, startProgram }) => {
  const { ended } = startProgram(emulator.settings, ["--timeout", "86400"]);
  await emulator.receives("delete 2");
  const last = Date.now();
  expect(await ended).toMatchObject({ stderr: "", exitCode: 0 });
  expect(Date.now() - last).toBeLessThan(3000); // Nor does the time limit of the cleanup, 4.8 seconds.
});

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

const noKey = "has no access key. In a shell, set it in quotes.";
const wrongForm = "isn't in the following form.";
const otherName = `contains a connection string, but the program reads ${keyName}.`;
test.for([
  ["a connection string without quotes", keyName, `endpoint=${host}/`, noKey],
  ["text before a connection string", keyName, `set ${connectionString}`, wrongForm],
  ["text after a connection string", keyName, `${connectionString} # key`, wrongForm],
  ["a connection string with HTTP", keyName, connectionString.replace("https", "http"), wrongForm],
  ["a key as the host", keyName, `endpoint=https://${key}/;AccessKey=${key}`, wrongForm],
  ["a wrong port", keyName, `endpoint=https://contoso.com:99999/;accesskey=${key}`, wrongForm],
  ["an endpoint with a byte order mark", endpointName, `\ufeff${host}/`, wrongForm],
  ["an endpoint with a path", endpointName, `${host}/identities`, wrongForm],
  ["an endpoint with HTTP", endpointName, host.replace("https", "http"), wrongForm],
  ["a connection string with another name", "ResourceConnectionString", connectionString, otherName],
] as const)("%s is explained without its value", async ([, name, value, problem], { startProgram }) => {
  const { stderr, stdout, exitCode } = await startProgram({ [name]: value }).ended;
  expect(stderr.slice(0, stderr.indexOf("The first contains"))).toBe(`${name} ${problem}${forms}`);
  expect(stderr).not.toMatch(/UNMISTAKABLE|contoso/i);
  expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 2 });
});

test("no settings, empty ones, and a .env that can't be read are explained", async ({ emulator, startProgram }) => {
  const { folder: cwd } = emulator;
  const file = join(cwd, ".env");
  const explained = (reason: string) => {
    const stderr = expect.stringMatching(RegExp(`^Found no settings in the environment or in \\.env \\(${reason}`));
    return { stderr, stdout: "", exitCode: 2 };
  };
  expect(await startProgram({}).ended).toEqual(explained(".*\\.env'?\\)\\.\nSet one of these "));
  expect(await startProgram({ [keyName]: " " }, [], { cwd }).ended).toEqual(explained(`.*${basename(cwd)}`));
  await writeFile(file, `\ufeff${keyName}="${connectionString}"\r\n`, "utf16le"); // like > in PowerShell
  expect(await startProgram({}, [], { cwd }).ended).toEqual(explained(`.*${basename(cwd)}`));
  await rm(file);
  await mkdir(file);
  expect(await startProgram({}, [], { cwd }).ended).toEqual(explained("EISDIR: "));
});

test("an unchanged .env.example, which names all settings, is explained", async ({ emulator, startProgram }) => {
  await copyFile(join(root, ".env.example"), join(emulator.folder, ".env"));
  const names = (await readFile(join(root, ".env.example"), "utf8")).match(/^(# )?\w+(?==")/gm);
  const principal = ["# AZURE_CLIENT_ID", "# AZURE_CLIENT_SECRET", "# AZURE_TENANT_ID"];
  expect(names).toEqual([keyName, `# ${endpointName}`, ...principal]);
  const stderr = expect.stringContaining(`${keyName} still contains placeholders. Replace <resource> and <key>.`);
  expect(await startProgram({}, [], { cwd: emulator.folder }).ended).toEqual({ stderr, stdout: "", exitCode: 2 });
});

test("a wrong AZURE_TOKEN_CREDENTIALS is explained, and nothing is sent", async ({ emulator, startProgram }) => {
  const settings = { ...emulator.entraSettings, AZURE_TOKEN_CREDENTIALS: "typo" };
  const reason = "Invalid value for AZURE_TOKEN_CREDENTIALS = typo. Valid values are ";
  const stderr = expect.stringMatching(
    new RegExp(`^"Authenticate the client" failed: ${reason}.*\nNo known identities to delete\\.\n$`),
  );
  expect(await startProgram(settings).ended).toMatchObject({ stderr, exitCode: 2 });
  expect(emulator.requests).toEqual([]);
});

test.for([
  ["without a scheme", { all_proxy: "proxy.contoso.com:3128" }],
  ["with a slash in the password", { HTTP_PROXY: "http://user:UNMISTAKABLE/@127.0.0.1:8080" }],
])("a proxy %s is explained, and nothing is sent", async ([, proxy], { emulator, startProgram }) => {
  const stderr = "Check that HTTPS_PROXY, ALL_PROXY, or HTTP_PROXY is a URL, with http://.\n";
  const result = await startProgram({ ...emulator.settings, ...(proxy as object) }).ended;
  expect(result).toEqual({ stdout: "", stderr, exitCode: 2 });
  expect(emulator.requests).toEqual([]);
});

test("a proxy that isn't used needs no scheme", async ({ emulator, startProgram }) => {
  const proxies = { HTTPS_PROXY: "http://127.0.0.1:1", HTTP_PROXY: "proxy:3128", NO_PROXY: "127.0.0.1" };
  expect(await startProgram({ ...emulator.settings, ...proxies }).ended).toMatchObject({ stderr: "", exitCode: 0 });
});

test("no settings end the program with 2, even if stderr is closed", async ({ startProgram }) => {
  const { child, ended } = startProgram({});
  child.stderr.destroy();
  expect(await ended).toMatchObject({ exitCode: 2 });
});

test.for([
  ["quotes and blanks, with a semicolon", (value: string) => ` "${value};"\n`],
  ["single quotes and another case, without a slash", (value: string) => `'${value.replace("/;acc", ";Acc")}'`],
] as const)("a connection string in %s overrides an endpoint", async ([, change], { emulator, startProgram }) => {
  const settings = { ...emulator.entraSettings, [keyName]: change(emulator.settings[keyName]) };
  expect(await startProgram(settings).ended).toMatchObject({ stderr: "", exitCode: 0 });
  expect(emulator.requests[0]!.scheme).toBe("HMAC-SHA256");
});

test("an endpoint in capitals and blanks, without a last slash, is accepted", async ({ emulator, startProgram }) => {
  const endpoint = ` \t${emulator.endpoint.toUpperCase().replace(/\/$/, "")} \r\n`;
  const settings = { ...emulator.entraSettings, [endpointName]: endpoint };
  expect(await startProgram(settings).ended).toMatchObject({ stderr: "", exitCode: 0 });
  expect(emulator.requests[0]!.scheme).toBe("Bearer");
});

test("settings in .env are read, but the environment takes precedence", async ({ emulator, startProgram }) => {
  const { [keyName]: value, ...trust } = emulator.settings;
  const [cwd, file] = [emulator.folder, join(emulator.folder, ".env")];
  await writeFile(file, `${keyName}="${value}"\n`);
  expect(await startProgram(trust, [], { cwd }).ended).toMatchObject({ stderr: "", exitCode: 0 });
  await writeFile(file, `${keyName}="${connectionString}"\n`);
  expect(await startProgram(emulator.settings, [], { cwd }).ended).toMatchObject({ stderr: "", exitCode: 0 });
});
