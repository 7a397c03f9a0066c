// How a sign-in to Microsoft Entra ID that fails is explained.

import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { failureOf, startProxy } from "./support/failures.ts";
import { respondWith } from "./support/faults.ts";
import { test } from "./support/fixtures.ts";
import { hasSignals } from "./support/processes.ts";

const signInAdvice = "Check the network and the sign-in. To see more causes, set AZURE_LOG_LEVEL=warning.";
// The full chain would also ask the managed-identity endpoint of a virtual machine, which isn't on localhost.
const developer = { AZURE_TOKEN_CREDENTIALS: "dev" };

test("a missing sign-in is explained, with the credentials that were tried", async ({ emulator, startProgram }) => {
  const settings = { ...emulator.entraSettings, ...developer, PATH: emulator.folder };
  const [first, advice, ...others] = await failureOf(startProgram(settings));
  expect(first).toBe('"Create an identity" failed: ChainedTokenCredential authentication failed.');
  expect(advice).toBe(signInAdvice);
  expect(others.join("\n")).toContain("CredentialUnavailableError: Azure CLI could not be found.");
  expect(others.at(-1)).toBe("No identities to delete.");
});

test.for([
  ["a rejected managed identity", "prod", "Identity not found"],
  ["a missing workload identity", "WorkloadIdentityCredential", "Failed to retrieve a valid token"],
] as const)("%s is explained with its cause", async ([, credentials, cause], { emulator, startProgram }) => {
  emulator.always("sign-in", respondWith(400, { error: "invalid_request", error_description: "Identity not found" }));
  const settings = { ...emulator.entraSettings, AZURE_TOKEN_CREDENTIALS: credentials };
  const lines = await failureOf(startProgram(settings));
  expect(lines[1]).toBe(signInAdvice);
  expect(lines.join("\n")).toContain(cause);
});

test("a service principal without a network is explained with its cause", async ({ emulator, startProgram }) => {
  const principal = {
    AZURE_TENANT_ID: "11111111-1111-1111-1111-111111111111",
    AZURE_CLIENT_ID: "x",
    AZURE_CLIENT_SECRET: "y",
    AZURE_TOKEN_CREDENTIALS: "EnvironmentCredential",
    HTTPS_PROXY: "http://127.0.0.1:1",
  };
  const [first, ...others] = await failureOf(startProgram({ ...emulator.entraSettings, ...principal }));
  expect(first).toMatch(/^"Create an identity" failed: network_error: \S+/);
  const advice = "Check the network and proxy. If the proxy opens TLS, set NODE_EXTRA_CA_CERTS.";
  expect(others).toEqual([advice, "No identities to delete."]);
});

test.skipIf(!hasSignals)("a rejected sign-in is explained with its message", async ({ emulator, startProgram }) => {
  const message = "AADSTS65002: Consent between first party application 'x' and resource 'y' must be configured.";
  const az = join(emulator.folder, "az");
  await writeFile(az, `#!/bin/sh\necho "ERROR: ${message}" >&2\necho "Sign in again." >&2\nexit 1\n`);
  await chmod(az, 0o755);
  const settings = { ...emulator.entraSettings, ...developer, PATH: `${emulator.folder}:/bin` };
  const [, advice, ...others] = await failureOf(startProgram(settings));
  expect(advice).toBe(signInAdvice);
  expect(others.filter((line) => line.includes(message))).toHaveLength(1);
});

test("AZURE_LOG_LEVEL=warning shows no secret behind a proxy", async ({ emulator, startProgram, onTestFinished }) => {
  const proxy = await startProxy(emulator);
  onTestFinished(proxy.close);
  const { stderr, exitCode } = await startProgram({
    ...emulator.entraSettings,
    COMMUNICATION_SERVICES_ENDPOINT: emulator.endpoint.replace("127.0.0.1", "localhost"),
    NO_PROXY: "127.0.0.1", // for the sign-in
    HTTPS_PROXY: proxy.url,
    AZURE_LOG_LEVEL: "warning",
  }).ended;
  expect(stderr).toContain("azure:identity:warning");
  expect(stderr).not.toMatch(/PASSWORD|Bearer \w|"access_token|eyJ/);
  expect(exitCode).toBe(0);
});
