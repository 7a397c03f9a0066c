// What the service responds to single requests: recorded, documented, or assumed. The tests send these cases to the
// emulator, and `npm run compare` sends them to a real resource.

import { listedVersions } from "../emulator/messages.ts";
import { supportedVersions } from "../emulator/service.ts";

/** A request, and the response of the service. */
export interface Case {
  name: string;
  /**
   * Where the response is known from: "recorded", by the tests of the Azure SDKs ("js", "python", "net", "java") or of
   * the Azure "cli", in 2025 where the year is named; "specified" in the API description; "reported" in a GitHub issue;
   * "source": in the source code of an SDK; "inferred" from these; or "assumed", because nothing public shows it.
   */
  source: string;
  /** In the path, `{id}` stands for an identity that exists, and `{deleted}` for one that was deleted. */
  request: RawRequest;
  response: Expected;
  /** Why the case isn't sent to a real resource. */
  emulatorOnly?: string;
}

/** A request. A field that is omitted gets a valid default: `POST /identities`, signed. */
export interface RawRequest {
  method?: string;
  path?: string;
  query?: string;
  body?: string;
  /** Headers to add; an empty one isn't sent. */
  headers?: Record<string, string>;
  /** The names of the headers to sign. */
  signedHeaders?: string[];
  /** The host to sign, if different from the `Host` header. */
  signedHost?: string;
  /** The access key to sign with, if different from that of the resource. */
  accessKey?: string;
}

/** A response with all its headers. Values that differ each time are replaced by their forms, such as `<id>`. */
export interface Expected {
  status: number;
  headers: Record<string, string>;
  body: string;
}

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
const versions = { "api-supported-versions": listedVersions };

/** A successful response, with JSON or empty. */
function success(status: number, value?: object): Expected {
  const type = value && { "content-type": "application/json; charset=utf-8", "content-length": "<valid>" };
  const ranges = status === 200 && { "accept-ranges": "bytes" };
  return { status, headers: { ...headers, ...versions, ...type, ...ranges }, body: value ? JSON.stringify(value) : "" };
}

/** The error of an operation. */
function failure(status: number, code: string, message: string, target?: string): Expected {
  const response = rejection(status, code, message, target);
  return { ...response, headers: { ...response.headers, ...versions } };
}

/** An error from before the operation. */
function rejection(status: number, code: string, message: string, target?: string): Expected {
  const type = { "content-type": "application/json", "transfer-encoding": "chunked" };
  return { status, headers: { ...headers, ...type }, body: JSON.stringify({ error: { code, message, target } }) };
}

/** The error for a field with a wrong value. */
function invalid(message: string, target: string): Expected {
  return failure(400, "ValidationError", message, target);
}

/** The error for JSON with a field of the wrong type. */
function unreadable(message: string, target?: string): Expected {
  return rejection(400, "ValidationError", message, target);
}

function lifetime(minutes: number): Expected {
  const message = `ExpiresInMinutes value ${minutes} is invalid. Value must be within the [60, 1440] interval.`;
  return invalid(message, "ExpiresInMinutes");
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
const wrongMethod = failure(405, "MethodNotAllowed", "The method is not allowed for this path.");
const tooLarge = failure(413, "RequestTooLarge", "The body is larger than 65536 bytes.");

function raw(name: string, source: string, request: RawRequest, response: Expected, more?: Partial<Case>): Case {
  return { name, source, request, response, ...more };
}

function create(name: string, source: string, fields: object, response: Expected): Case {
  return raw(`create ${name}`, source, { body: JSON.stringify(fields) }, response);
}

function issue(name: string, source: string, fields: object, response: Expected, id = "{id}"): Case {
  const request = { path: `/identities/${id}/:issueAccessToken`, body: JSON.stringify(fields) };
  return raw(`issue ${name}`, source, request, response);
}

function revoke(name: string, source: string, response: Expected, id = "{id}"): Case {
  return raw(name, source, { path: `/identities/${id}/:revokeAccessTokens`, headers: noBody }, response);
}

function remove(name: string, source: string, response: Expected, id = "{id}", headers = {}): Case {
  return raw(name, source, { method: "DELETE", path: `/identities/${id}`, headers }, response);
}

function version(version: string, source: string, response = created, body?: string): Case {
  const name = `API version ${version}${body ? " with newer fields or scopes" : ""}`;
  return raw(name, source, { query: `?api-version=${version}`, body }, response);
}

function unsupported(version: string): Expected {
  const resource = "The HTTP resource that matches the request URI '<URI>'";
  return failure(400, "UnsupportedApiVersion", `${resource} does not support the API version '${version}'.`);
}

const otherId = "8:acs:00000000-0000-0000-0000-000000000000_00000000-0000-0000-0000-000000000000";
const thirdId = otherId.replace("0_", "1_");
const scopes = ["chat"];
const createTokenWithScopes = scopes;
const noBody = { "content-length": "0" };
const [date, host, hash] = ["x-ms-date", "host", "x-ms-content-sha256"];
const old = { [date]: "Fri, 01 Jan 2021 00:00:00 GMT" };
const wrongKey = "c29tZSBvdGhlciBrZXk=";
const exceptMessage = "assumed, except the message";
const noPort = { emulatorOnly: "a real endpoint has no port" };
const bandwidth = { emulatorOnly: "it would waste bandwidth" };

export const cases: Case[] = [
  raw("create", "recorded 2025: js, cli", { headers: { "content-type": "application/json", ...noBody } }, created),
  create("with {}", "recorded 2025: net, java", {}, created),
  create("with nulls", "recorded", { createTokenWithScopes: null, expiresInMinutes: null }, created),
  raw("create with null as the body", "assumed", { body: "null" }, created),
  create("with an empty list of scopes", "assumed", { createTokenWithScopes: [] }, created),
  create("with a token", "recorded 2025: js", { createTokenWithScopes }, createdWithToken),
  create("with a token for 60 minutes", "recorded", { createTokenWithScopes, expiresInMinutes: 60 }, createdWithToken),
  raw("create, with spaces", "recorded: python", { body: '{"createTokenWithScopes": ["chat"]}' }, createdWithToken),
  create("for 59 minutes", "recorded 2025: net", { createTokenWithScopes, expiresInMinutes: 59 }, lifetime(59)),
  create("for 1441 minutes", "recorded 2025: net", { createTokenWithScopes, expiresInMinutes: 1441 }, lifetime(1441)),
  create("for 59 minutes, without scopes", "assumed", { expiresInMinutes: 59 }, lifetime(59)),
  create('for "60" minutes', "assumed", { createTokenWithScopes, expiresInMinutes: "60" }, notAnInteger),
  create("with an unknown scope", "assumed", { createTokenWithScopes: ["fax"] }, unknownScope),

  issue("for a day", "recorded 2025: net", { scopes }, issued),
  issue("for 1440 minutes", "recorded: js", { scopes, expiresInMinutes: 1440 }, issued),
  issue("for 60 minutes", "recorded 2025: net", { scopes, expiresInMinutes: 60 }, issued),
  issue("for 59 minutes", "recorded 2025: net", { scopes, expiresInMinutes: 59 }, lifetime(59)),
  issue("for 1441 minutes", "recorded 2025: net", { scopes, expiresInMinutes: 1441 }, lifetime(1441)),
  issue("for a fraction of a minute", "assumed", { scopes, expiresInMinutes: 60.5 }, notAnInteger),
  issue("with an empty list of scopes", "recorded 2025: js", { scopes: [] }, noScopes),
  issue("with null as scopes", "recorded", { scopes: null }, nullScopes),
  issue("without scopes", "recorded", {}, nullScopes),
  issue("with text", "assumed", { scopes: "chat" }, unreadable("Scopes: The Scopes field is not a list.", "Scopes")),
  issue("with an unknown scope", "assumed", { scopes: ["chat", "fax"] }, unknownScope),

  revoke("revoke", "recorded 2025: js", done),
  remove("delete", "recorded 2025: js", done),
  remove("delete with a length", "recorded: cli", done, "{id}", noBody),
  issue("for another resource's identity", "recorded 2025: js", { scopes: ["chat", "voip"] }, notOwned, otherId),
  issue("for a third resource's identity", "inferred", { scopes }, notOwned, thirdId),
  revoke("revoke for another resource's identity", "recorded 2025: js", notOwned, otherId),
  remove("delete another resource's identity", "recorded 2025: js", notOwned, otherId),
  issue("for a deleted identity", exceptMessage, { scopes }, notFound, "{deleted}"),
  revoke("revoke for a deleted identity", exceptMessage, notFound, "{deleted}"),
  remove("delete twice", exceptMessage, notFound, "{deleted}"),
  issue("for a malformed ID", "assumed", { scopes }, malformedId, "somebody"),
  remove("delete a malformed ID", "assumed", malformedId, "somebody"),
  issue(
    "with an unknown scope for an identity of another resource",
    "assumed",
    { scopes: ["fax"] },
    unknownScope,
    otherId,
  ),
  issue(
    "for 1 minute for an identity of another resource",
    "assumed",
    { scopes, expiresInMinutes: 1 },
    lifetime(1),
    otherId,
  ),

  raw("a wrong hash", "reported: Azure/azure-rest-api-specs#11767", { headers: { [hash]: "eA==" } }, wrongHash),
  raw("a wrong access key", "reported", { accessKey: wrongKey }, denied),
  raw("a wrong access key, no version", "assumed", { accessKey: wrongKey, query: "" }, denied),
  raw("a signature from 2021", `${exceptMessage} (e-mail API)`, { headers: old }, wrongClock),
  raw("a signature with an unreadable date", "assumed", { headers: { [date]: "today" } }, wrongClock),
  raw("`date` signed", "source: older SDKs", { signedHeaders: ["date", host, hash] }, created),
  raw("a date that isn't signed", "assumed", { signedHeaders: [host, hash] }, denied),
  raw("a host that isn't signed", "assumed", { signedHeaders: [date, hash] }, denied),
  raw("a hash that isn't signed", "assumed", { signedHeaders: [date, host] }, denied),
  raw("the host signed without its port", "source: java", { signedHost: "127.0.0.1" }, created, noPort),
  raw("a duplicated port", "source: js", { headers: { host: "127.0.0.1:1:1" } }, created, noPort),
  raw("no authentication", "assumed", { headers: { authorization: "" } }, denied),
  raw("a Bearer token from elsewhere", "assumed", { headers: { authorization: "Bearer elsewhere" } }, denied),

  ...supportedVersions.map((name) => version(name, name < "2025-06" ? "recorded" : "specified")),
  version("2022-06-01", "assumed", lifetime(59), '{"createTokenWithScopes":["chat"],"expiresInMinutes":59}'),
  version("2022-10-01", "assumed", createdWithToken, '{"createTokenWithScopes":["voip.join"]}'),
  version("2020-07-20-preview2", "reported: Azure/Communication#159", unsupported("2020-07-20-preview2")),
  version("2021-02-22-preview1", "assumed", unsupported("2021-02-22-preview1")),
  raw("no API version", "assumed", { query: "" }, noVersion),
  raw("malformed JSON", "assumed", { body: '{"createTokenWithScopes":' }, notAnObject),
  raw("an array as the body", "assumed", { body: "[]" }, notAnObject),
  raw("an unknown path", "assumed", { path: "/users" }, failure(404, "NotFound", "There is nothing at this path.")),
  raw("an unknown method", "assumed", { method: "PUT" }, wrongMethod),
  raw("a body of 64 KiB", "assumed", { body: "{}".padEnd(65_536) }, created, bandwidth),
  raw("a body of 64 KiB and a byte", "assumed", { body: "{}".padEnd(65_537) }, tooLarge, bandwidth),
  raw("a body of 4 MB", "assumed", { body: " ".repeat(4_000_000) }, tooLarge, bandwidth),
];
