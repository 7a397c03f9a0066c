// What the service responds to single requests: recorded, documented, or chosen for the emulator. The tests hold the
// emulator to these cases; `npm run compare` sends them to a real resource, too. `Case` explains the fields.

import {
  type Case,
  type Expected,
  created,
  createdWithToken,
  denied,
  done,
  fraction,
  issued,
  malformed,
  noScopes,
  noVersion,
  notAnObject,
  notFound,
  notOwned,
  nullScopes,
  tooLarge,
  unknownScope,
  wrongHash,
  wrongLifetime,
  wrongMethod,
  wrongPath,
  wrongScopes,
  wrongVersion,
} from "./support/expected.ts";
import type { RawRequest } from "./support/requests.ts";

/** The ID of another resource's identity. */
export const foreign = "8:acs:00000000-0000-0000-0000-000000000000_00000000-0000-0000-0000-000000000000";
const create = (fields: object): RawRequest => ({ body: JSON.stringify(fields) });
const issue = (fields: object, id = "{id}"): RawRequest => ({
  path: `/identities/${id}/:issueAccessToken`,
  body: JSON.stringify(fields),
});
const revoke = (id = "{id}"): RawRequest => ({ path: `/identities/${id}/:revokeAccessTokens` });
const remove = (id = "{id}"): RawRequest => ({ method: "DELETE", path: `/identities/${id}` });
const noBody = { "content-length": "0" };
const scopes = ["chat"];

const listed = ["2021-03-07", "2021-10-31-preview", "2021-11-01", "2022-06-01", "2022-10-01", "2023-10-01"];
const since = ["2025-06-30", "2026-07-22", "2026-09-23"];
const version = (version: string, source: string, response: Expected): Case => {
  return { name: `API version ${version}`, source, request: { query: `?api-version=${version}` }, response };
};
/** The API versions that the emulator accepts. */
export const acceptedVersions = ["2021-02-22-preview1", ...listed, ...since];

export const cases: Case[] = [
  {
    name: "create without a body",
    source: "recorded: js, cli",
    request: { headers: { "content-type": "application/json", ...noBody } },
    response: created,
  },
  { name: "create with {}", source: "recorded: net, python", request: create({}), response: created },
  {
    name: "create with nulls",
    source: "recorded",
    request: create({ createTokenWithScopes: null, expiresInMinutes: null }),
    response: created,
  },
  {
    name: "create with an empty list of scopes",
    source: "chosen",
    request: create({ createTokenWithScopes: [] }),
    response: created,
  },
  {
    name: "create with a token",
    source: "recorded: js, net",
    request: create({ createTokenWithScopes: ["chat", "voip"] }),
    response: createdWithToken,
  },
  {
    name: "create with a token, in JSON with spaces",
    source: "recorded",
    request: { body: '{"createTokenWithScopes": ["chat"], "expiresInMinutes": 60}' },
    response: createdWithToken,
  },
  {
    name: "create with a token for 59 minutes",
    source: "recorded: net, java",
    request: create({ createTokenWithScopes: scopes, expiresInMinutes: 59 }),
    response: wrongLifetime(59),
  },
  {
    name: "create with a token for 1441 minutes",
    source: "recorded: net",
    request: create({ createTokenWithScopes: scopes, expiresInMinutes: 1441 }),
    response: wrongLifetime(1441),
  },

  { name: "issue", source: "recorded: java, python", request: issue({ scopes }), response: issued },
  {
    name: "issue for 1440 minutes",
    source: "recorded: js",
    request: issue({ scopes, expiresInMinutes: 1440 }),
    response: issued,
  },
  {
    name: "issue for 60 minutes",
    source: "recorded",
    request: issue({ scopes, expiresInMinutes: 60 }),
    response: issued,
  },
  {
    name: "issue for 59 minutes",
    source: "recorded",
    request: issue({ scopes, expiresInMinutes: 59 }),
    response: wrongLifetime(59),
  },
  {
    name: "issue for 1441 minutes",
    source: "recorded: python",
    request: issue({ scopes, expiresInMinutes: 1441 }),
    response: wrongLifetime(1441),
  },
  {
    name: "issue for a fraction of a minute",
    source: "chosen",
    request: issue({ scopes, expiresInMinutes: 60.5 }),
    response: fraction,
  },
  {
    name: "issue with an empty list of scopes",
    source: "recorded: js",
    request: issue({ scopes: [] }),
    response: noScopes,
  },
  { name: "issue with null as scopes", source: "recorded", request: issue({ scopes: null }), response: nullScopes },
  { name: "issue without scopes", source: "recorded", request: issue({}), response: nullScopes },
  {
    name: "issue with scopes that are not a list",
    source: "chosen",
    request: issue({ scopes: "chat" }),
    response: wrongScopes,
  },
  {
    name: "issue with an unknown scope",
    source: "chosen",
    request: issue({ scopes: ["chat", "fax"] }),
    response: unknownScope,
  },

  { name: "revoke", source: "recorded: js, java", request: { ...revoke(), headers: noBody }, response: done },
  { name: "delete", source: "recorded: js", request: remove(), response: done },
  { name: "delete with a length", source: "recorded: cli", request: { ...remove(), headers: noBody }, response: done },
  {
    name: "issue for another resource's identity",
    source: "recorded: js",
    request: issue({ scopes: ["chat", "voip"] }, foreign),
    response: notOwned,
  },
  { name: "revoke for another resource's identity", source: "recorded", request: revoke(foreign), response: notOwned },
  { name: "delete another resource's identity", source: "recorded", request: remove(foreign), response: notOwned },
  {
    name: "issue for a deleted identity",
    source: "chosen, except the message",
    request: issue({ scopes }, "{deleted}"),
    response: notFound,
  },
  {
    name: "revoke for a deleted identity",
    source: "chosen, except the message",
    request: revoke("{deleted}"),
    response: notFound,
  },
  { name: "delete twice", source: "chosen, except the message", request: remove("{deleted}"), response: notFound },
  { name: "issue for a malformed ID", source: "chosen", request: issue({ scopes }, "somebody"), response: malformed },
  { name: "delete a malformed ID", source: "chosen", request: remove("somebody"), response: malformed },

  {
    name: "a body that does not match its hash",
    source: "reported: Azure/azure-rest-api-specs#11767",
    request: { body: "{}", headers: { "x-ms-content-sha256": "c29tZXRoaW5nIGVsc2U=" } },
    response: wrongHash,
    needsAccessKey: true,
  },
  {
    name: "a wrong access key",
    source: "reported",
    request: { accessKey: "c29tZSBvdGhlciBrZXk=" },
    response: denied,
    needsAccessKey: true,
  },
  {
    name: "`date` signed instead of `x-ms-date`",
    source: "source: older SDKs",
    request: { signedHeaders: ["date", "host", "x-ms-content-sha256"] },
    response: created,
    needsAccessKey: true,
  },
  {
    name: "the host signed without its port",
    source: "source: java",
    request: { signedHost: "127.0.0.1" },
    response: created,
    emulatorOnly: "a real endpoint has no port",
  },
  {
    name: "a host with a duplicated port",
    source: "source: communication-common 2.4.0 for js",
    request: { headers: { host: "127.0.0.1:1:1" } },
    response: created,
    emulatorOnly: "a real endpoint has no port",
  },
  {
    name: "a signature with an old date",
    source: "chosen",
    request: { headers: { "x-ms-date": "Fri, 01 Jan 2021 00:00:00 GMT" } },
    response: created,
    needsAccessKey: true,
  },
  {
    name: "a host that is not signed",
    source: "chosen",
    request: { signedHeaders: ["x-ms-date", "x-ms-content-sha256"] },
    response: denied,
    needsAccessKey: true,
  },
  { name: "no authentication", source: "chosen", request: { headers: { authorization: "" } }, response: denied },
  {
    name: "a Bearer token from elsewhere",
    source: "chosen",
    request: { headers: { authorization: "Bearer elsewhere" } },
    response: denied,
  },

  ...listed.map((name) => version(name, "recorded", created)),
  ...since.map((name) => version(name, "specified", created)),
  version("2020-07-20-preview2", "reported: Azure/Communication#159", wrongVersion("2020-07-20-preview2")),
  version("2025-03-02-preview", "chosen", wrongVersion("2025-03-02-preview")),
  { name: "no API version", source: "chosen", request: { query: "" }, response: noVersion },
  { name: "malformed JSON", source: "chosen", request: { body: '{"createTokenWithScopes":' }, response: notAnObject },
  { name: "an unknown path", source: "chosen", request: { path: "/users" }, response: wrongPath },
  { name: "an unknown method", source: "chosen", request: { method: "PUT" }, response: wrongMethod },
  {
    name: "a body of 4 MB",
    source: "chosen",
    request: { query: "?api-version=2023-10-01", body: " ".repeat(4_000_000) },
    response: tooLarge,
    emulatorOnly: "it would waste bandwidth",
  },
];
