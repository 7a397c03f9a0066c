// Each failure ends with 1, shows no secret, and says in a few lines what to do. Nor does the SDK's log show a secret.

import { once } from "node:events";
import { chmod, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { pipeline } from "node:stream";
import { generate } from "selfsigned";
import { expect } from "vitest";
import { accessKey } from "./emulator/authentication.ts";
import { startEmulator } from "./emulator/server.ts";
import { error, type Fault, htmlPage, respondWith } from "./support/faults.ts";
import { test, type TestEmulator } from "./support/fixtures.ts";
import { hasSignals, type Started } from "./support/processes.ts";

/** Waits for the end of a program, checks what must hold for every failure, and returns the lines of stderr. */
async function failureOf({ ended }: Started): Promise<string[]> {
  const { stderr, stdout, exitCode } = await ended;
  expect(stderr).not.toMatch(/^\s+at |eyJ|\n\n|[^\P{Cc}\n]/mu); // no stack, token, empty line, or control character
  const partsOfKey = Array.from({ length: accessKey.length - 7 }, (_, start) => accessKey.slice(start, start + 8));
  expect(partsOfKey.filter((part) => (stdout + stderr).includes(part))).toEqual([]);
  expect(exitCode).toBe(1);
  const lines = stderr.trim().split("\n");
  expect(lines.length).toBeLessThanOrEqual(15);
  return lines;
}

const requestId = expect.stringMatching(/^Request ID: [\da-f-]{36}$/);
const denied = error(401, "Denied", "Denied by the resource provider.");
const forbidden = error(403, "Forbidden", "No.");
const reset: Fault = () => undefined; // closes the connection before it responds
const cutOff = respondWith(201, { identity: {} }, { "Content-Length": "100", Connection: "close" });
const lostResponse: Fault = (respond) => void respond(); // carries out the operation, then closes the connection

// The slowest tests come first, so that the others run while they wait.
const network = "Check the endpoint, network, and proxy.";
const certificate = "Check the clock and host. For a proxy or emulator, set NODE_EXTRA_CA_CERTS (PEM file).";
const proxy = "Check the proxy: set NODE_EXTRA_CA_CERTS if it opens TLS, or NO_PROXY.";
const changed = "If you changed the code, npx tsc might show why. Otherwise, the response isn't from ACS.";
const keyFor = (endpoint: string) => ({
  COMMUNICATION_SERVICES_CONNECTION_STRING: `endpoint=${endpoint};accesskey=${accessKey}`,
});
const withFault = (fault: Fault) => (emulator: TestEmulator) => {
  emulator.always("create", fault);
  return emulator.settings;
};
const offline = ({ entraSettings }: TestEmulator) => ({
  ...entraSettings,
  AZURE_TENANT_ID: "11111111-1111-1111-1111-111111111111",
  AZURE_CLIENT_ID: "x",
  AZURE_CLIENT_SECRET: "y",
  AZURE_TOKEN_CREDENTIALS: "EnvironmentCredential",
  HTTPS_PROXY: "http://127.0.0.1:1",
});
const untrusted = ({ settings }: TestEmulator) => ({ ...settings, NODE_EXTRA_CA_CERTS: "" });

const connections: [name: string, settings: (emulator: TestEmulator) => object, message: string, advice: string][] = [
  ["a service principal without a network", offline, ": network_error: ", proxy],
  ["a reset connection", withFault(reset), " for 127.0.0.1:<n>: ECONNRESET socket hang up", network],
  ["a broken response", withFault(cutOff), ": PARSE_ERROR Error reading response", network],
  ["a page with 201", withFault(htmlPage(201)), " at program.mjs:<n>: Cannot read properties of", changed],
  ["an IPv6 address", () => keyFor("https://[::1]:1/"), " for [::<n>]:1: getaddrinfo ENOTFOUND", network],
  ["a closed port", () => keyFor("https://127.0.0.1:1/"), " for 127.0.0.1:<n>: connect ECONNREFUSED", network],
  ["an untrusted certificate", untrusted, " for 127.0.0.1:<n>: DEPTH_ZERO_SELF_SIGNED_CERT ", certificate],
];
test.for(connections)("%s is explained", async ([, settings, message, advice], { emulator, startProgram }) => {
  const [first = "", ...others] = await failureOf(startProgram(settings(emulator)));
  expect(first.replace(/:\d+/, ":<n>")).toContain(`"Create an identity" failed${message}`);
  expect(others).toEqual([advice, "No known identities to delete."]);
});

test("a certificate of an unknown authority is explained", async ({ startProgram, onTestFinished }) => {
  const options = { keyType: "ec", algorithm: "sha256" } as const;
  const authority = await generate([{ name: "commonName", value: "authority" }], options);
  const ca = { key: authority.private, cert: authority.cert };
  const { private: key, cert } = await generate([{ name: "commonName", value: "localhost" }], { ...options, ca });
  const emulator = await startEmulator({ certificate: `${cert}\n${key}` });
  onTestFinished(emulator.stop);
  const [first, advice] = await failureOf(startProgram(keyFor(emulator.endpoint)));
  expect(first).toContain(": UNABLE_TO_VERIFY_LEAF_SIGNATURE unable to verify the first certificate");
  expect(advice).toBe(certificate);
});

const busy = "Check the network, or try again later: the service might be busy.";
const notAcs = "The response isn't from ACS: check the endpoint and proxy.";
const role = "Assign a role, such as Contributor, or use az login --tenant.";
const rejectedKey = "Check the clock, and that the key is current and of this resource.";
const mistakes = "If you changed the code, npx tsc might show why.";
const networking = "Check the networking settings of the resource.";
const clock = error(401, "Denied", "The given request could not be resolved.\nThe time difference is too great.");
const clockText = "401 Denied The given request could not be resolved. The time difference is too great.";
const limit = error(429, "TooManyRequests", "No.", { "retry-after-ms": "1" }); // The SDK makes four attempts.
const long = error(400, "Odd", `Not eyJhb-Gc_9.eyJz.Q-x_1 eyJhb.x! ${"Wrong after 14003 ms.".padEnd(1000, "x")}`);
const twoLines = error(400, "eyJhb.x\r\nIdentities deleted: 7", "Odd");
const controls = respondWith(404, `Wait.\x9b2J\x1b[2J\x07 ${"\x1b]x".repeat(200)}`);
const notJson = respondWith(200, "Not {JSON", { "Content-Type": "application/json" });
const otherFormat = respondWith(404, { error: { code: 404, message: { text: "No route." } } });

const responses: [name: string, "settings" | "entraSettings", Fault, message: string, advice?: string][] = [
  ["an outage page", "settings", htmlPage(500), "500 <html>", busy],
  ["a wrong clock", "settings", clock, clockText, rejectedKey],
  ["a missing role", "entraSettings", denied, "401 Denied by the resource provider.", role],
  ["a forbidden request", "entraSettings", forbidden, "403 Forbidden No.", role],
  ["blocked access", "settings", forbidden, "403 Forbidden No.", networking],
  ["a page of a proxy", "settings", htmlPage(403), "403 <html>", notAcs],
  ["text that isn't JSON", "settings", notJson, "200 PARSE_ERROR Error ", notAcs],
  ["a long text with control characters", "settings", controls, "404 Wait. 2J [2J ", notAcs],
  ["a limit on requests", "settings", limit, "429 TooManyRequests No.", busy],
  ["a long message with a token", "settings", long, "400 Odd Not <secret> <secret>! ", mistakes],
  ["a code of two lines", "settings", twoLines, "400 <secret> ", mistakes],
  ["an error in another format", "settings", otherFormat, "404 404 [object Object]"],
];
test.for(responses)("%s is explained", async ([, kind, fault, message, advice], { emulator, startProgram }) => {
  emulator.always("create", fault);
  const settings = { COMMUNICATION_SERVICES_CONNECTION_STRING: "", ...emulator[kind] }; // empty, as in a workflow
  const [first = "", ...others] = await failureOf(startProgram(settings));
  expect(first).toContain(`"Create an identity" failed for ${new URL(emulator.endpoint).host}: ${message}`);
  expect(first.length).toBeLessThan(400);
  expect(others).toEqual([requestId, ...(advice ? [advice] : []), "No known identities to delete."]);
});

test.for([
  ["another resource's identity", "settings", error(401, "IdentityNotOwned", "Not owned.")],
  ["a request that is denied after another was accepted", "entraSettings", denied],
] as const)("%s is no reason to check settings", async ([, kind, fault], { emulator, startProgram }) => {
  emulator.once("issue", fault);
  const [, ...others] = await failureOf(startProgram(emulator[kind]));
  expect(others).toEqual([requestId, emulator.report()]);
});

test("a failure of a later step names the step, and leaves nothing behind", async ({ emulator, startProgram }) => {
  emulator.once("revoke", error(400, "ValidationError", "Wrong."));
  const lines = await failureOf(startProgram(emulator.settings));
  const { host } = new URL(emulator.endpoint);
  const reason = `"Revoke access tokens" failed for ${host}: 400 ValidationError Wrong.`;
  expect(lines).toEqual([reason, requestId, mistakes, "Identities deleted: 2"]);
  expect(emulator.identities.size).toBe(0);
});

test("an identity that the service doesn't know is neither named nor counted", async ({ emulator, startProgram }) => {
  emulator.once("delete", lostResponse); // The SDK repeats the request, and the service responds with a 404.
  const lines = await failureOf(startProgram(emulator.settings));
  expect(lines[0]).toContain("404 IdentityNotFound Provided identity doesn't exist.");
  expect(lines.at(-1)).toBe("Identities deleted: 1"); // the other one
  expect(emulator.identities.size).toBe(0);
});

const signInAdvice = "Check the network and the sign-in. To see more causes, set AZURE_LOG_LEVEL=warning.";
// The full chain would also ask the managed-identity endpoint of a virtual machine, which isn't on localhost.
const developer = { AZURE_TOKEN_CREDENTIALS: "dev" };

test("a missing sign-in is explained, with the credentials that were tried", async ({ emulator, startProgram }) => {
  const settings = { ...emulator.entraSettings, ...developer, PATH: emulator.folder };
  const [first, advice, ...others] = await failureOf(startProgram(settings));
  expect(first).toBe('"Create an identity" failed: ChainedTokenCredential authentication failed.');
  expect(advice).toBe(signInAdvice);
  expect(others.join("\n")).toContain("CredentialUnavailableError: Azure CLI could not be found.");
  expect(others.at(-1)).toBe("No known identities to delete.");
});

test("a missing workload identity is explained with its cause", async ({ emulator, startProgram }) => {
  const settings = { ...emulator.entraSettings, AZURE_TOKEN_CREDENTIALS: "WorkloadIdentityCredential" };
  const lines = await failureOf(startProgram(settings));
  expect(lines[1]).toBe(signInAdvice);
  expect(lines.join("\n")).toContain("Failed to retrieve a valid token");
});

// The SDK shows none of the text of a refusal that ends with "az login", as those of the Azure CLI do.
test.skipIf(!hasSignals)("a refusal of the Azure CLI is explained", async ({ emulator, startProgram }) => {
  const az = join(emulator.folder, "az");
  await writeFile(az, '#!/bin/sh\necho "ERROR: AADSTS65002: Consent. To sign in again: az login" >&2\nexit 1\n');
  await chmod(az, 0o755);
  const settings = { ...emulator.entraSettings, ...developer, PATH: `${emulator.folder}:/bin` };
  const [, advice] = await failureOf(startProgram(settings));
  const command = "az account get-access-token --resource https://communication.azure.com/";
  expect(advice).toBe(`If you're signed in, ${command} shows why.`);
});

test("AZURE_LOG_LEVEL=warning shows no secret behind a proxy", async ({ emulator, startProgram, onTestFinished }) => {
  const proxy = createServer().on("connect", (_request, client) => {
    const server = connect(Number(new URL(emulator.endpoint).port), "127.0.0.1");
    client.write("HTTP/1.1 200 OK\r\n\r\n");
    pipeline(client, server, client, () => {}); // Either side can close the connection at any time.
  });
  onTestFinished(() => void proxy.close());
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  const { stderr, exitCode } = await startProgram({
    ...emulator.entraSettings,
    COMMUNICATION_SERVICES_ENDPOINT: emulator.endpoint.replace("127.0.0.1", "localhost"),
    NO_PROXY: "127.0.0.1", // for the sign-in
    HTTPS_PROXY: `http://user:PASSWORD@127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    AZURE_LOG_LEVEL: "warning",
  }).ended;
  expect(stderr).toContain("azure:identity:warning");
  expect(stderr).not.toMatch(/PASSWORD|Bearer \w|"access_token|eyJ/);
  expect(exitCode).toBe(0);
});
