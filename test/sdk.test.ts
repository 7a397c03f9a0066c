// Uses the emulator with the real SDK.

import { CommunicationIdentityClient, type TokenScope } from "@azure/communication-identity";
import { describe, expect } from "vitest";
import { test as base } from "./support/fixtures.ts";

// NODE_EXTRA_CA_CERTS is read when a process starts, which is too late here, so the client gets the certificate instead.
const test = base.extend<{ client: CommunicationIdentityClient }>({
  client: ({ emulator: { settings, resource } }, use) => {
    const options = { tlsOptions: { ca: resource.ca } };
    return use(new CommunicationIdentityClient(settings.COMMUNICATION_SERVICES_CONNECTION_STRING, options));
  },
});

// Assertions of Microsoft's own tests of the SDK, in Azure/azure-sdk-for-js under
// sdk/communication/communication-identity/test. The errors are among the cases of the emulator, and so are the versions.
describe.concurrent("the SDK with the emulator", () => {
  test("issues tokens that last as long as requested, within 5 %", async ({ client }) => {
    const user = await client.createUser();
    const scopes: TokenScope[] = ["chat", "voip", "chat.join", "chat.join.limited", "voip.join"];
    for (const tokenExpiresInMinutes of [undefined, 60, 1440]) {
      const requested = (tokenExpiresInMinutes ?? 1440) * 60_000;
      for (const { token, expiresOn } of [
        await client.getToken(user, scopes, { tokenExpiresInMinutes }),
        await client.createUserAndToken(scopes, { tokenExpiresInMinutes }),
      ]) {
        expect(token).toMatch(/^eyJ/);
        expect(Math.abs(expiresOn.getTime() - Date.now() - requested)).toBeLessThan(0.05 * requested);
      }
    }
  });

  test("revokes the tokens of one identity only, and can issue new ones", async ({ client, emulator }) => {
    const { user } = await client.createUserAndToken(["chat"]);
    await client.createUserAndToken(["chat"]);
    await client.getToken(user, ["chat"]);
    expect([...emulator.identities.values()]).toEqual([2, 1]);
    await client.revokeTokens(user);
    expect([...emulator.identities.values()]).toEqual([0, 1]);
    await client.getToken(user, ["chat"]);
    expect([...emulator.identities.values()]).toEqual([1, 1]);
  });
});
