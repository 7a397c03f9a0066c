// For every failure: the exit code is 1, nothing is left behind, no secret is shown, and a few lines say what to do.

import { describe, expect } from "vitest";
import { accessKey } from "./emulator/authentication.ts";
import { callOf, calls, hint, reportBefore } from "./support/calls.ts";
import { expectFailure, startProxy } from "./support/failures.ts";
import { cutOff, error, type Fault, htmlPage, lostResponse, notJson, reset, respondWith } from "./support/faults.ts";
import { test, type TestEmulator } from "./support/fixtures.ts";

const requestId = expect.stringMatching(/^Request ID: [\da-f-]{36}$/);
const busy = "Check the network, or try again later: the service might be busy.";
const network = "Check the endpoint, network, and proxy.";
const notAcs = "The response isn't from ACS: check the endpoint and proxy.";
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
