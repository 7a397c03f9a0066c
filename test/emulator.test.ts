// Compares the emulator with the known behavior of the service, using raw requests, the SDK, and misbehaving clients.

import { CommunicationIdentityClient, type TokenScope } from "@azure/communication-identity";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import https from "node:https";
import { connect } from "node:tls";
import { describe, expect } from "vitest";
import { authenticate, signIn } from "./emulator/authentication.ts";
import { issueToken } from "./emulator/tokens.ts";
import { acceptedVersions, cases, foreign } from "./recorded-cases.ts";
import { test, type TestEmulator } from "./support/fixtures.ts";
import { comparable, decode, send, sendCase } from "./support/requests.ts";

const listedVersions =
  "2020-07-20-preview2, 2021-02-22-preview1, 2021-03-07, 2021-10-31-preview, " +
  "2021-11-01, 2022-06-01, 2022-10-01, 2023-10-01";

describe.concurrent("the emulator", () => {
  test.for(cases)("responds as $source: $name", async ({ request, response }, { emulator, onTestFinished }) => {
    const { status, body, listsVersions } = response;
    const agent = new https.Agent({ keepAlive: true });
    const resource = { ...emulator.resource, agent };
    onTestFinished(() => agent.destroy());
    for (const version of request.query === undefined ? acceptedVersions : [""]) {
      const query = request.query ?? `?api-version=${version}`;
      const actual = comparable(await sendCase(resource, { ...request, query }));
      expect(actual.body).toBe(body ? JSON.stringify(body) : "");
      expect(actual).toMatchObject({
        status,
        headers: {
          "content-type": !body ? undefined : status < 300 ? "application/json; charset=utf-8" : "application/json",
          "content-length": body && status < 300 ? "<valid>" : undefined,
          "transfer-encoding": status >= 400 ? "chunked" : undefined,
          "api-supported-versions": listsVersions ? listedVersions : undefined,
          "ms-cv": "<valid>",
          "request-context": "appId=",
          "strict-transport-security": "max-age=2592000",
          "x-processing-time": "<valid>",
          "x-cache": "CONFIG_NOCACHE",
          "x-azure-ref": "<valid>",
          "x-ms-client-request-id": "<valid>",
          "x-ms-request-id": undefined,
          location: undefined,
          etag: undefined,
          server: undefined,
          "www-authenticate": undefined,
        },
      });
    }
  });

  test("has a certificate for localhost and 127.0.0.1, and prints the latter", async ({ emulator }) => {
    expect(emulator.endpoint).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/$/);
    const { subjectAltName } = new X509Certificate(await readFile(emulator.certificateFile));
    expect(subjectAltName).toBe("DNS:localhost, IP Address:127.0.0.1");
  });
});

describe.concurrent("an emulator token", () => {
  test.for([
    [60, "chat"],
    [1440, "voip", "chat.join"],
  ] as const)("reflects the request: %o", async ([minutes, ...scopes], { emulator }) => {
    const request = { createTokenWithScopes: scopes, expiresInMinutes: minutes };
    const { identity, accessToken } = JSON.parse(
      (await send(emulator.resource, { body: JSON.stringify(request) })).body,
    );
    const [header, claims, signature] = accessToken.token.split(".");
    expect(decode(header)).toMatchObject({ alg: "RS256", typ: "JWT" });
    const exp = Math.round(Date.parse(accessToken.expiresOn) / 1000);
    expect(decode(claims)).toEqual({
      skypeid: identity.id.slice(2),
      scp: 1792,
      csi: String(exp - minutes * 60),
      exp,
      rgn: "amer",
      acsScope: scopes.join(","),
      resourceId: identity.id.slice(6, 42),
      resourceLocation: "unitedstates",
      iat: exp - minutes * 60,
    });
    expect(Buffer.from(signature, "base64url")).toHaveLength(256); // RSA with 2048 bits
  });

  test.for([0, 499, 500, 999])("is not issued in the future, %d ms after a second", async (fraction) => {
    const { token, expiresOn } = await issueToken(foreign, ["chat"], 60, 1_800_000_000_000 + fraction);
    const { iat, exp } = decode(token.split(".")[1]!);
    expect({ iat, exp }).toEqual({ iat: 1_800_000_000, exp: 1_800_003_600 });
    expect(Math.round(Date.parse(expiresOn) / 1000)).toBe(exp); // [inferred]
  });
});

describe.concurrent("a token of Microsoft Entra ID", () => {
  const check = (token: string, now?: number) => {
    const headers = { authorization: `Bearer ${token}` };
    return authenticate({ method: "POST", path: "/identities", query: "", headers, body: Buffer.alloc(0) }, now);
  };

  test("is accepted for an hour and for the audience of the service only", () => {
    const now = Date.now();
    const { access_token: token, expires_on: expires } = signIn("https://communication.azure.com/", now);
    expect(check(token)).toBeUndefined();
    expect(check(token, Number(expires) * 1000 - 1)).toBeUndefined();
    expect(check(token, Number(expires) * 1000)).toMatchObject({ status: 401 });
    expect(Number(expires) * 1000 - now).toBeCloseTo(3_600_000, -4);
    expect(check(signIn("https://management.azure.com/").access_token)).toMatchObject({ status: 401 });
    expect(check(`x${token}`)).toMatchObject({ status: 401 });
  });
});

// The assertions of Microsoft's own tests of the SDK, in Azure/azure-sdk-for-js under
// sdk/communication/communication-identity/test. NODE_EXTRA_CA_CERTS is read when a process starts, which is too late
// here, so each client gets the certificate instead.
describe.concurrent("the SDK with the emulator", () => {
  const connectTo = (emulator: TestEmulator, apiVersion?: string) => {
    const { settings, resource } = emulator;
    const client = new CommunicationIdentityClient(settings.COMMUNICATION_SERVICES_CONNECTION_STRING, {
      tlsOptions: { ca: resource.ca },
      additionalPolicies: apiVersion ? [{ policy: replaceVersion(apiVersion), position: "perCall" }] : [],
    });
    return client;
  };
  const replaceVersion = (apiVersion: string) => ({
    name: "replace-api-version",
    sendRequest: (request: { url: string }, next: (request: never) => Promise<never>) => {
      request.url = request.url.replace(/(?<=api-version=)[^&]+/, apiVersion);
      return next(request as never);
    },
  });

  test("issues tokens that last as long as requested, within 5 %", async ({ emulator }) => {
    const client = connectTo(emulator);
    const user = await client.createUser();
    const scopes: TokenScope[][] = [
      ["chat"],
      ["voip"],
      ["chat.join"],
      ["chat.join.limited"],
      ["voip.join"],
      ["chat", "voip"],
    ];
    for (const tokenExpiresInMinutes of [undefined, 60, 1440]) {
      for (const scope of scopes) {
        const requested = (tokenExpiresInMinutes ?? 1440) * 60_000;
        for (const { token, expiresOn } of [
          await client.getToken(user, scope, { tokenExpiresInMinutes }),
          await client.createUserAndToken(scope, { tokenExpiresInMinutes }),
        ]) {
          expect(token).toMatch(/^eyJ/);
          expect(Math.abs(expiresOn.getTime() - Date.now() - requested)).toBeLessThan(0.05 * requested);
        }
      }
    }
  });

  test("gets the same errors as from the service", async ({ emulator }) => {
    const client = connectTo(emulator);
    const user = await client.createUser();
    const stranger = { communicationUserId: foreign };
    await expect(client.getToken(user, [])).rejects.toMatchObject({ statusCode: 400, code: "ValidationError" });
    for (const tokenExpiresInMinutes of [59, 1441]) {
      await expect(client.getToken(user, ["chat"], { tokenExpiresInMinutes })).rejects.toMatchObject({
        statusCode: 400,
      });
      const creation = client.createUserAndToken(["chat"], { tokenExpiresInMinutes });
      await expect(creation).rejects.toMatchObject({ statusCode: 400 });
    }
    const calls = [client.getToken(stranger, ["chat"]), client.revokeTokens(stranger), client.deleteUser(stranger)];
    for (const call of calls) await expect(call).rejects.toMatchObject({ statusCode: 401, code: "IdentityNotOwned" });
    await client.deleteUser(user);
    await expect(client.getToken(user, ["chat"])).rejects.toMatchObject({ statusCode: 404, code: "IdentityNotFound" });
  });

  test("revokes the tokens of one identity only, and can issue new ones", async ({ emulator }) => {
    const client = connectTo(emulator);
    const { user } = await client.createUserAndToken(["chat"]);
    const { user: other } = await client.createUserAndToken(["chat"]);
    const valid = () => [user, other].map(({ communicationUserId: id }) => emulator.identities.get(id));
    await client.getToken(user, ["chat"]);
    expect(valid()).toEqual([2, 1]);
    await client.revokeTokens(user);
    expect(valid()).toEqual([0, 1]);
    await client.getToken(user, ["chat"]);
    expect(valid()).toEqual([1, 1]);
  });

  test("works with API version 2026-09-23", async ({ emulator }) => {
    const client = connectTo(emulator, "2026-09-23");
    const { user } = await client.createUserAndToken(["voip"]);
    await client.getToken(user, ["voip"]);
    await client.revokeTokens(user);
    await client.deleteUser(user);
    const versions = emulator.requests.map(({ url }) => url.split("api-version=")[1]);
    expect(versions).toEqual(["2026-09-23", "2026-09-23", "2026-09-23", "2026-09-23"]);
    expect(emulator.identities.size).toBe(0);
  });
});

describe.concurrent("the emulator with faulty clients", () => {
  const open = async ({ endpoint, resource }: TestEmulator) => {
    const socket = connect({ host: "127.0.0.1", port: Number(new URL(endpoint).port), ca: resource.ca });
    socket.on("error", () => {});
    await once(socket, "secureConnect");
    return socket;
  };

  test("survives clients that disconnect or send garbage", async ({ emulator }) => {
    const half = "POST /identities HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{";
    const noPath = "GET // HTTP/1.1\r\nHost: x\r\n\r\n";
    const noEncoding = "GET /%ff%zz HTTP/1.1\r\nHost: x\r\n\r\n";
    for (const bytes of ["", "POST /iden", half, "\0\0\0", noPath, noEncoding]) {
      const socket = await open(emulator);
      socket.write(bytes, () => socket.destroy());
      await once(socket, "close");
      expect(await send(emulator.resource)).toMatchObject({ status: 201 });
    }
  });

  test("responds to 300 requests at once", async ({ emulator }) => {
    const agent = new https.Agent({ keepAlive: true, maxSockets: 100 });
    const resource = { ...emulator.resource, agent };
    const responses = await Promise.all(Array.from({ length: 300 }, () => send(resource)));
    agent.destroy();
    expect(responses.filter(({ status }) => status === 201)).toHaveLength(300);
    expect(emulator.identities.size).toBe(300);
  });
});
