// How a sign-in to Microsoft Entra ID that fails is explained.

import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { reportBefore } from "./support/calls.ts";
import { expectFailure, startProxy } from "./support/failures.ts";
import { respondWith } from "./support/faults.ts";
import { test } from "./support/fixtures.ts";
import { hasSignals } from "./support/processes.ts";

const signIn = "Check the network and the sign-in. To see more causes, set AZURE_LOG_LEVEL=warning.";

describe.concurrent("a sign-in", () => {
  // Only the sign-ins of developers: the address for the managed identity of a virtual machine isn't on localhost.
  const developer = { AZURE_TOKEN_CREDENTIALS: "dev", IDENTITY_ENDPOINT: "" };

  test("that is missing is explained, with the credentials that were tried", async ({ emulator, runProgram }) => {
    const lines = expectFailure(await runProgram({ ...emulator.entraSettings, ...developer, PATH: emulator.folder }));
    expect(lines[0]).toBe('"Create an identity" failed: ChainedTokenCredential authentication failed.');
    expect(lines[1]).toBe(signIn);
    expect(lines.slice(2, -1).join("\n")).toContain("CredentialUnavailableError: Azure CLI could not be found.");
    expect(lines.at(-1)).toBe(reportBefore(1));
  });

  test("of a managed identity that fails is explained with its cause", async ({ emulator, runProgram }) => {
    emulator.always("sign-in", respondWith(400, { error: "invalid_request", error_description: "Identity not found" }));
    const lines = expectFailure(await runProgram({ ...emulator.entraSettings, AZURE_TOKEN_CREDENTIALS: "prod" }));
    expect(lines[1]).toBe(signIn);
    expect(lines.slice(2, -1).join("\n")).toContain("Identity not found");
  });

  test("of a service principal without a network is explained with its cause", async ({ emulator, runProgram }) => {
    const principal = {
      AZURE_TENANT_ID: "11111111-1111-1111-1111-111111111111",
      AZURE_CLIENT_ID: "x",
      AZURE_CLIENT_SECRET: "y",
      AZURE_TOKEN_CREDENTIALS: "EnvironmentCredential",
      HTTPS_PROXY: "http://127.0.0.1:1",
    };
    const [first, ...others] = expectFailure(await runProgram({ ...emulator.entraSettings, ...principal }));
    expect(first).toMatch(/^"Create an identity" failed: network_error: \S+/);
    const advice = "Check the network and proxy. If the proxy opens TLS, set NODE_EXTRA_CA_CERTS.";
    expect(others).toEqual([advice, reportBefore(1)]);
  });

  test.skipIf(!hasSignals)("that Entra ID rejects is explained with its message", async ({ emulator, runProgram }) => {
    const message = "AADSTS65002: Consent between first party application 'x' and resource 'y' must be configured.";
    const az = join(emulator.folder, "az");
    await writeFile(az, `#!/bin/sh\necho "ERROR: ${message}" >&2\necho "Sign in again." >&2\nexit 1\n`);
    await chmod(az, 0o755);
    const PATH = `${emulator.folder}:/bin`;
    const lines = expectFailure(await runProgram({ ...emulator.entraSettings, ...developer, PATH }));
    expect(lines[1]).toBe(signIn);
    expect(lines.filter((line) => line.includes(message))).toHaveLength(1);
  });

  test("behind a proxy shows no secret with AZURE_LOG_LEVEL=warning", async ({
    emulator,
    runProgram,
    onTestFinished,
  }) => {
    const proxy = await startProxy(emulator);
    onTestFinished(proxy.close);
    const { exitCode, stderr } = await runProgram({
      ...emulator.entraSettings,
      COMMUNICATION_SERVICES_ENDPOINT: emulator.endpoint.replace("127.0.0.1", "localhost"),
      NO_PROXY: "127.0.0.1", // for the sign-in
      HTTPS_PROXY: proxy.url,
      AZURE_LOG_LEVEL: "warning",
    });
    expect(exitCode).toBe(0);
    expect(stderr).toContain("azure:identity:warning");
    expect(stderr).not.toMatch(/PASSWORD|Bearer \w|"access_token|eyJ/);
  });
});
