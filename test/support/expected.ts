// What a recorded case consists of, and the responses of all of them.

import type { RawRequest } from "./requests.ts";

/** A request, and the response of the service. */
export interface Case {
  name: string;
  /**
   * Where the response is known from: "recorded", by the tests of the Azure SDKs ("js", "python", "net", "java") or of
   * the Azure "cli"; "specified" in the API description; "reported" in a GitHub issue; "source": in the source code of
   * an SDK; or "chosen", because nothing public shows it.
   */
  source: string;
  /** In the path, `{id}` stands for an identity that exists, and `{deleted}` for one that was deleted. */
  request: RawRequest;
  response: Expected;
  /** Why the case is not sent to a real resource. */
  emulatorOnly?: string;
  /** Whether the case is about the signature, which a request with Microsoft Entra ID does not have. */
  needsAccessKey?: boolean;
}

/** What is expected of a response. */
export interface Expected {
  status: number;
  /** The JSON, with `<id>`, `<time>`, and the form of the token in place of their values. */
  body?: object;
  /** Whether the response lists the API versions. */
  listsVersions: boolean;
}

/** The fields in a token's header and claims, with their types. [recorded] */
const token =
  "<JWT: alg string, kid string, x5t string, typ string; skypeid string, scp number, csi string, exp number, " +
  "rgn string, acsScope string, resourceId string, resourceLocation string, iat number>";
const accessToken = { token, expiresOn: "<time>" };
const identity = { id: "<id>" };

export const created: Expected = { status: 201, body: { identity }, listsVersions: true };
export const createdWithToken: Expected = { status: 201, body: { identity, accessToken }, listsVersions: true };
export const issued: Expected = { status: 200, body: accessToken, listsVersions: true };
export const done: Expected = { status: 204, listsVersions: true };

/** The error of an operation. */
function failed(status: number, code: string, message: string, target?: string): Expected {
  return { status, body: { error: { code, message, ...(target && { target }) } }, listsVersions: true };
}

/** An error from before the operation. */
function rejected(status: number, code: string, message: string, target?: string): Expected {
  return { ...failed(status, code, message, target), listsVersions: false };
}

export function wrongLifetime(minutes: number): Expected {
  const message = `ExpiresInMinutes value ${minutes} is invalid. Value must be within the [60, 1440] interval.`;
  return failed(400, "ValidationError", message, "ExpiresInMinutes");
}

export function wrongVersion(version: string): Expected {
  const resource = "The HTTP resource that matches the request URI '<URI>'";
  return failed(400, "UnsupportedApiVersion", `${resource} does not support the API version '${version}'.`);
}

export const noScopes = failed(400, "ValidationError", "Invalid scopes - Scopes field is required.", "scopes");
export const nullScopes = rejected(400, "ValidationError", "Scopes: The Scopes field is required.", "Scopes");
export const wrongScopes = rejected(400, "ValidationError", "Scopes: The Scopes field is not a list.", "Scopes");
export const unknownScope = failed(400, "ValidationError", "Invalid scopes - A scope is not known.", "scopes");
export const fraction = rejected(
  400,
  "ValidationError",
  "ExpiresInMinutes: The value is not an integer.",
  "ExpiresInMinutes",
);
export const malformed = failed(400, "ValidationError", "Provided identity is not valid.", "id");
export const notOwned = failed(401, "IdentityNotOwned", "Provided identity doesn't belong to the resource.");
export const notFound = failed(404, "IdentityNotFound", "Provided identity doesn't exist.");
export const wrongHash = rejected(401, "Denied", "Request 'x-ms-content-sha256' differs from generated content hash.");
export const denied = rejected(401, "Denied", "Denied by the resource provider.");
export const noVersion = failed(400, "ApiVersionUnspecified", "An API version is required, but was not specified.");
export const notAnObject = rejected(400, "ValidationError", "The request body is not a JSON object.");
export const wrongPath = failed(404, "NotFound", "There is nothing at this path.");
export const wrongMethod = failed(405, "MethodNotAllowed", "The method is not allowed for this path.");
export const tooLarge = failed(413, "RequestTooLarge", "The body is larger than 65536 bytes.");
