// What the service responds to single requests. The tests send these cases to the emulator, and `npm run compare` sends
// them to a real resource. Texts and API versions that the emulator also contains stand here once more on purpose: a
// test must not take what it expects from the code that it tests.

import type { Response } from "../emulator/messages.ts";
import type { RawRequest } from "./requests.ts";

/**
 * A request, and the response of the service. The source is a mark that messages.ts explains; for a recording, it also
 * names the SDKs or the Azure CLI where they are known, and 2025 if it's that recent. In the path, `{id}` stands for an
 * identity that exists, and `{deleted}` for one that was deleted. The last element says why a case isn't sent to a real
 * resource.
 */
type Case = [name: string, source: string, request: RawRequest, response: Response, emulatorOnly?: string];

const headers = {
  connection: "keep-alive",
  date: "<valid>",
  "ms-cv": "<valid>",
  "request-context": "appId=",
  "strict-transport-security": "max-age=31536000;includeSubDomains",
  "x-azure-ref": "<valid>",
  "x-cache": "CONFIG_NOCACHE",
  "x-ms-client-request-id": "<valid>",
  "x-processing-time": "<valid>",
};
/** The API versions that the service listed in the newest recordings, from June to September 2025. */
export const listedVersions =
  "2020-07-20-preview2, 2021-03-07, 2021-10-31-preview, 2021-11-01, 2022-06-01, 2022-10-01, 2023-10-01, " +
  "2025-03-02-preview, 2025-06-30";
const versions = { "api-supported-versions": listedVersions };

/** A successful response, with JSON or empty. */
function success(status: number, value?: object): Response {
  const type = value && { "content-type": "application/json; charset=utf-8", "content-length": "<valid>" };
  const ranges = status === 200 && { "accept-ranges": "bytes" };
  return { status, headers: { ...headers, ...versions, ...type, ...ranges }, body: value ? JSON.stringify(value) : "" };
}

/** An error from before the operation. */
function rejection(status: number, code: string, message: string, target?: string): Response {
  const type = { "content-type": "application/json", "transfer-encoding": "chunked" };
  return { status, headers: { ...headers, ...type }, body: JSON.stringify({ error: { code, message, target } }) };
}

/** The error of an operation. */
function failure(...error: Parameters<typeof rejection>): Response {
  const response = rejection(...error);
  return { ...response, headers: { ...response.headers, ...versions } };
}

const invalid = (message: string, target: string) => failure(400, "ValidationError", message, target);
const unreadable = (message: string, target?: string) => rejection(400, "ValidationError", message, target);

function lifetime(minutes: number): Response {
  const message = `ExpiresInMinutes value ${minutes} is invalid. Value must be within the [60, 1440] interval.`;
  return invalid(message, "ExpiresInMinutes");
}

function unsupported(version: string): Response {
  const resource = "The HTTP resource that matches the request URI '<URI>'";
  return failure(400, "UnsupportedApiVersion", `${resource} does not support the API version '${version}'.`);
}

// The fields in a token's header and claims, with their types.
const token =
  "<JWT: alg string, kid string, x5t string, typ string; skypeid string, scp number, csi string, exp number, " +
  "rgn string, acsScope string, resourceId string, resourceLocation string, iat number>";
const accessToken = { token, expiresOn: "<time>" };
const created = success(201, { identity: { id: "<id>" } });
const createdWithToken = success(201, { identity: { id: "<id>" }, accessToken });
const issued = success(200, accessToken);
const done = success(204);
const noScopes = invalid("Invalid scopes - Scopes field is required.", "scopes");
const nullScopes = unreadable("Scopes: The Scopes field is required.", "Scopes");
const textScopes = unreadable("Scopes: The Scopes field is not a list.", "Scopes");
const unknownScope = invalid("Invalid scopes - A scope is not known.", "scopes");
const notAnInteger = unreadable("ExpiresInMinutes: The value is not an integer.", "ExpiresInMinutes");
const malformedId = invalid("Provided identity is not valid.", "id");
const notOwned = failure(401, "IdentityNotOwned", "Provided identity doesn't belong to the resource.");
const notFound = failure(404, "IdentityNotFound", "Provided identity doesn't exist.");
const denied = rejection(401, "Denied", "Denied by the resource provider.");
const wrongHash = rejection(401, "Denied", "Request 'x-ms-content-sha256' differs from generated content hash.");
const clockMessage =
  "The given request could not be resolved.\nThe time difference between the originating client and the server is " +
  "greater than the allowed margin of 5 minutes.";
const wrongClock = rejection(401, "Denied", clockMessage);
const noVersion = failure(400, "ApiVersionUnspecified", "An API version is required, but was not specified.");
const notAnObject = unreadable("The request body is not a JSON object.");
const nothing = failure(404, "NotFound", "There is nothing at this path.");
const wrongMethod = failure(405, "MethodNotAllowed", "The method is not allowed for this path.");

const noBody = { "content-length": "0" };
const [date, host, hash] = ["x-ms-date", "host", "x-ms-content-sha256"];
const oldDate = { [date]: "Fri, 01 Jan 2021 00:00:00 GMT" };
const wrongKey = "c29tZSBvdGhlciBrZXk=";
const otherId = "8:acs:00000000-0000-0000-0000-000000000000_00000000-0000-0000-0000-000000000000"; // another resource's
const thirdId = otherId.replace("0_", "1_");
const scopes = ["chat"];
const brief = { scopes, expiresInMinutes: 1 };
const withToken = { createTokenWithScopes: scopes };
const spaced = '{"createTokenWithScopes": ["chat"]}';
const exceptMessage = "assumed, except the message";
const noPort = "a real endpoint has no port";

const create = (fields: object): RawRequest => ({ body: JSON.stringify(fields) });
const issue = (fields: object, id = "{id}"): RawRequest => ({
  path: `/identities/${id}/:issueAccessToken`,
  body: JSON.stringify(fields),
});
const revoke = (id = "{id}"): RawRequest => ({ path: `/identities/${id}/:revokeAccessTokens`, headers: noBody });
const remove = (id = "{id}", headers = {}): RawRequest => ({ method: "DELETE", path: `/identities/${id}`, headers });

function versionCase(version: string, source: string, response = created, body?: string): Case {
  const name = `API version ${version}${body ? " with newer fields or scopes" : ""}`;
  return [name, source, { query: `?api-version=${version}`, body }, response];
}

export const cases: Case[] = [
  ["create", "recorded 2025: js, cli", { headers: { "content-type": "application/json", ...noBody } }, created],
  ["create with {}", "recorded 2025: net, java", create({}), created],
  ["create with nulls", "recorded", create({ createTokenWithScopes: null, expiresInMinutes: null }), created],
  ["create with null as the body", "assumed", { body: "null" }, created],
  ["create with an empty list of scopes", "assumed", create({ createTokenWithScopes: [] }), created],
  ["create with a token", "recorded 2025: js", create(withToken), createdWithToken],
  ["create with a token for 60 minutes", "recorded", create({ ...withToken, expiresInMinutes: 60 }), createdWithToken],
  ["create, with spaces in the JSON", "recorded: python", { body: spaced }, createdWithToken],
  ["create for 59 minutes", "recorded 2025: net", create({ ...withToken, expiresInMinutes: 59 }), lifetime(59)],
  ["create for 1441 minutes", "recorded 2025: net", create({ ...withToken, expiresInMinutes: 1441 }), lifetime(1441)],
  ["create for 59 minutes, without scopes", "assumed", create({ expiresInMinutes: 59 }), lifetime(59)],
  ['create for "60" minutes', "assumed", create({ ...withToken, expiresInMinutes: "60" }), notAnInteger],
  ["create with an unknown scope", "assumed", create({ createTokenWithScopes: ["fax"] }), unknownScope],

  ["issue for the default lifetime", "recorded 2025: net", issue({ scopes }), issued],
  ["issue for 1440 minutes", "recorded: js", issue({ scopes, expiresInMinutes: 1440 }), issued],
  ["issue for 60 minutes", "recorded 2025: net", issue({ scopes, expiresInMinutes: 60 }), issued],
  ["issue for 59 minutes", "recorded 2025: net", issue({ scopes, expiresInMinutes: 59 }), lifetime(59)],
  ["issue for 1441 minutes", "recorded 2025: net", issue({ scopes, expiresInMinutes: 1441 }), lifetime(1441)],
  ["issue for a fraction of a minute", "assumed", issue({ scopes, expiresInMinutes: 60.5 }), notAnInteger],
  ["issue with an empty list of scopes", "recorded 2025: js", issue({ scopes: [] }), noScopes],
  ["issue with null as scopes", "recorded", issue({ scopes: null }), nullScopes],
  ["issue without scopes", "recorded", issue({}), nullScopes],
  ["issue with text as scopes", "assumed", issue({ scopes: "chat" }), textScopes],
  ["issue with an unknown scope", "assumed", issue({ scopes: ["chat", "fax"] }), unknownScope],
  ["issue with an unknown scope for 1 minute", "assumed", issue({ ...brief, scopes: ["fax"] }), unknownScope],

  ["revoke", "recorded 2025: js", revoke(), done],
  ["delete", "recorded 2025: js", remove(), done],
  ["delete with a length", "recorded: cli", remove("{id}", noBody), done],
  ["issue for another resource's ID", "recorded 2025: js", issue({ scopes: ["chat", "voip"] }, otherId), notOwned],
  ["issue for a third resource's ID", "inferred", issue({ scopes }, thirdId), notOwned],
  ["revoke for another resource's ID", "recorded 2025: js", revoke(otherId), notOwned],
  ["delete another resource's ID", "recorded 2025: js", remove(otherId), notOwned],
  ["issue for a deleted identity", exceptMessage, issue({ scopes }, "{deleted}"), notFound],
  ["revoke for a deleted identity", exceptMessage, revoke("{deleted}"), notFound],
  ["delete twice", exceptMessage, remove("{deleted}"), notFound],
  ["issue for a malformed ID", "assumed", issue({ scopes }, "somebody"), malformedId],
  ["issue for an ID and more", "assumed", issue({ scopes }, `${otherId}0`), malformedId],
  ["delete a malformed ID", "assumed", remove("somebody"), malformedId],
  ["issue an unknown scope for another resource's ID", "assumed", issue({ scopes: ["fax"] }, otherId), unknownScope],
  ["issue for 1 minute for another resource's ID", "assumed", issue(brief, otherId), lifetime(1)],

  ["a wrong hash", "reported: Azure/azure-rest-api-specs#11767", { headers: { [hash]: "eA==" } }, wrongHash],
  ["a wrong access key", "reported", { accessKey: wrongKey }, denied],
  ["a wrong access key, an old date", "assumed", { accessKey: wrongKey, headers: oldDate }, denied],
  ["a wrong access key, no version", "assumed", { accessKey: wrongKey, query: "" }, denied],
  ["a signature from 2021", `${exceptMessage} (e-mail API)`, { headers: oldDate }, wrongClock],
  ["a signature with an unreadable date", "assumed", { headers: { [date]: "today" } }, wrongClock],
  ["`date` signed", "source: older SDKs", { signedHeaders: ["date", host, hash] }, created],
  ["a date that isn't signed", "assumed", { signedHeaders: [host, hash] }, denied],
  ["a host that isn't signed", "assumed", { signedHeaders: [date, hash] }, denied],
  ["a hash that isn't signed", "assumed", { signedHeaders: [date, host] }, denied],
  ["the host signed without its port", "source: java", { signedHost: "127.0.0.1" }, created, noPort],
  ["a duplicated port", "source: js", { headers: { host: "127.0.0.1:1:1" } }, created, noPort],
  ["no authentication", "assumed", { headers: { authorization: "" } }, denied],
  ["a Bearer token from elsewhere", "assumed", { headers: { authorization: "Bearer elsewhere" } }, denied],

  ...listedVersions
    .split(", ")
    .slice(1, -1)
    .map((name) => versionCase(name, "recorded")),
  ...["2025-06-30", "2026-07-22", "2026-09-23"].map((name) => versionCase(name, "specified")),
  versionCase("2022-06-01", "assumed", lifetime(59), '{"createTokenWithScopes":["chat"],"expiresInMinutes":59}'),
  versionCase("2022-10-01", "assumed", createdWithToken, '{"createTokenWithScopes":["voip.join"]}'),
  versionCase("2020-07-20-preview2", "reported: Azure/Communication#159", unsupported("2020-07-20-preview2")),
  versionCase("2021-02-22-preview1", "assumed", unsupported("2021-02-22-preview1")),
  ["no API version", "assumed", { query: "" }, noVersion],
  ["malformed JSON", "assumed", { body: '{"createTokenWithScopes":' }, notAnObject],
  ["a number as the body", "assumed", { body: "5" }, notAnObject],
  ["an array as the body", "assumed", { body: "[]" }, notAnObject],
  ["an unknown path", "assumed", { path: "/users" }, nothing],
  ["a path of another API", "assumed", { path: "/emails:send", query: "?api-version=2023-03-31" }, nothing],
  ["a malformed path", "assumed", { path: "/%zz" }, nothing],
  ["an unknown method", "assumed", { method: "PUT" }, wrongMethod],
  ["an unknown method, no API version", "assumed", { method: "PUT", query: "" }, wrongMethod],
];
