// Uses the emulator with the real SDK.

import { CommunicationIdentityClient, type TokenScope } from "@azure/communication-identity";
import { describe, expect } from "vitest";
import { foreign } from "./recorded-cases.ts";
import { test, type TestEmulator } from "./support/fixtures.ts";

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
