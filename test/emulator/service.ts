// The ACS Identity service without its network: it takes a request that has been authenticated and returns a response.
// For the sources of its responses, see messages.ts.

import { randomUUID } from "node:crypto";
import { failure, guid, listedVersions, rejection, type Request, type Response, success } from "./messages.ts";
import { issueToken } from "./tokens.ts";

// The operations have the same paths and status codes in all of these. [specified] The specification has no
// `expiresInMinutes` before 2022-10-01, and no scopes for joining before 2023-10-01: here, both work. [assumed]
// Of the versions that the service listed in 2025, this leaves out 2020-07-20-preview2, which had different paths and
// JSON and was reported to be rejected.
const supportedVersions = [...listedVersions.split(", ").slice(1), "2026-07-22", "2026-09-23"];
const knownScopes = ["chat", "voip", "chat.join", "chat.join.limited", "voip.join"]; // [specified]

export type Operation = "create" | "issue" | "revoke" | "delete";

/** The fields of the JSON that the operations read. */
interface Fields {
  createTokenWithScopes?: unknown;
  scopes?: unknown;
  expiresInMinutes?: unknown;
}

// `/:verb` is literal: slash, colon, verb. [specified]
const routes: { operation: Operation; method: string; path: RegExp }[] = [
  { operation: "create", method: "POST", path: /^\/identities$/ },
  { operation: "issue", method: "POST", path: /^\/identities\/([^/]+)\/:issueAccessToken$/ },
  { operation: "revoke", method: "POST", path: /^\/identities\/([^/]+)\/:revokeAccessTokens$/ },
  { operation: "delete", method: "DELETE", path: /^\/identities\/([^/]+)$/ },
];

/** Returns the operation that a request is for, if there is one, the ID in its path, and whether the path is known. */
export function route({ method, path }: Request): { operation?: Operation; id: string; isKnown: boolean } {
  const decoded = decodePath(path);
  const matches = routes.filter((candidate) => candidate.path.test(decoded));
  const operation = matches.find((candidate) => candidate.method === method)?.operation;
  return { operation, id: matches[0]?.path.exec(decoded)?.[1] ?? "", isKnown: matches.length > 0 };
}

/** The GUID of the resource. It never changes: IDs that were stored before a restart still belong to the resource. */
const resourceId = "fb387404-ac05-4e3b-9d61-7f1c2a8b5e90";

/** One ACS resource with its identities. */
export class Service {
  /** The IDs of the identities that exist, each with the number of its tokens that haven't been revoked. */
  readonly identities = new Map<string, number>();

  /** Returns the response to a request that has been authenticated. */
  respond(request: Request): Response {
    // Clients of other APIs send other versions, too, so the path comes first. [assumed]
    const { operation, id, isKnown } = route(request);
    if (!isKnown) return failure(404, "NotFound", "There is nothing at this path."); // [assumed]
    if (!operation) return failure(405, "MethodNotAllowed", "The method is not allowed for this path."); // [assumed]
    const version = new URLSearchParams(request.query).get("api-version");
    // [assumed]
    if (!version) return failure(400, "ApiVersionUnspecified", "An API version is required, but was not specified.");
    // [reported]
    if (!supportedVersions.includes(version)) {
      const uri = `https://${request.headers.host}${request.path}`;
      const resource = `The HTTP resource that matches the request URI '${uri}'`;
      return failure(400, "UnsupportedApiVersion", `${resource} does not support the API version '${version}'.`);
    }
    const fields = parseObject(request.body.toString());
    if (!fields) return rejection(400, "ValidationError", "The request body is not a JSON object."); // [assumed]
    if (operation === "create") return this.#createIdentity(fields);
    if (operation === "issue") return this.#issueToken(id, fields);
    if (operation === "revoke") return this.#revokeTokens(id);
    return this.#deleteIdentity(id);
  }

  #createIdentity(fields: Fields): Response {
    // Without a list of scopes, or with null, there is no token [recorded], nor is there with an empty list [assumed].
    const scopes = fields.createTokenWithScopes ?? [];
    const error = checkScopes(scopes, "CreateTokenWithScopes") ?? checkLifetime(fields);
    if (error) return error;
    const id = `8:acs:${resourceId}_${randomUUID()}`;
    this.identities.set(id, 0);
    const accessToken = isEmpty(scopes) ? undefined : this.#addToken(id, scopes, fields);
    return success(201, { identity: { id }, accessToken });
  }

  #issueToken(id: string, fields: Fields): Response {
    const { scopes } = fields;
    // [recorded]
    if (scopes == null) return rejection(400, "ValidationError", "Scopes: The Scopes field is required.", "Scopes");
    if (isEmpty(scopes)) return failure(400, "ValidationError", "Invalid scopes - Scopes field is required.", "scopes");
    const error = checkScopes(scopes, "Scopes") ?? checkLifetime(fields) ?? this.#checkIdentity(id);
    return error ?? success(200, this.#addToken(id, scopes, fields));
  }

  #revokeTokens(id: string): Response {
    const error = this.#checkIdentity(id);
    if (error) return error;
    this.identities.set(id, 0);
    return success(204);
  }

  #deleteIdentity(id: string): Response {
    const error = this.#checkIdentity(id);
    if (error) return error;
    this.identities.delete(id);
    return success(204);
  }

  #addToken(id: string, scopes: unknown, { expiresInMinutes }: Fields) {
    this.identities.set(id, this.identities.get(id)! + 1);
    return issueToken(id, scopes as string[], (expiresInMinutes ?? 1440) as number);
  }

  #checkIdentity(id: string): Response | undefined {
    const owner = new RegExp(`^8:acs:(${guid})_${guid}$`).exec(id)?.[1];
    if (!owner) return failure(400, "ValidationError", "Provided identity is not valid.", "id"); // [assumed]
    if (owner !== resourceId) {
      return failure(401, "IdentityNotOwned", "Provided identity doesn't belong to the resource."); // [recorded]
    }
    // The message is documented, the rest assumed.
    if (!this.identities.has(id)) return failure(404, "IdentityNotFound", "Provided identity doesn't exist.");
  }
}

function isEmpty(scopes: unknown): boolean {
  return Array.isArray(scopes) && scopes.length === 0;
}

function checkScopes(scopes: unknown, target: string): Response | undefined {
  if (!Array.isArray(scopes)) {
    return rejection(400, "ValidationError", `${target}: The ${target} field is not a list.`, target); // [assumed]
  }
  const isKnown = scopes.every((scope) => knownScopes.includes(scope));
  if (!isKnown) return failure(400, "ValidationError", "Invalid scopes - A scope is not known.", "scopes"); // [assumed]
}

function checkLifetime({ expiresInMinutes: minutes }: Fields): Response | undefined {
  if (minutes == null) return;
  const target = "ExpiresInMinutes";
  if (typeof minutes !== "number" || !Number.isInteger(minutes)) {
    return rejection(400, "ValidationError", "ExpiresInMinutes: The value is not an integer.", target); // [assumed]
  }
  if (minutes >= 60 && minutes <= 1440) return;
  const message = `ExpiresInMinutes value ${minutes} is invalid. Value must be within the [60, 1440] interval.`;
  return failure(400, "ValidationError", message, target); // [recorded]
}

/** Percent-decodes a path if possible: clients send IDs percent-encoded or with raw colons. [recorded] */
export function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Parses the JSON of a request: empty and null mean no fields. Returns undefined for anything but an object. */
function parseObject(json: string): Fields | undefined {
  try {
    const value: unknown = json ? (JSON.parse(json) ?? {}) : {};
    return typeof value === "object" && !Array.isArray(value) ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}
