// Whatever goes wrong: the exit code is right, nothing is left behind, no secret is shown, and a few lines tell what to do.

import { chmod, copyFile, writeFile } from "node:fs/promises";
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { accessKey, type Fault } from "./emulator.ts";
import { answer, cutOff, delay, drip, error, htmlPage, lostAnswer, notJson, reset, silence } from "./faults.ts";
import { hasTerminal, openTerminal, type Result, root, run, test } from "./fixture.ts";

/** Checks what holds for every failure, and gives what it says. */
function failure({ exitCode, stderr, stdout }: Result, expectedCode = 1): string {
  expect(exitCode).toBe(expectedCode);
  expect(stderr.trim().split("\n").length).toBeLessThanOrEqual(15);
  expect(stderr).not.toMatch(/^\s+at /m); // no stack
  expect(stderr).not.toMatch(/eyJ/); // no token
  expect(partsOfTheKey.filter((part) => (stdout + stderr).includes(part))).toEqual([]);
  return stderr;
}

const partsOfTheKey = Array.from({ length: accessKey.length - 7 }, (_, start) => accessKey.slice(start, start + 8));

const steps = [
  "Creating an identity",
  "Issuing an access token",
  "Creating an identity with an access token",
  "Refreshing the access token",
  "Revoking the access tokens",
  "Deleting the identities",
  "Deleting the identities",
];
// The SDK takes seconds for its four tries, unless a header sets the wait. Resets have none: they come first, to be waited for meanwhile.
const soon = { "retry-after-ms": "1" };
const faults: [name: string, fault: Fault, said: RegExp][] = [
  ["connection reset", reset, /ECONNRESET .*\nCheck the network/],
  ["403", error(403, "Forbidden", "Not for you."), /403 Forbidden Not for you\.\nRequest id: [\da-f-]{36}, MS-CV: none\nAccess is refused/],
  ["persistent 503", error(503, "ServiceUnavailable", "Busy.", soon), /503 ServiceUnavailable Busy\.\n.*\nThe service has a problem/],
  ["429 without Retry-After", error(429, "TooManyRequests", "Slow down."), /429 TooManyRequests Slow down\.\n.*\n.*wait a minute/],
  ["HTML page", htmlPage(404), /404 <html>\n.*\n.*check the endpoint/],
  ["answer that is not JSON", notJson, /200 PARSE_ERROR Not \{JSON\n.*\n.*check the endpoint/],
  ["answer cut off", cutOff, /PARSE_ERROR .*aborted\nCheck the network/],
];
const table = faults.flatMap(([name, fault, said]) => steps.map((step, index) => ({ name, fault, said, step, call: index + 1 })));

describe.concurrent("call by call, fault by fault:", () => {
  test.for(table)("$step (call $call), $name", async ({ fault, said, step, call }, { emulator, walk }) => {
    emulator.always(call, fault);
    const stderr = failure(await walk(emulator.settings));
    expect(stderr).toMatch(new RegExp(`^${step} failed: ${said.source}`));
    expect(stderr).toContain("AZURE_LOG_LEVEL=verbose");
    expect(stderr).not.toContain("could not be deleted");
    expect(emulator.identities.size).toBe(0);
    expect(Math.max(...emulator.requests.map((request) => request.call))).toBe(call + { 1: 0, 2: 1, 3: 1, 4: 2, 5: 2, 6: 2, 7: 1 }[call]!);
  });
});

describe.concurrent("time", () => {
  test.for([["silence", silence], ["an answer that drips in", drip(50)]] as const)("is limited, for %s", async ([, fault], { emulator, walk }) => {
    emulator.always(3, fault);
    const stderr = failure(await walk(emulator.settings, ["--timeout", "2"]));
    expect(stderr).toMatch(/^Creating an identity with an access token failed: ETIMEDOUT There was no answer within 2 seconds\.\nCheck the network/);
    expect(emulator.identities.size).toBe(0);
  });

  test("is limited for retries, too", async ({ emulator, walk }) => {
    emulator.always(1, error(503, "ServiceUnavailable", "Busy.", { "Retry-After": "3600" }));
    expect(failure(await walk(emulator.settings, ["--timeout", "2"]))).toContain("no answer within 2 seconds");
  });

  test("is limited for the sign-in, too", async ({ emulator, walk }) => {
    emulator.always("sign-in", silence);
    expect(failure(await walk(emulator.entraSettings, ["--timeout", "2"]))).toMatch(/^Creating an identity failed: ETIMEDOUT/);
  });

  test("passes over a 503 and a 429 that pass", async ({ emulator, walk }) => {
    emulator.once(1, error(503, "ServiceUnavailable", "Busy.", soon));
    emulator.once(4, error(429, "TooManyRequests", "Slow down.", soon));
    expect(await walk(emulator.settings)).toMatchObject({ exitCode: 0, stderr: "" });
    expect(emulator.requests).toHaveLength(9);
  });
});

describe.concurrent("the clean-up", () => {
  test("names the identities that cannot be deleted", async ({ emulator, walk }) => {
    emulator.always("delete", error(403, "Forbidden", "Not for you."));
    const stderr = failure(await walk(emulator.settings));
    expect(stderr).toContain(`could not be deleted: ${[...emulator.identities].join(", ")}\n`);
    expect(emulator.identities.size).toBe(2);
  });

  test("takes an identity for deleted that the service does not know any more", async ({ emulator, walk }) => {
    emulator.once("delete", lostAnswer);
    const stderr = failure(await walk(emulator.settings));
    expect(stderr).toMatch(/^Deleting the identities failed: 404 IdentityNotFound/);
    expect(stderr).not.toContain("could not be deleted");
    expect(emulator.identities.size).toBe(0);
  });

  // The emulator makes the identity, and its answer is spoilt in a way that the SDK cannot use.
  test.for([
    ["another status", 200, (json: string) => json],
    ["JSON of another shape", 201, (json: string) => JSON.stringify([JSON.parse(json)])],
    ["something after its JSON", 201, (json: string) => `${json}\n--`],
    ["no access token", 201, (json: string) => json.replace(/,"accessToken".*}$/, "}")],
  ] as const)("deletes an identity that came with %s", async ([, status, spoil], { emulator, walk }) => {
    emulator.once(3, (response, proceed) => {
      const end = response.end.bind(response);
      response.end = ((json: string) => {
        const text = spoil(json);
        response.statusCode = status;
        response.setHeader("Content-Length", Buffer.byteLength(text));
        return end(text);
      }) as typeof response.end;
      return proceed();
    });
    expect(failure(await walk(emulator.settings))).toMatch(/^Creating an identity with an access token failed: .*\n(Request.*\n)?.*check the endpoint/);
    expect(emulator.requests.filter(({ operation }) => operation === "create")).toHaveLength(2);
    expect(emulator.identities.size).toBe(0);
  });
});

describe.concurrent("an end from outside:", () => {
  test.for([["SIGINT", 130], ["SIGTERM", 143]] as const)("%s in the middle of a call", async ([signal, exitCode], { emulator, walk }) => {
    let child!: ChildProcess;
    // The service has made the second identity, and answers half a second after the signal.
    emulator.once(3, async (response, proceed) => {
      child.kill(signal);
      await delay(500)(response, proceed);
    });
    expect(failure(await walk(emulator.settings, [], { onStart: (started) => (child = started) }), exitCode)).toBe("Interrupted: deleting what was created.\n");
    expect(emulator.requests.map(({ operation }) => operation)).toEqual(["create", "issue", "create", "delete", "delete"]);
    expect(emulator.identities.size).toBe(0);
  });

  test.for([
    ["Ctrl-C", 130, (child: ChildProcess) => child.kill("SIGINT"), "Interrupted: deleting what was created.\n"],
    ["the output closed", 1, (child: ChildProcess) => child.stdout!.destroy(), ""],
  ] as const)("%s in the middle of the last call", async ([, exitCode, end, said], { emulator, walk }) => {
    let child!: ChildProcess;
    emulator.once(7, (response, proceed) => {
      end(child);
      return delay(200)(response, proceed);
    });
    expect(failure(await walk(emulator.settings, [], { onStart: (started) => (child = started) }), exitCode)).toBe(said);
    expect(emulator.requests).toHaveLength(7);
  });

  test("Ctrl-C in the middle of a call that is never answered", async ({ emulator, walk }) => {
    let child!: ChildProcess;
    emulator.once(2, () => child.kill("SIGINT"));
    expect(failure(await walk(emulator.settings, [], { onStart: (started) => (child = started) }), 130)).toBe("Interrupted: deleting what was created.\n");
    expect(emulator.identities.size).toBe(0);
  });

  test.skipIf(!hasTerminal)("Ctrl-C in a terminal, with npx tsx", async ({ emulator }) => {
    const terminal = openTerminal(["npx", "tsx", "issue-access-tokens.ts"], { settings: emulator.settings, cwd: root });
    emulator.once(4, (response, proceed) => {
      terminal.type("\x03");
      return delay(200)(response, proceed);
    });
    const { exitCode, screen } = await terminal.ended;
    expect(exitCode).toBe(130);
    expect(screen).toContain("Interrupted: deleting what was created.\n");
    expect(emulator.identities.size).toBe(0);
  });

  test("a pipe that is closed", async ({ emulator, walk }) => {
    const onStart = (child: ChildProcess) => child.stdout!.once("data", () => child.stdout!.destroy());
    const result = await walk(emulator.settings, [], { onStart });
    expect(failure(result)).toBe("Printing the results failed: write EPIPE.\n");
    expect(emulator.identities.size).toBe(0);
  });
});

describe.concurrent("advice:", () => {
  const hour = 3_600_000;
  const denied = (milliseconds: number) => error(401, "Denied", "Denied by the resource provider.", { Date: new Date(Date.now() + milliseconds).toUTCString() });
  const role = /Assign a role on the resource/;
  test.for([
    ["a key that is refused", "settings", denied(0), /^Creating an identity failed: 401 Denied Denied by.*\n.*\nThe access key was regenerated/],
    ["a clock that is ahead", "settings", denied(-hour), /Set this machine's clock: it is 60 minutes ahead\./],
    ["a clock that is behind", "settings", denied(10 * hour), /Set this machine's clock: it is 600 minutes behind\./],
    ["401 without a role", "entraSettings", denied(-hour), role],
    ["403 without a role", "entraSettings", error(403, "Forbidden", "No."), role],
    ["an error that only the service can explain", "settings", error(400, "ValidationError", "Wrong."), /400 ValidationError Wrong\.\nRequest id: .*\nThe SDK's own log/],
    ["an answer that would write on the terminal", "settings", error(400, "Odd", "Red \x1b[31malert"), /400 Odd Red \nRequest/],
    ["an answer that lacks the identity", "settings", answer(201, {}), /^Creating an identity failed: The answer is not complete\.\nThis answer is not from/],
    ["an answer in another shape", "settings", answer(400, { error: { code: ["ERR_PARSE_ARGS"], message: { no: "text" } } }), /400 ERR_PARSE_ARGS \[object Object\]\n/],
    ["an answer that repeats the access key", "settings", error(400, "Odd", `Not with ${accessKey}!`), /400 Odd Not with <key>!\n/],
    ["an answer that repeats a token", "settings", answer(500, `<p>ey${"JhbGciOiJSUzI1NiJ9.".repeat(3)}x</p>`), /500 <p><token><\/p>/],
  ] as const)("%s", async ([, settings, fault, said], { emulator, walk }) => {
    emulator.always(1, fault);
    expect(failure(await walk(emulator[settings]))).toMatch(said);
  });

  // DefaultAzureCredential looks for the sign-ins of a developer only: the address at which a virtual machine has its identity is not on this machine.
  const developer = { AZURE_TOKEN_CREDENTIALS: "dev" };

  test("no credential", async ({ emulator, walk }) => {
    const { COMMUNICATION_SERVICES_ENDPOINT } = emulator.entraSettings;
    const stderr = failure(await walk({ COMMUNICATION_SERVICES_ENDPOINT, ...developer, PATH: emulator.folder }));
    expect(stderr).toMatch(/^Creating an identity failed: No credential for Microsoft Entra ID was found\.\nSign in with `az login`, or set COMMUNICATION_SERVICES_CONNECTION_STRING\./);
  });

  test.skipIf(process.platform === "win32")("a sign-in that is refused", async ({ emulator, walk }) => {
    const message = "AADSTS65002: Consent between first party application 'x' and first party resource 'y' must be configured.";
    const az = join(emulator.folder, "az");
    await writeFile(az, `#!/bin/sh\necho "ERROR: ${message} Trace ID: 1 Correlation ID: 2" >&2\necho "Interactive authentication is needed." >&2\nexit 1\n`);
    await chmod(az, 0o755);
    const { COMMUNICATION_SERVICES_ENDPOINT } = emulator.entraSettings;
    const stderr = failure(await walk({ COMMUNICATION_SERVICES_ENDPOINT, ...developer, PATH: `${emulator.folder}:/bin` }));
    expect(stderr).toMatch(`Creating an identity failed: ${message}\nMicrosoft Entra ID refused the sign-in.`);
  });

  const connectionString = (endpoint: string) => ({ COMMUNICATION_SERVICES_CONNECTION_STRING: `endpoint=${endpoint};accesskey=${accessKey}` });

  test("a host that does not exist", async ({ walk }) => {
    expect(failure(await walk(connectionString("https://nobody.invalid/")))).toMatch(/nobody\.invalid\nThis is not the host of your resource: check the endpoint/);
  });

  test("a port that is closed", async ({ walk }) => {
    expect(failure(await walk(connectionString("https://localhost:1/")))).toMatch(/ECONNREFUSED.*\nCheck the network, and your proxy\./);
  });

  test("a certificate that is not trusted", async ({ emulator, walk }) => {
    const { NODE_EXTRA_CA_CERTS: _, ...settings } = emulator.settings;
    expect(failure(await walk(settings))).toMatch(/CERT.*\nThe certificate is not trusted\. .* NODE_EXTRA_CA_CERTS/);
  });

  test("AZURE_LOG_LEVEL=verbose shows no secret", async ({ emulator, walk }) => {
    const { exitCode, stderr } = await walk({ ...emulator.settings, AZURE_LOG_LEVEL: "verbose" });
    expect(exitCode).toBe(0);
    expect(stderr.split("\n").length).toBeGreaterThan(15);
    expect(stderr).not.toMatch(/eyJ|Signature=/);
    expect(stderr).not.toContain(accessKey);
  });
});

describe.concurrent("settings that cannot work", () => {
  // Long, like the keys of the service, and recognisable wherever a part of it comes up.
  const key = `${"UNMISTAKABLE/KEY+".repeat(5)}xyz==`;
  const host = "https://contoso.communication.azure.com";
  const string = "COMMUNICATION_SERVICES_CONNECTION_STRING";
  const endpoint = "COMMUNICATION_SERVICES_ENDPOINT";
  const anotherProduct = /belongs to another product/;

  test.for([
    [string, " \t", /COMMUNICATION_SERVICES_ENDPOINT/],
    [string, `endpoint=https://<resource>.communication.azure.com/;accesskey=${key}`, /placeholder/],
    [string, `endpoint=${host}/;accesskey=<key>`, /placeholder/],
    [string, `endpoint=${host}/`, /lacks the access key/],
    [string, `endpoint=${host}/;accesskey= ; `, /lacks the access key/],
    [string, `accesskey=${key}`, /lacks the endpoint/],
    [string, key, /lacks the endpoint/],
    [string, `accesskey=${key};endpoint=${host}/`, /two parts in this order/],
    [string, `endpoint=${host}/;\naccesskey=${key}`, /two parts in this order/],
    [string, `accesskey=${key};endpoint=${host}/;accesskey=`, /two parts in this order/],
    [string, `endpoint=${host}/;accesskey=\u2028${key}`, /lacks the access key/],
    [endpoint, `\u00a0${host}`, /no valid https/],
    [string, `endpoint=${host.replace("https", "http")}/;accesskey=${key}`, /http:\/\/ instead of https:\/\//],
    [string, `endpoint=${host}/identities;accesskey=${key}`, /goes on after the host name/],
    [string, `endpoint=${host}?key=${key};accesskey=${key}`, /goes on after the host name/],
    [string, `endpoint=${host};accesskey=${key};accesskey=${key}`, /goes on after the host name/],
    [string, `endpoint=contoso.communication.azure.com;accesskey=${key}`, /no valid https:\/\/ URL/],
    [string, `endpoint=https://contoso:${key.replaceAll("/", "")}@contoso.communication.azure.com;accesskey=${key}`, /no valid https:\/\/ URL/],
    [string, `endpoint=https://contoso:99999;accesskey=${key}`, /no valid https:\/\/ URL/],
    [string, `endpoint=${key};accesskey=${host}/`, /no valid https:\/\/ URL/],
    [string, `endpoint=https://${"UNMISTAKABLE".repeat(7)};accesskey=${key}`, /no valid https:\/\/ URL/],
    [string, `DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey=${key};EndpointSuffix=core.windows.net`, anotherProduct],
    [string, `Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=${key}`, anotherProduct],
    [string, `Endpoint=https://contoso.azconfig.io;Id=abc;Secret=${key}`, anotherProduct],
    [string, `Endpoint=https://contoso.service.signalr.net;AccessKey=${key};Version=1.0;`, anotherProduct],
    [string, `InstrumentationKey=${key};IngestionEndpoint=https://contoso.applicationinsights.azure.com/`, anotherProduct],
    [endpoint, "  ", /COMMUNICATION_SERVICES_CONNECTION_STRING/],
    [endpoint, `endpoint=${host}/;accesskey=${key}`, /connection string, which belongs in COMMUNICATION_SERVICES_CONNECTION_STRING/],
    [endpoint, `${host}/;accesskey=${key}`, /connection string, which belongs/],
    [endpoint, key, /no valid https:\/\/ URL/],
    [endpoint, host.replace("https", "http"), /http:\/\/ instead/],
    [endpoint, `${host}/identities?key=${key}`, /goes on after the host name/],
    [endpoint, "https://contoso.blob.core.windows.net/", anotherProduct],
    ["AZURE_COMMUNICATION_CONNECTION_STRING", `endpoint=${host}/;accesskey=${key}`, /AZURE_COMMUNICATION_CONNECTION_STRING, which has another name here\.\nSet COMMUNICATION_SERVICES_CONNECTION_STRING/],
    ["communicationServices_connectionString", `endpoint=${host}/;accesskey=${key}`, /communicationServices_connectionString, which has another name here/],
  ] as const)("are refused: %s=%j", async ([name, value, said], { walk }) => {
    const { exitCode, stdout, stderr } = await walk({ [name]: value });
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toMatch(said);
    expect(stderr).toContain(name);
    expect(stderr.trim().split("\n").length).toBeLessThanOrEqual(4);
    expect(stderr).not.toMatch(/UNMISTAKABLE/i);
  });

  test("include .env.example as it is", async ({ clone, walk }) => {
    await copyFile(join(root, ".env.example"), join(clone, ".env"));
    const { exitCode, stderr } = await walk({}, [], { cwd: clone });
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringMatching(/^COMMUNICATION_SERVICES_CONNECTION_STRING still holds a placeholder\.\n/) });
  });

  test.for([
    ["a trailing semicolon and capitals", (value: string) => `${value.replace("endpoint", "EndPoint").replace("accesskey", "AccessKey")};`],
    ["blanks around", (value: string) => `  ${value}  `],
  ] as const)("are not those with %s, which the SDK understands", async ([, mangle], { emulator, walk }) => {
    const { COMMUNICATION_SERVICES_CONNECTION_STRING, ...trust } = emulator.settings;
    const result = await walk({ ...trust, COMMUNICATION_SERVICES_CONNECTION_STRING: mangle(COMMUNICATION_SERVICES_CONNECTION_STRING) });
    expect(result).toMatchObject({ exitCode: 0, stderr: "" });
  });
});
