// Tests of the emulator beyond its responses to single requests, which cases.test.ts tests.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { networkInterfaces } from "node:os";
import { text } from "node:stream/consumers";
import { connect } from "node:tls";
import { expect } from "vitest";
import { decode, sendRequest } from "./cases/requests.ts";
import { signIn } from "./emulator/authentication.ts";
import { startEmulator } from "./emulator/server.ts";
import { issueToken } from "./emulator/tokens.ts";
import { test } from "./support/fixtures.ts";

const oldId = "8:acs:fb387404-ac05-4e3b-9d61-7f1c2a8b5e90_00000000-0000-0000-0000-000000000000";
const addresses = Object.values(networkInterfaces()).flat();
const ownAddress = addresses.find((address) => address?.family === "IPv4" && !address.internal)?.address;

test.skipIf(!ownAddress)("the emulator listens only on the loopback interface", async ({ emulator }) => {
  const socket = createConnection({ host: ownAddress!, port: Number(new URL(emulator.endpoint).port) });
  await expect(once(socket, "connect")).rejects.toThrow("ECONNREFUSED");
});

test("a sign-in without the value of IDENTITY_HEADER is rejected", async ({ emulator }) => {
  expect(await fetch(emulator.entraSettings.IDENTITY_ENDPOINT)).toMatchObject({ status: 401 });
});

test("an ID from an earlier start is unknown, but belongs to the resource", async ({ emulator }) => {
  const response = await sendRequest(emulator.resource, { method: "DELETE", path: `/identities/${oldId}` });
  expect(response).toMatchObject({ status: 404, body: expect.stringContaining("IdentityNotFound") });
});

test.for([-310, -290, 290, 310])("a date %i seconds off is accepted up to 5 minutes", async (seconds, { emulator }) => {
  const headers = { "x-ms-date": new Date(Date.now() + seconds * 1000).toUTCString() };
  const status = Math.abs(seconds) < 300 ? 201 : 401;
  expect(await sendRequest(emulator.resource, { headers })).toMatchObject({ status });
});

test("revoking affects only the tokens of one identity, which can get new ones", async ({ emulator }) => {
  const body = '{"createTokenWithScopes":["chat"]}';
  for (const _ of [1, 2]) await sendRequest(emulator.resource, { body });
  const [id] = emulator.identities.keys();
  await sendRequest(emulator.resource, { path: `/identities/${id}/:revokeAccessTokens` });
  expect([...emulator.identities.values()]).toEqual([0, 1]);
  for (const _ of [1, 2]) {
    await sendRequest(emulator.resource, { path: `/identities/${id}/:issueAccessToken`, body: '{"scopes":["voip"]}' });
  }
  expect([...emulator.identities.values()]).toEqual([2, 1]);
});

test.for([60, 1440])("a token for %i minutes contains identity, scopes, and times", async (minutes, { emulator }) => {
  const scopes = ["voip", "voip.join", "chat", "chat.join", "chat.join.limited"];
  const request = { createTokenWithScopes: scopes, expiresInMinutes: minutes === 1440 ? undefined : minutes };
  const { body } = await sendRequest(emulator.resource, { body: JSON.stringify(request) });
  const { identity, accessToken } = JSON.parse(body);
  const [header, claims, signature] = accessToken.token.split(".");
  expect(decode(header)).toMatchObject({ alg: "RS256", typ: "JWT" });
  const exp = Math.round(Date.parse(accessToken.expiresOn) / 1000);
  const iat = exp - minutes * 60;
  const ids = { skypeid: identity.id.slice(2), resourceId: identity.id.slice(6, 42) };
  const place = { rgn: "amer", resourceLocation: "unitedstates" };
  const others = { scp: 1792, csi: String(iat), acsScope: scopes.join(",") };
  expect(decode(claims)).toEqual({ ...ids, ...place, ...others, iat, exp });
  expect(Buffer.from(signature, "base64url")).toHaveLength(256); // as with RSA and 2048 bits
});

test.for([
  [0, "", 0],
  [499.75, ".49975", 0],
  [500.0625, ".5000625", 1],
] as const)("a token issued %d ms after a second has this fraction, rounded in claims", ([ms, fraction, second]) => {
  const { token, expiresOn } = issueToken(oldId, ["chat"], 60, 1_800_000_000_000 + ms);
  expect(expiresOn).toBe(`2027-01-15T09:00:00${fraction}+00:00`);
  expect(decode(token.split(".")[1]!)).toMatchObject({ iat: 1_800_000_000 + second, exp: 1_800_003_600 + second });
});

test("a later token expires later, and differs from an earlier one", () => {
  const tokens = Array.from({ length: 200 }, () => issueToken(oldId, ["chat"], 60));
  const times = tokens.map(({ expiresOn }) => expiresOn);
  expect([...new Set(times)].sort()).toEqual(times);
  expect(new Set(tokens.map(({ token }) => token.split(".")[2])).size).toBe(tokens.length);
});

test("a body of more than 1 MiB is rejected, also without a signature", async ({ emulator }) => {
  const body = " ".repeat(1024 * 1024);
  expect(await sendRequest(emulator.resource, { body })).toMatchObject({ status: 400 }); // It isn't JSON.
  const response = await sendRequest(emulator.resource, { body: `${body} `, headers: { authorization: "" } });
  expect(response).toMatchObject({ status: 413, headers: { connection: "close" } });
});

test("a token of Microsoft Entra ID is valid for an hour, for the audience of the service", async ({ emulator }) => {
  const statusFor = async ({ access_token: token }: { access_token: string }) =>
    (await sendRequest(emulator.resource, { headers: { authorization: `Bearer ${token}` } })).status;
  const audience = "https://communication.azure.com/";
  const token = signIn(audience);
  expect(await statusFor(token)).toBe(201);
  expect(await statusFor(signIn("https://communication.azure.com", Date.now() - 3_580_000))).toBe(201);
  expect(await statusFor(signIn(audience, Date.now() - 3_601_000))).toBe(401);
  expect(await statusFor(signIn("https://communication.azure.com.contoso.com/"))).toBe(401);
  expect(await statusFor({ access_token: `x${token.access_token}` })).toBe(401);
  expect(signIn(audience, 1_800_000_000_000).expires_on).toBe("1800003600");
});

test("the emulator survives clients that disconnect or send garbage", async ({ emulator }) => {
  const half = "POST /identities HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{";
  const noPath = "GET // HTTP/1.1\r\nHost: x\r\n\r\n";
  const noEncoding = "GET /%ff%zz HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const bytes of ["", "POST /iden", half, "\0\0\0", noPath, noEncoding]) {
    const port = Number(new URL(emulator.endpoint).port);
    const socket = connect({ host: "127.0.0.1", port, ca: emulator.resource.ca }).on("error", () => {});
    await once(socket, "secureConnect");
    socket.write(bytes, () => socket.destroy());
    await once(socket, "close");
    expect(await sendRequest(emulator.resource)).toMatchObject({ status: 201 });
  }
});

test("the emulator responds with 400 to what isn't HTTP, and reports it", async ({ onTestFinished }) => {
  const codes: (string | undefined)[] = [];
  const emulator = await startEmulator({ onClientError: ({ code }) => codes.push(code) });
  onTestFinished(emulator.stop);
  const { hostname: host, port } = new URL(emulator.endpoint);
  const socket = connect({ host, port: Number(port), ca: await readFile(emulator.certificateFile) });
  socket.write("Hello\r\n\r\n");
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 /);
  expect(codes).toEqual(["HPE_INVALID_METHOD"]);
});
