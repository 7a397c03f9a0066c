// Tests of the settings that the program accepts and rejects.

import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { test } from "./support/fixtures.ts";
import { root } from "./support/processes.ts";

const keyName = "COMMUNICATION_SERVICES_CONNECTION_STRING";
const endpointName = "COMMUNICATION_SERVICES_ENDPOINT";
// As long as a real key, and recognizable even in part.
const key = `${"UNMISTAKABLE/KEY+".repeat(5)}xyz==`;
const host = "https://contoso.communication.azure.com";
const form = /does not have this form: endpoint=https:\/\/<resource>\.communication\.azure\.com\/;accesskey=<key>\n$/;
const endpointForm = /does not have this form: https:\/\/<resource>\.communication\.azure\.com\/\n$/;
const placeholders =
  /Replace <resource> and <key>\nwith the values that the portal shows under Settings > Keys\. Without a/;
const otherName = /_connection_?string is set, but this program reads COMMUNICATION_SERVICES_CONNECTION_STRING\.\n$/i;

describe.concurrent("invalid settings", () => {
  test.for([
    [keyName, `endpoint=https://<resource>.communication.azure.com/;accesskey=${key}`, placeholders],
    [keyName, `endpoint=${host}/;accesskey=<key>`, placeholders],
    [endpointName, "https://<resource>.communication.azure.com/", placeholders],
    [
      endpointName,
      `endpoint=${host}/;accesskey=${key}`,
      /contains a connection string\. Set COMM\w+_CONNECTION_STRING /,
    ],
    ["COMMUNICATION_CONNECTION_STRING", `endpoint=${host}/;accesskey=${key}`, otherName],
    ["AZURE_COMMUNICATION_CONNECTION_STRING", `endpoint=${host}/;accesskey=${key}`, otherName],
    ["communicationServices_connectionString", `endpoint=${host}/;accesskey=${key}`, otherName],
    [keyName, key, form],
    [keyName, `endpoint=${host}/`, form],
    [keyName, `endpoint=${host}/;accesskey= `, form],
    [keyName, `accesskey=${key};endpoint=${host}/`, form],
    [keyName, `endpoint=${host}/;\naccesskey=${key}`, form],
    [keyName, `endpoint=${host};accesskey=${key};accesskey=${key}`, form],
    [keyName, `endpoint=${host.replace("https", "http")}/;accesskey=${key}`, form],
    [keyName, `endpoint=contoso.communication.azure.com;accesskey=${key}`, form],
    [keyName, `endpoint=${key};accesskey=${host}/`, form],
    [endpointName, key.replaceAll("=", ""), endpointForm],
    [endpointName, host.replace("https", "http"), endpointForm],
    [endpointName, `${host}/identities?api-version=2023-10-01`, endpointForm],
    [endpointName, `${host}/\u00a0`, endpointForm],
  ] as const)("are rejected without showing a value: %s=%j", async ([name, value, message], { walk }) => {
    const { exitCode, stdout, stderr } = await walk({ [name]: value });
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toMatch(message);
    expect(stderr.startsWith(name)).toBe(true);
    expect(stderr).not.toMatch(/UNMISTAKABLE|contoso/i);
  });

  test("are explained when nothing is set", async ({ walk, clone }) => {
    for (const settings of [{}, { [keyName]: "", [endpointName]: "" }]) {
      const { exitCode, stdout, stderr } = await walk(settings, [], { cwd: clone });
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
      const expected = [keyName, endpointName, "This folder has no readable .env file.", "portal", "npm run local"];
      for (const text of expected) expect(stderr).toContain(text);
    }
  });

  test.for([
    ["is not UTF-8, as with > in Windows PowerShell", "utf16le", {}],
    ["is overridden by an empty variable", "utf8", { [keyName]: "" }],
  ] as const)("are explained when .env %s", async ([, encoding, settings], { walk, clone }) => {
    await writeFile(join(clone, ".env"), `\ufeff${keyName}="endpoint=${host}/;accesskey=${key}"\r\n`, encoding);
    const { exitCode, stderr } = await walk(settings, [], { cwd: clone });
    expect(exitCode).toBe(2);
    expect(stderr).toContain("The .env file sets neither, is not saved as UTF-8, or is overridden by an empty environ");
  });

  test("are explained when .env is the unchanged .env.example", async ({ clone, walk }) => {
    await copyFile(join(root, ".env.example"), join(clone, ".env"));
    const { exitCode, stderr } = await walk({}, [], { cwd: clone });
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringMatching(placeholders) });
  });

  test("that only the SDK rejects are explained, and nothing is sent", async ({ emulator, walk }) => {
    const credentials = await walk({ ...emulator.entraSettings, AZURE_TOKEN_CREDENTIALS: "typo" });
    expect(credentials).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("AZURE_TOKEN_CREDENTIALS") });
    const proxy = await walk({ ...emulator.settings, HTTPS_PROXY: "127.0.0.1:8080" });
    expect(proxy).toMatchObject({
      exitCode: 2,
      stderr: "Invalid URL\nCheck the endpoint, network, and proxy.\n",
    });
    expect(emulator.requests).toEqual([]);
  });
});

describe.concurrent("valid settings", () => {
  test.for([
    ["quotes, which docker run --env-file keeps", (value: string) => `"${value}"`],
    ["single quotes", (value: string) => `'${value}'`],
    ["blanks and a line break around", (value: string) => `  ${value}\n`],
    [
      "capitals",
      (value: string) => value.replace("endpoint=https", "EndPoint=HTTPS").replace("accesskey", "AccessKey"),
    ],
    ["no slash after the host", (value: string) => value.replace("/;", ";").replace(/\/$/, "")],
  ] as const)("include %s, with a connection string and with an endpoint", async ([, change], { emulator, walk }) => {
    const { settings, entraSettings } = emulator;
    const keySettings = { ...settings, [keyName]: change(settings[keyName]) };
    expect(await walk(keySettings)).toMatchObject({ exitCode: 0, stderr: "" });
    const endpointSettings = { ...entraSettings, [endpointName]: change(entraSettings[endpointName]) };
    expect(await walk(endpointSettings)).toMatchObject({ exitCode: 0, stderr: "" });
  });

  test("include a semicolon after the access key", async ({ emulator, walk }) => {
    const { settings } = emulator;
    expect(await walk({ ...settings, [keyName]: `${settings[keyName]};` })).toMatchObject({ exitCode: 0, stderr: "" });
  });
});
