// For every failure: the exit code is 1, nothing is left behind, no secret is shown, and a few lines say what to do.

import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
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
} from "./emulator/faults.ts";
import { test } from "./support/fixtures.ts";
import { hasSignals, type Result } from "./support/processes.ts";

const moreHelp = "For a log, set AZURE_LOG_LEVEL=verbose in the environment. The log can show a proxy's password.";
const nothingToDelete = "There was no known identity to delete.";
const requestId = expect.stringMatching(/^Request ID: [\da-f-]{36}$/);

/** Checks what must hold for every failure, and returns the lines of stderr. */
function explanation({ exitCode, stderr, stdout }: Result): string[] {
  expect(exitCode).toBe(1);
  expect(stderr).not.toMatch(/^\s+at /m); // no stack
  expect(stderr).not.toMatch(/eyJ/); // no token
  const partsOfKey = Array.from({ length: accessKey.length - 7 }, (_, start) => accessKey.slice(start, start + 8));
  expect(partsOfKey.filter((part) => (stdout + stderr).includes(part))).toEqual([]);
  const lines = stderr.trim().split("\n");
  expect(lines.length).toBeLessThanOrEqual(15);
  return lines;
}

const steps = [
  "Creating an identity",
  "Issuing an access token",
  "Creating an identity with an access token",
  "Refreshing the access token",
  "Revoking the access tokens",
  "Deleting the identities",
  "Deleting the identities",
];
/** The number of identities that exist when a call fails. */
const existing = [0, 1, 1, 2, 2, 2, 2];

// Without a header that sets the delay, the SDK takes seconds for its four attempts. Resets have no headers, so they
// run first, in parallel with the rest.
const soon = { "retry-after-ms": "1" };
const service = "The service or a proxy is busy or unavailable: try again later.";
const network = "Check the endpoint, network, and proxy.";
const elsewhere = "The response is not from ACS: check the endpoint and proxy.";
const faults: [name: string, fault: Fault, message: string, hasRequestId: boolean, advice: string][] = [
  ["connection reset", reset, "ECONNRESET socket hang up", true, network],
  ["403", error(403, "Forbidden", "No."), "403 Forbidden No.", true, "Check the networking settings of the resource."],
  ["incomplete response", cutOff, "PARSE_ERROR Error reading response as text: aborted", false, network],
];
const table = faults.flatMap(([name, fault, message, hasRequestId, advice]) =>
  steps.map((step, index) => ({ name, fault, message, hasRequestId, advice, step, call: index + 1 })),
);

// The slowest tests come first, so that the others run while they wait.
describe.concurrent("the clean-up", () => {
  test("gives up after 10 seconds", async ({ emulator, walk }) => {
    emulator.always("issue", error(400, "ValidationError", "Wrong."));
    emulator.always("delete", silence);
    const started = Date.now();
    const lines = explanation(await walk(emulator.settings));
    expect(lines.at(-1)).toMatch(/^Could not confirm the deletion of 8:acs:/);
    expect(Date.now() - started).toBeGreaterThan(9900);
  });

  test("lists identities that it cannot delete", async ({ emulator, walk }) => {
    emulator.always("delete", error(403, "Forbidden", "Not for you."));
    const lines = explanation(await walk(emulator.settings));
    expect(lines.at(-1)).toBe(`Could not confirm the deletion of ${[...emulator.identities.keys()].join(", ")}`);
    expect(emulator.identities.size).toBe(2);
  });

  test("treats an unknown identity as deleted", async ({ emulator, walk }) => {
    emulator.once("delete", lostResponse); // The SDK repeats the request, and the service responds with a 404.
    const lines = explanation(await walk(emulator.settings));
    expect(lines[0]).toContain("404 IdentityNotFound Provided identity doesn't exist.");
    expect(lines.at(-1)).toBe("Identities deleted: 2");
    expect(emulator.identities.size).toBe(0);
  });
});

describe.concurrent("a failure", () => {
  test.for(table)("is explained and cleaned up after: $step (call $call), $name", async (row, { emulator, walk }) => {
    const { fault, message, hasRequestId, advice, step, call } = row;
    emulator.always(call, fault);
    const [first = "", ...others] = explanation(await walk(emulator.settings));
    const { host } = new URL(emulator.endpoint);
    expect(first.slice(0, `${step} failed for ${host}: ${message}`.length)).toBe(
      `${step} failed for ${host}: ${message}`,
    );
    const count = existing[call - 1]!;
    const cleanUp = count ? `Identities deleted: ${count}` : nothingToDelete;
    expect(others).toEqual([...(hasRequestId ? [requestId] : []), advice, moreHelp, cleanUp]);
    expect(emulator.identities.size).toBe(0);
    expect(Math.max(...emulator.requests.map((request) => request.call))).toBe(call + count);
  });

  test("is avoided when a 503 or a 429 does not last", async ({ emulator, walk }) => {
    emulator.once(1, error(503, "ServiceUnavailable", "Busy.", soon));
    emulator.once(4, error(429, "TooManyRequests", "Slow down.", soon));
    expect(await walk(emulator.settings)).toMatchObject({ exitCode: 0, stderr: "" });
    expect(emulator.requests).toHaveLength(9);
  });
});

describe.concurrent("the advice", () => {
  const denied = error(401, "Denied", "Denied by the resource provider.");
  const role = "Assign a role, such as Contributor, to the account that signs in.";
  const key = "Check the clock of this machine, and whether the access key was regenerated or is another resource's.";

  test.for([
    ["a rejected key", "settings", denied, "401 Denied by the resource provider.", key],
    ["401 without a role", "entraSettings", denied, "401 Denied by the resource provider.", role],
    ["403 without a role", "entraSettings", error(403, "Forbidden", "No."), "403 Forbidden No.", role],
    ["a proxy that wants a password", "settings", respondWith(407, ""), "407 ", elsewhere],
    ["a service that is busy", "settings", error(503, "Busy", "Wait.", soon), "503 Busy Wait.", service],
    ["429 without Retry-After", "settings", error(429, "TooManyRequests", "No."), "429 TooManyRequests No.", service],
    ["a page from elsewhere", "settings", htmlPage(404), "404 <html>", elsewhere],
    ["an outage page", "settings", htmlPage(503, soon), "503 <html>", service],
    ["an error of the proxy", "settings", respondWith(502, "Bad gateway", soon), "502 Bad gateway", service],
  ] as const)("fits %s", async ([, settings, fault, message, advice], { emulator, walk }) => {
    emulator.always(1, fault);
    const lines = explanation(await walk(emulator[settings]));
    expect(lines[0]).toBe(`Creating an identity failed for ${new URL(emulator.endpoint).host}: ${message}`);
    expect(lines.slice(1)).toEqual([requestId, advice, moreHelp, nothingToDelete]);
  });

  test("fits a response that is not JSON", async ({ emulator, walk }) => {
    emulator.always(1, notJson);
    const lines = explanation(await walk(emulator.settings));
    expect(lines[0]).toMatch(/: 200 PARSE_ERROR Error .*Not \{JSON\.$/);
    expect(lines.slice(1)).toEqual([requestId, elsewhere, moreHelp, nothingToDelete]);
  });

  test("fits an error in the format of a gateway", async ({ emulator, walk }) => {
    emulator.always(1, respondWith(404, { error: { code: 404, message: { text: "No route." } } }));
    const lines = explanation(await walk(emulator.settings));
    expect(lines[0]).toMatch(/: 404 .*\[object Object\]$/);
    expect(lines.slice(1)).toEqual([requestId, moreHelp, nothingToDelete]);
  });

  test("is left out when only the message of the service helps", async ({ emulator, walk }) => {
    emulator.always(1, error(400, "ValidationError", "Wrong after 14003 ms.".padEnd(1000, "x")));
    const lines = explanation(await walk(emulator.settings));
    expect(lines[0]).toContain("400 ValidationError Wrong after 14003 ms.xxx");
    expect(lines[0]!.length).toBeLessThan(400);
    expect(lines.slice(1)).toEqual([requestId, moreHelp, nothingToDelete]);
  });

  test.for(["settings", "entraSettings"] as const)(
    "shows no token of a response, with %s",
    async (settings, { emulator, walk }) => {
      const token = `ey${"JhbGciOiJSUzI1NiJ9.".repeat(3)}x`;
      emulator.always(1, error(400, "Odd", `Not with ${token}!`));
      expect(explanation(await walk(emulator[settings]))[0]).toContain("400 Odd Not with <token>!");
    },
  );

  // Restricts DefaultAzureCredential to developer sign-ins: the managed-identity address of virtual machines is not on
  // localhost.
  const developer = { AZURE_TOKEN_CREDENTIALS: "dev", IDENTITY_ENDPOINT: "" };
  const signIn =
    "Check the network and the sign-in: service principal, managed identity, or az login. Or use an access key.";

  test("fits a missing sign-in", async ({ emulator, walk }) => {
    const lines = explanation(await walk({ ...emulator.entraSettings, ...developer, PATH: emulator.folder }));
    expect(lines[0]).toContain("authentication failed.");
    expect(lines.slice(1, -3).join("\n")).toContain("CredentialUnavailableError: Azure CLI could not be found.");
    expect(lines.slice(-3)).toEqual([signIn, moreHelp, nothingToDelete]);
  });

  test("fits a managed identity that fails", async ({ emulator, walk }) => {
    emulator.always("sign-in", respondWith(400, { error: "invalid_request", error_description: "Identity not found" }));
    const lines = explanation(await walk({ ...emulator.entraSettings, AZURE_TOKEN_CREDENTIALS: "prod" }));
    expect(lines.slice(1, -3).join("\n")).toContain("Identity not found");
    expect(lines.slice(-3)).toEqual([signIn, moreHelp, nothingToDelete]);
  });

  test.skipIf(!hasSignals)("fits a rejected sign-in, with the message of Entra ID", async ({ emulator, walk }) => {
    const message = "AADSTS65002: Consent between first party application 'x' and resource 'y' must be configured.";
    const az = join(emulator.folder, "az");
    await writeFile(
      az,
      `#!/bin/sh\necho "ERROR: ${message}" >&2\necho "Interactive authentication is needed." >&2\nexit 1\n`,
    );
    await chmod(az, 0o755);
    const PATH = `${emulator.folder}:/bin`;
    const lines = explanation(await walk({ ...emulator.entraSettings, ...developer, PATH }));
    expect(lines[0]).toBe(`Creating an identity failed for ${new URL(emulator.endpoint).host}: ${message}`);
    expect(lines[1]).toBe(signIn);
  });

  const withEndpoint = (endpoint: string) => ({
    COMMUNICATION_SERVICES_CONNECTION_STRING: `endpoint=${endpoint};accesskey=${accessKey}`,
  });

  test("fits a host that does not exist", async ({ walk }) => {
    const lines = explanation(await walk(withEndpoint("https://Nobody.invalid/")));
    expect(lines[0]).toBe("Creating an identity failed: getaddrinfo ENOTFOUND nobody.invalid");
    expect(lines[2]).toBe(network);
  });

  test("fits a port that is closed", async ({ walk }) => {
    const lines = explanation(await walk(withEndpoint("https://127.0.0.1:1/")));
    expect(lines[0]).toBe("Creating an identity failed: connect ECONNREFUSED 127.0.0.1:1");
    expect(lines[2]).toBe(network);
  });

  test("fits a certificate that is not trusted", async ({ emulator, walk }) => {
    const { NODE_EXTRA_CA_CERTS: _, ...settings } = emulator.settings;
    const lines = explanation(await walk(settings));
    expect(lines[0]).toContain("DEPTH_ZERO_SELF_SIGNED_CERT self-signed certificate");
    expect(lines[2]).toMatch(/^Check the endpoint and the clock\. .* set NODE_EXTRA_CA_CERTS in the environment\.$/);
  });

  test("AZURE_LOG_LEVEL=verbose shows neither tokens nor the access key", async ({ emulator, walk }) => {
    const { exitCode, stderr } = await walk({ ...emulator.settings, AZURE_LOG_LEVEL: "verbose" });
    expect(exitCode).toBe(0);
    expect(stderr.split("\n").length).toBeGreaterThan(15);
    expect(stderr).not.toMatch(/eyJ[\w-]+\.eyJ|Signature=/);
    expect(stderr).not.toContain(accessKey);
  });
});
