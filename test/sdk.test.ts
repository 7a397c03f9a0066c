// Uses the emulator with the real SDK.

import { CommunicationIdentityClient, type TokenScope } from "@azure/communication-identity";
import { describe, expect } from "vitest";
import { test, type TestEmulator } from "./support/fixtures.ts";

// Assertions of Microsoft's own tests of the SDK, in Azure/azure-sdk-for-js under
// sdk/communication/communication-identity/test. The errors are among the cases of the emulator. NODE_EXTRA_CA_CERTS is
// read when a process starts, which is too late here, so each client gets the certificate instead.
describe.concurrent("the SDK with the emulator", () => {
  const connectTo = (emulator: TestEmulator, apiVersion?: string) => {
    const { settings, resource } = emulator;
    return new CommunicationIdentityClient(settings.COMMUNICATION_SERVICES_CONNECTION_STRING, {
      tlsOptions: { ca: resource.ca },
      additionalPolicies: apiVersion ? [{ policy: replaceVersion(apiVersion), position: "perCall" }] : [],
    });
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
    const scopes: TokenScope[] = ["chat", "voip", "chat.join", "chat.join.limited", "voip.join"];
    for (const tokenExpiresInMinutes of [undefined, 60, 1440]) {
      for (const scope of scopes) {
        const requested = (tokenExpiresInMinutes ?? 1440) * 60_000;
        for (const { token, expiresOn } of [
          await client.getToken(user, [scope], { tokenExpiresInMinutes }),
          await client.createUserAndToken([scope], { tokenExpiresInMinutes }),
        ]) {
          expect(token).toMatch(/^eyJ/);
          expect(Math.abs(expiresOn.getTime() - Date.now() - requested)).toBeLessThan(0.05 * requested);
        }
      }
    }
  });

  test("reads the status and the code of an error", async ({ emulator }) => {
    const client = connectTo(emulator);
    const issuing = client.getToken(await client.createUser(), []);
    await expect(issuing).rejects.toMatchObject({ statusCode: 400, code: "ValidationError" });
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
