// For every failure: the exit code is 1, nothing is left behind, no secret is shown, and a few lines say what to do.

import { once } from "node:events";
import { chmod, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { pipeline } from "node:stream";
import { describe, expect } from "vitest";
import { accessKey } from "./emulator/authentication.ts";
import {
  cutOff,
  error,
  type Fault,
  htmlPage,
  lostResponse,
  notJson,
  reset,
  respondWith,
  silence,
} from "./support/faults.ts";
import { callOf, calls, hint, reportBefore } from "./support/calls.ts";
import { test, type TestEmulator } from "./support/fixtures.ts";
import { hasSignals, type Result } from "./support/processes.ts";

const requestId = expect.stringMatching(/^Request ID: [\da-f-]{36}$/);

/** Checks what must hold for every failure, and returns the lines of stderr. */
function expectFailure({ exitCode, stderr, stdout }: Result): string[] {
  expect(exitCode).toBe(1);
  expect(stderr).not.toMatch(/^\s+at /m); // no stack
  expect(stderr).not.toMatch(/eyJ/); // no token
  expect(stderr).not.toMatch(/[^\P{Cc}\n]/u); // no control character
  const partsOfKey = Array.from({ length: accessKey.length - 7 }, (_, start) => accessKey.slice(start, start + 8));
  expect(partsOfKey.filter((part) => (stdout + stderr).includes(part))).toEqual([]);
  expect(stderr).not.toContain("\n\n");
  const lines = stderr.trim().split("\n");
  expect(lines.length).toBeLessThanOrEqual(15);
  return lines;
}

const busy = "Check the network, or try again later: the service might be busy.";
const network = "Check the endpoint, network, and proxy.";
const notAcs = "The response isn't from ACS: check the endpoint and proxy.";
const signIn = "Check the network and the sign-in. To see more causes, set AZURE_LOG_LEVEL=warning.";
// Without a header that sets the delay, the SDK takes seconds for its four attempts.
const soon = { "retry-after-ms": "1" };

describe.concurrent("the cleanup", () => {
  test("lists the identities that it can't delete", async ({ emulator, runProgram }) => {
    emulator.always("delete", error(403, "Forbidden", "Not for you."));
    const lines = expectFailure(await runProgram(emulator.settings));
    const left = [...emulator.identities.keys()].join(", ");
    expect(lines.at(-1)).toBe(`Couldn't confirm that these identities were deleted: ${left}`);
  });

  test("treats an unknown identity as deleted", async ({ emulator, runProgram }) => {
    emulator.once("delete", lostResponse); // The SDK repeats the request, and the service responds with a 404.
    const lines = expectFailure(await runProgram(emulator.settings));
    expect(lines[0]).toContain("404 IdentityNotFound Provided identity doesn't exist.");
    expect(lines.at(-1), hint).toBe(reportBefore(callOf("Delete the identities")));
    expect(emulator.identities.size).toBe(0);
  });
});

describe.concurrent("a failure", () => {
  test.for(calls.map((row, index) => ({ ...row, call: index + 1 })))(
    "of call $call ($step) is explained, and nothing is left behind",
    async ({ step, call }, { emulator, runProgram }) => {
      emulator.always(call, error(400, "ValidationError", "Wrong."));
      const lines = expectFailure(await runProgram(emulator.settings));
      const { host } = new URL(emulator.endpoint);
      // Both identities are noted until the last step has succeeded.
      expect(lines, hint).toEqual([
        `"${step}" failed for ${host}: 400 ValidationError Wrong.`,
        requestId,
        reportBefore(call),
      ]);
      expect(emulator.identities.size).toBe(0);
    },
  );

  test("is avoided when a 503 or a 429 doesn't last", async ({ emulator, runProgram }) => {
    emulator.once(1, error(503, "ServiceUnavailable", "Busy.", soon));
    emulator.once(4, error(429, "TooManyRequests", "Slow down.", soon));
    expect(await runProgram(emulator.settings)).toMatchObject({ exitCode: 0, stderr: "" });
    expect(emulator.requests.filter(({ call }) => call === 1 || call === 4)).toHaveLength(4);
  });
});

describe.concurrent("a response", () => {
  const denied = error(401, "Denied", "Denied by the resource provider.");
  const foreign = error(401, "IdentityNotOwned", "Provided identity doesn't belong to the resource.");
  const role = "Assign a role, such as Contributor, or use az login --tenant.";
  const key = "Check the clock, and whether the key is current and belongs to this resource.";
  const networking = "Check the networking settings of the resource.";
  const gateway = respondWith(404, { error: { code: 404, message: { text: "No route." } } });
  const long = "Wrong after 14003 ms.".padEnd(1000, "x");

  const responses: [name: string, "settings" | "entraSettings", Fault, message: string, advice?: string][] = [
    ["a rejected key", "settings", denied, "401 Denied by the resource provider.", key],
    ["a missing role", "entraSettings", denied, "401 Denied by the resource provider.", role],
    ["a forbidden request", "entraSettings", error(403, "Forbidden", "No."), "403 Forbidden No.", role],
    ["blocked access", "settings", error(403, "Forbidden", "No."), "403 Forbidden No.", networking],
    ["a proxy that wants a password", "settings", respondWith(407, ""), "407", notAcs],
    ["a page from elsewhere", "settings", htmlPage(404), "404 <html>", notAcs],
    ["text that isn't JSON", "settings", notJson, "200 PARSE_ERROR Error ", notAcs],
    [
      "100,000 blanks",
      "settings",
      respondWith(404, `Wait.\x1b[2J\x07${" ".repeat(100_000)}${"\x1b]".repeat(100_000)}`),
      "404 Wait.",
      notAcs,
    ],
    ["an outage page", "settings", htmlPage(503, soon), "503 <html>", busy],
    ["429 without Retry-After", "settings", error(429, "TooManyRequests", "No."), "429 TooManyRequests No.", busy],
    [
      "a long message with a token",
      "settings",
      error(400, "Odd", `Not eyJhbGciOi.x! ${long}`),
      "400 Odd Not <token>! ",
    ],
    ["a code with a line", "settings", error(400, "Odd\r\nIdentities deleted: 7", "eyJhbGciOi.x"), "400 Odd"],
    ["an error in another format", "settings", gateway, "404 404 [object Object]"],
  ];
  test.for(responses)("is explained: %s", async ([, kind, fault, message, advice], { emulator, runProgram }) => {
    emulator.always(1, fault);
    const [first = "", ...others] = expectFailure(await runProgram(emulator[kind]));
    expect(first).toContain(`"Create an identity" failed for ${new URL(emulator.endpoint).host}: ${message}`);
    expect(first.length).toBeLessThan(400);
    expect(others).toEqual([requestId, ...(advice ? [advice] : []), reportBefore(1)]);
  });

  test.for([
    ["another resource's identity", "settings", foreign],
    ["a denied request after a successful one", "entraSettings", denied],
  ] as const)("has no advice: %s", async ([, kind, fault], { emulator, runProgram }) => {
    emulator.always(2, fault);
    const lines = expectFailure(await runProgram(emulator[kind]));
    expect(lines.slice(1), hint).toEqual([requestId, reportBefore(2)]);
  });
});

describe.concurrent("a request without a response", () => {
  const withEndpoint = (endpoint: string) => ({
    COMMUNICATION_SERVICES_CONNECTION_STRING: `endpoint=${endpoint};accesskey=${accessKey}`,
  });
  const withFault = (fault: Fault) => (emulator: TestEmulator) => {
    emulator.always(1, fault);
    return emulator.settings;
  };
  const certificate = "Check the clock. For a proxy or emulator, set NODE_EXTRA_CA_CERTS to a PEM file.";
  const untrusted = ({ settings }: TestEmulator) => ({ ...settings, NODE_EXTRA_CA_CERTS: "" });

  const requests: [name: string, settings: (emulator: TestEmulator) => object, message: string, advice: string][] = [
    ["a reset connection", withFault(reset), " for 127.0.0.1:<number>: ECONNRESET socket hang up", network],
    [
      "a broken response",
      withFault(cutOff),
      " at program.mjs:<number>: PARSE_ERROR Error reading response as text: aborted",
      network,
    ],
    [
      "an unknown host",
      () => withEndpoint("https://Nobody.invalid/"),
      " for nobody.invalid: getaddrinfo ENOTF",
      network,
    ],
    ["a closed port", () => withEndpoint("https://127.0.0.1:1/"), " for 127.0.0.1:<number>: connect ECONNREF", network],
    ["an untrusted certificate", untrusted, " for 127.0.0.1:<number>: DEPTH_ZERO_SELF_SIGNED_CERT self-", certificate],
  ];
  test.for(requests)("is explained: %s", async ([, settings, message, advice], { emulator, runProgram }) => {
    const [first = "", ...others] = expectFailure(await runProgram(settings(emulator)));
    expect(first.replace(/:\d+/, ":<number>")).toContain(`"Create an identity" failed${message}`);
    expect(others).toEqual([advice, reportBefore(1)]);
  });

  test("is explained: a certificate for another host", async ({ emulator, runProgram, onTestFinished }) => {
    const proxy = await startProxy(emulator);
    onTestFinished(proxy.close);
    const settings = { ...emulator.settings, ...withEndpoint("https://other.invalid/"), HTTPS_PROXY: proxy.url };
    const [first, ...others] = expectFailure(await runProgram(settings));
    expect(first).toContain("failed for other.invalid: ERR_TLS_CERT_ALTNAME_INVALID Hostname/IP does not match");
    expect(others).toEqual(["The certificate is for another host: check the endpoint and proxy.", reportBefore(1)]);
  });
});

/** Starts a proxy with a password. It connects each client to the emulator, whatever host the client asks for. */
async function startProxy(emulator: TestEmulator) {
  const proxy = createServer().on("connect", (_request, client) => {
    const server = connect(Number(new URL(emulator.endpoint).port), "127.0.0.1");
    client.write("HTTP/1.1 200 OK\r\n\r\n");
    pipeline(client, server, client, () => {}); // Either side can close the connection at any time.
  });
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  const url = `http://user:PASSWORD@127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  return { url, close: () => void proxy.close() };
}

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
