// The emulator, against what is known of the real service: sent to it as raw requests, by the SDK, and by clients that misbehave.

import { CommunicationIdentityClient, type TokenScope } from "@azure/communication-identity";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { access, readFile } from "node:fs/promises";
import https from "node:https";
import { connect } from "node:tls";
import dotenv from "dotenv";
import { describe, expect } from "vitest";
import { type RawRequest, root, run, send, test } from "./fixture.ts";

const foreign = "8:acs:00000000-0000-0000-0000-000000000000_00000000-0000-0000-0000-000000000000";
const guid = "[\\da-f]{8}-[\\da-f]{4}-[\\da-f]{4}-[\\da-f]{4}-[\\da-f]{12}";
const withToken = { accessToken: { token: expect.stringMatching(/^eyJ/), expiresOn: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,6}[1-9])?\+00:00$/) } };
const identity = { identity: { id: expect.stringMatching(new RegExp(`^8:acs:${guid}_${guid}$`)) } };
const versions = "2020-07-20-preview2, 2021-02-22-preview1, 2021-03-07, 2021-10-31-preview, 2021-11-01, 2022-06-01, 2022-10-01, 2023-10-01";

const issue = "/identities/{id}/:issueAccessToken";
const revoke = "/identities/{id}/:revokeAccessTokens";
const refused = (code: string, message: string, target?: string) => ({ error: { code, message, ...(target && { target }) } });
const lifetime = (minutes: number) =>
  refused("ValidationError", `ExpiresInMinutes value ${minutes} is invalid. Value must be within the [60, 1440] interval.`, "ExpiresInMinutes");

// Each case: what is sent, the answer, and where the answer is known from. "js", "python", "net", "java" and "cli" are recordings in the
// repositories of the Azure SDKs and the Azure CLI extensions; "recorded" is known to be one, without its place; the others name an issue.
type Case = [name: string, source: string, request: RawRequest, status: number, body: object | "", listsVersions?: boolean];
const recorded: Case[] = [
  ["create, with a content type and no body", "js, cli", { headers: { "content-type": "application/json", "content-length": "0" } }, 201, identity],
  ["create, with {}", "net, python", { body: "{}" }, 201, identity],
  ["create, with nulls", "recorded", { body: '{"createTokenWithScopes":null,"expiresInMinutes":null}' }, 201, identity],
  ["create with a token", "js, net", { body: '{"createTokenWithScopes":["chat","voip"]}' }, 201, { ...identity, ...withToken }],
  ["create with a token for 60 minutes, in JSON with blanks", "recorded", { body: '{"createTokenWithScopes": ["chat"], "expiresInMinutes": 60}' }, 201, { ...identity, ...withToken }],
  ["create with a token for 59 minutes", "net, java", { body: '{"createTokenWithScopes":["chat"],"expiresInMinutes":59}' }, 400, lifetime(59)],
  ["create with a token for 1441 minutes", "net", { body: '{"createTokenWithScopes":["chat"],"expiresInMinutes":1441}' }, 400, lifetime(1441)],
  ["issue", "java, python", { path: issue, body: '{"scopes":["chat"]}' }, 200, withToken.accessToken],
  ["issue, with an older version", "python", { path: issue, query: "?api-version=2021-10-31-preview", body: '{"scopes":["chat"]}' }, 200, withToken.accessToken],
  ["issue for 1440 minutes", "js", { path: issue, body: '{"scopes":["chat"],"expiresInMinutes":1440}' }, 200, withToken.accessToken],
  ["issue for 60 minutes", "recorded", { path: issue, body: '{"scopes":["chat"],"expiresInMinutes":60}' }, 200, withToken.accessToken],
  ["issue for 59 minutes", "recorded", { path: issue, body: '{"scopes":["chat"],"expiresInMinutes":59}' }, 400, lifetime(59)],
  ["issue for 1441 minutes", "python", { path: issue, body: '{"scopes":["chat"],"expiresInMinutes":1441}' }, 400, lifetime(1441)],
  ["issue without any scope", "js", { path: issue, body: '{"scopes":[]}' }, 400, refused("ValidationError", "Invalid scopes - Scopes field is required.", "scopes")],
  ["issue with null scopes", "recorded", { path: issue, body: '{"scopes":null}' }, 400, refused("ValidationError", "Scopes: The Scopes field is required.", "Scopes"), false],
  ["issue with an empty object", "recorded", { path: issue, body: "{}" }, 400, refused("ValidationError", "Scopes: The Scopes field is required.", "Scopes"), false],
  ["issue to a foreign identity", "js", { path: issue.replace("{id}", foreign), body: '{"scopes":["chat","voip"]}' }, 401, refused("IdentityNotOwned", "Provided identity doesn't belong to the resource.")],
  ["revoke for a foreign identity", "recorded", { path: revoke.replace("{id}", foreign) }, 401, refused("IdentityNotOwned", "Provided identity doesn't belong to the resource.")],
  ["delete a foreign identity", "recorded", { method: "DELETE", path: `/identities/${foreign}` }, 401, refused("IdentityNotOwned", "Provided identity doesn't belong to the resource.")],
  ["revoke", "js, java", { path: revoke, headers: { "content-length": "0" } }, 204, ""],
  ["delete", "js", { method: "DELETE", path: "/identities/{id}" }, 204, ""],
  ["delete, with a length", "cli", { method: "DELETE", path: "/identities/{id}", headers: { "content-length": "0" } }, 204, ""],
  ["a version that is not supported", "Azure/Communication#159", { query: "?api-version=2020-07-20-preview2" }, 400, refused("UnsupportedApiVersion", expect.stringMatching(/^The HTTP resource that matches the request URI 'https:\/\/localhost:\d+\/identities' does not support the API version '2020-07-20-preview2'\.$/))],
  ["another body than the one that was hashed", "Azure/azure-rest-api-specs#11767", { body: "{}", headers: { "x-ms-content-sha256": "c29tZXRoaW5nIGVsc2U=" } }, 401, refused("Denied", "Request 'x-ms-content-sha256' differs from generated content hash."), false],
  ["another key", "reported", { key: "c29tZSBvdGhlciBrZXk=" }, 401, refused("Denied", "Denied by the resource provider."), false],
  // What clients were seen to sign, from their source.
  ["`date` signed in place of `x-ms-date`", "older SDKs", { signed: ["date", "host", "x-ms-content-sha256"] }, 201, identity],
  ["the host signed without its port", "java", { signedHost: "localhost" }, 201, identity],
  ["a port that stands twice in the host", "js, communication-common 2.4.0", { headers: { host: "localhost:1:1" } }, 201, identity],
  // Chosen.
  ["a host that was not signed", "chosen", { signed: ["x-ms-date", "x-ms-content-sha256"] }, 401, refused("Denied", "Denied by the resource provider."), false],
  ["no authentication", "chosen", { headers: { authorization: "" } }, 401, refused("Denied", "Denied by the resource provider."), false],
  ["a Bearer token from elsewhere", "chosen", { headers: { authorization: "Bearer elsewhere" } }, 401, refused("Denied", "Denied by the resource provider."), false],
  ["no api-version", "chosen", { query: "" }, 400, refused("ApiVersionUnspecified", "An API version is required, but was not specified.")],
  ["a deleted identity", "chosen, but for the message", { path: "{deleted}" }, 404, refused("IdentityNotFound", "Provided identity doesn't exist.")],
  ["a malformed id", "chosen", { path: "/identities/somebody/:revokeAccessTokens" }, 400, refused("ValidationError", "Provided identity is not valid.", "id")],
  ["an unknown scope", "chosen", { path: issue, body: '{"scopes":["chat","fax"]}' }, 400, refused("ValidationError", "Invalid scopes - A scope is not known.", "scopes")],
  ["malformed JSON", "chosen", { body: '{"createTokenWithScopes":' }, 400, refused("ValidationError", "The request body is not a JSON object."), false],
  ["an unknown path", "chosen", { path: "/users" }, 404, refused("NotFound", "There is nothing at this path.")],
  ["an unknown method", "chosen", { method: "PUT" }, 405, refused("MethodNotAllowed", "The method is not allowed for this path.")],
  ["a body of megabytes", "chosen", { body: " ".repeat(4_000_000) }, 413, refused("RequestTooLarge", "The body is larger than 65536 bytes.")],
];

describe.concurrent("the emulator, as recorded", () => {
  test.for(recorded)("answers: %s (%s)", async ([_name, _source, request, status, body, listsVersions = true], { emulator }) => {
    const { body: created } = await send(emulator);
    const id = JSON.parse(created).identity.id as string;
    let path = request.path?.replace("{id}", encodeURIComponent(id));
    if (path === "{deleted}") {
      await send(emulator, { method: "DELETE", path: `/identities/${id}` }); // with raw colons
      path = `/identities/${id}/:revokeAccessTokens`;
    }
    const answer = await send(emulator, { ...request, path, headers: { "x-ms-client-request-id": "my-request", ...request.headers } });

    expect(answer.status).toBe(status);
    expect(answer.body && JSON.parse(answer.body)).toEqual(body);
    expect(answer.body).toBe(answer.body && JSON.stringify(JSON.parse(answer.body))); // compact
    const headers = {
      "content-type": status === 204 ? undefined : status < 300 ? "application/json; charset=utf-8" : "application/json",
      "content-length": status === 204 || status >= 400 ? undefined : String(Buffer.byteLength(answer.body)),
      "transfer-encoding": status >= 400 ? "chunked" : undefined,
      "api-supported-versions": listsVersions ? versions : undefined,
      "ms-cv": expect.stringMatching(/^[A-Za-z\d+/]{22}\.0$/),
      "request-context": "appId=",
      "strict-transport-security": "max-age=2592000",
      "x-processing-time": expect.stringMatching(/^\d+ms$/),
      "x-cache": "CONFIG_NOCACHE",
      "x-azure-ref": expect.stringMatching(/^0/),
      "x-ms-client-request-id": "my-request",
    };
    expect({ ...answer.headers, ...Object.fromEntries(Object.keys(headers).map((name) => [name, answer.headers[name]])) }).toMatchObject(headers);
    for (const never of ["x-ms-request-id", "location", "etag", "server", "www-authenticate"]) expect(answer.headers).not.toHaveProperty(never);
  });
});

describe.concurrent("a token of the emulator", () => {
  test.for([[60, "chat"], [1440, "voip", "chat.join"]] as const)("says what was asked for: %o", async ([minutes, ...scopes], { emulator }) => {
    const { body } = await send(emulator, { body: JSON.stringify({ createTokenWithScopes: scopes, expiresInMinutes: minutes }) });
    const { identity, accessToken } = JSON.parse(body);
    const [header, claims] = accessToken.token.split(".").slice(0, 2).map((part: string) => JSON.parse(Buffer.from(part, "base64url").toString()));
    expect(Object.keys(header)).toEqual(["alg", "kid", "x5t", "typ"]);
    expect(header).toMatchObject({ alg: "RS256", typ: "JWT" });
    const exp = Math.round(Date.parse(accessToken.expiresOn) / 1000);
    expect(Object.entries(claims)).toEqual(
      Object.entries({
        skypeid: identity.id.slice(2),
        scp: 1792,
        csi: String(exp - minutes * 60),
        exp,
        rgn: "amer",
        acsScope: scopes.join(","),
        resourceId: identity.id.slice(6, 42),
        resourceLocation: "unitedstates",
        iat: exp - minutes * 60,
      }),
    );
    expect(Math.abs(claims.iat * 1000 - Date.now())).toBeLessThan(5000);
    expect(Buffer.from(accessToken.token.split(".")[2], "base64url")).toHaveLength(256); // RSA with 2048 bits
  });
});

// What Microsoft's own tests of the SDK assert, in Azure/azure-sdk-for-js under sdk/communication/communication-identity/test. The SDK needs
// NODE_EXTRA_CA_CERTS from the start of its process, which this one does not have: a client's own certificate serves as well.
describe.concurrent("the SDK with the emulator", () => {
  const connectTo = async (emulator: Parameters<typeof send>[0]) =>
    new CommunicationIdentityClient(emulator.settings.COMMUNICATION_SERVICES_CONNECTION_STRING, {
      tlsOptions: { ca: await readFile(emulator.settings.NODE_EXTRA_CA_CERTS, "utf8") },
    });
  const stranger = { communicationUserId: foreign };

  test("issues tokens that last as long as was asked, within 5 %", async ({ emulator }) => {
    const client = await connectTo(emulator);
    const user = await client.createUser();
    for (const tokenExpiresInMinutes of [undefined, 60, 1440]) {
      for (const scopes of [["chat"], ["voip"], ["chat.join"], ["chat.join.limited"], ["voip.join"], ["chat", "voip"]] as TokenScope[][]) {
        const asked = (tokenExpiresInMinutes ?? 1440) * 60_000;
        for (const { token, expiresOn } of [
          await client.getToken(user, scopes, { tokenExpiresInMinutes }),
          await client.createUserAndToken(scopes, { tokenExpiresInMinutes }),
        ]) {
          expect(token).toMatch(/^eyJ/);
          expect(Math.abs(expiresOn.getTime() - Date.now() - asked)).toBeLessThan(0.05 * asked);
        }
      }
    }
  });

  test("is refused what the service refuses", async ({ emulator }) => {
    const client = await connectTo(emulator);
    const user = await client.createUser();
    await expect(client.getToken(user, [])).rejects.toMatchObject({ statusCode: 400, code: "ValidationError" });
    for (const tokenExpiresInMinutes of [59, 1441]) {
      await expect(client.getToken(user, ["chat"], { tokenExpiresInMinutes })).rejects.toMatchObject({ statusCode: 400 });
      await expect(client.createUserAndToken(["chat"], { tokenExpiresInMinutes })).rejects.toMatchObject({ statusCode: 400 });
    }
    const calls = [client.getToken(stranger, ["chat", "voip"]), client.revokeTokens(stranger), client.deleteUser(stranger)];
    for (const call of calls) await expect(call).rejects.toMatchObject({ statusCode: 401, code: "IdentityNotOwned" });
    await client.deleteUser(user);
    await expect(client.getToken(user, ["chat"])).rejects.toMatchObject({ statusCode: 404, code: "IdentityNotFound" });
  });

  test("can issue again after revoking, which ends the tokens of one identity only", async ({ emulator }) => {
    const client = await connectTo(emulator);
    const { user } = await client.createUserAndToken(["chat"]);
    await client.createUserAndToken(["chat"]);
    await client.revokeTokens(user);
    await client.getToken(user, ["chat"]);
    expect(emulator.tokens.map(({ endedBy }) => endedBy)).toEqual([3, undefined, undefined]);
  });
});

describe.concurrent("the emulator, badly treated,", () => {
  const open = async (emulator: Parameters<typeof send>[0]) => {
    const { port } = new URL(emulator.entraSettings.COMMUNICATION_SERVICES_ENDPOINT);
    const socket = connect({ host: "localhost", port: Number(port), ca: await readFile(emulator.settings.NODE_EXTRA_CA_CERTS) });
    socket.on("error", () => {});
    await once(socket, "secureConnect");
    return socket;
  };

  test("goes on after clients that go away or send nonsense", async ({ emulator }) => {
    const half = "POST /identities HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{";
    for (const bytes of ["", "POST /iden", half, "\0\0\0", "GET // HTTP/1.1\r\nHost: x\r\n\r\n", "GET /%ff%zz HTTP/1.1\r\nHost: x\r\n\r\n"]) {
      const socket = await open(emulator);
      socket.write(bytes, () => socket.destroy());
      await once(socket, "close");
      expect(await send(emulator)).toMatchObject({ status: 201 });
    }
  });

  test("answers a thousand requests at once", async ({ emulator }) => {
    const agent = new https.Agent({ ca: await readFile(emulator.settings.NODE_EXTRA_CA_CERTS), keepAlive: true, maxSockets: 100 });
    const answers = await Promise.all(Array.from({ length: 1000 }, () => send(emulator, { agent })));
    agent.destroy();
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1000);
    expect(emulator.identities.size).toBe(1000);
  });
});

describe.concurrent("npm run emulator", () => {
  /** Starts it and waits for the two lines that it prints as soon as it accepts requests. */
  async function serve(command: string[]) {
    let child!: ChildProcess;
    let stdout = "";
    const ended = run(command, { cwd: root, onStart: (started) => (child = started) });
    while (!stdout.includes("NODE_EXTRA_CA_CERTS")) stdout += (await once(child.stdout!, "data")).join();
    return { child, ended, settings: dotenv.parse(stdout) };
  }

  test("prints settings that a client in any process can use, and removes its files when it ends", async ({ walk }) => {
    const { child, ended, settings } = await serve([process.execPath, "--import", import.meta.resolve("tsx"), "test/serve.ts"]);
    expect(await walk(settings)).toMatchObject({ exitCode: 0, stderr: "" });
    child.kill("SIGTERM");
    const { exitCode, stdout, stderr } = await ended;
    expect(exitCode).toBe(0);
    expect(stdout.trim().split("\n").map((line) => line.replace(/".+"/, "..."))).toEqual(["COMMUNICATION_SERVICES_CONNECTION_STRING=...", "NODE_EXTRA_CA_CERTS=..."]);
    expect(stderr.match(/^(POST|DELETE) \S+ 20\d \d+\.\d ms$/gm)).toHaveLength(7);
    await expect(access(settings.NODE_EXTRA_CA_CERTS!)).rejects.toThrow("ENOENT");
  });

  test.skipIf(process.platform === "win32")("ends with npm", async () => {
    const { child, ended, settings } = await serve(["npm", "run", "--silent", "emulator"]);
    child.kill("SIGTERM");
    await ended; // comes when nobody holds its stdout any more
    await expect(access(settings.NODE_EXTRA_CA_CERTS!)).rejects.toThrow("ENOENT");
  });

  test("explains in a sentence why it does not start", async ({ emulator }) => {
    const { port } = new URL(emulator.entraSettings.COMMUNICATION_SERVICES_ENDPOINT);
    for (const [args, sentence] of [[["--port", port], `Port ${port} is in use.`], [["--host", "x"], "one option"]] as const) {
      const { exitCode, stdout, stderr } = await run([process.execPath, "--import", import.meta.resolve("tsx"), "test/serve.ts", ...args], { cwd: root });
      expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 2, stdout: "", stderr: expect.stringContaining(sentence) });
    }
  });
});
