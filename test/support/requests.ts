// Raw requests to an ACS resource, without an SDK, and what is compared of its responses.

import { createHash, createHmac, randomUUID } from "node:crypto";
import { once } from "node:events";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import https from "node:https";
import { text } from "node:stream/consumers";
import { guid } from "../emulator/messages.ts";

/** A resource, real or emulated, and how to authenticate: with an access key, or with a token of Microsoft Entra ID. */
export interface Resource {
  endpoint: string;
  accessKey?: string;
  entraToken?: string;
  /** The certificate to trust, if it is not a public one. */
  ca?: string;
  /** Reuses connections. */
  agent?: https.Agent;
  /** Ends the request in progress. */
  signal?: AbortSignal;
}

/** A request. What is omitted gets a valid default. */
export interface RawRequest {
  method?: string;
  path?: string;
  query?: string;
  body?: string;
  /** Headers to add; an empty one is not sent. */
  headers?: Record<string, string>;
  /** The names of the headers to sign. */
  signedHeaders?: string[];
  /** The host to sign, if different from the `Host` header. */
  signedHost?: string;
  /** The access key to sign with, if different from that of the resource. */
  accessKey?: string;
}

export interface RawResponse {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
  /** The `x-ms-client-request-id` of the request. */
  requestId: string;
}

/** Sends a request to a resource. Rejects if there is no response. */
export async function send(resource: Resource, raw: RawRequest = {}): Promise<RawResponse> {
  const { method = "POST", path = "/identities", query = "?api-version=2023-10-01", body = "" } = raw;
  const { hostname, port, host } = new URL(resource.endpoint);
  const signedHeaders = raw.signedHeaders ?? ["x-ms-date", "host", "x-ms-content-sha256"];
  const requestId = randomUUID();
  const headers: Record<string, string> = {
    host,
    "x-ms-client-request-id": requestId,
    [signedHeaders.includes("date") ? "date" : "x-ms-date"]: new Date().toUTCString(),
    "x-ms-content-sha256": createHash("sha256").update(body).digest("base64"),
    ...(body && { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) }),
    ...raw.headers,
  };
  if (resource.accessKey) {
    const values = signedHeaders.map((name) => (name === "host" ? (raw.signedHost ?? headers.host) : headers[name]));
    const key = Buffer.from(raw.accessKey ?? resource.accessKey, "base64");
    const signature = createHmac("sha256", key)
      .update(`${method}\n${path}${query}\n${values.join(";")}`)
      .digest("base64");
    headers.authorization ??= `HMAC-SHA256 SignedHeaders=${signedHeaders.join(";")}&Signature=${signature}`;
  } else {
    headers.authorization ??= `Bearer ${resource.entraToken}`;
  }
  if (!headers.authorization) delete headers.authorization;
  const { ca, agent = false, signal } = resource;
  const target = { host: hostname, port, path: path + query, method, headers };
  const request = https.request({ ...target, ca, agent, signal, timeout: 30_000 });
  request.on("timeout", () => request.destroy(new Error("No response within 30 seconds.")));
  request.on("error", () => {}).end(body); // An error before the response rejects in the next line.
  const [response]: IncomingMessage[] = await once(request, "response");
  return { status: response!.statusCode!, headers: response!.headers, body: await text(response!), requestId };
}

/**
 * Sends the request of a case, after preparing the identity that its path names.
 * @param existing The IDs of the identities that exist: updated with what the resource creates, even where an error is
 * expected, and deletes.
 */
export async function sendCase(resource: Resource, request: RawRequest, existing = new Set<string>()) {
  let id = "";
  const sendAndTrack = async (raw: RawRequest) => {
    const response = await send(resource, raw);
    const [, createdId] = /"identity":\s*\{\s*"id":\s*"([^"]+)"/.exec(response.body) ?? [];
    if (createdId) existing.add(createdId);
    if (raw.method === "DELETE" && response.status === 204) existing.delete(id);
    return response;
  };
  let { path } = request;
  if (path?.includes("{")) {
    const { status, body } = await sendAndTrack({});
    if (status !== 201) throw new Error(`Creating an identity failed: ${status} ${body.slice(0, 300)}`);
    id = JSON.parse(body).identity.id;
    if (path.includes("{deleted}")) await sendAndTrack({ method: "DELETE", path: `/identities/${id}` });
    path = path.replace(/\{\w+\}/, encodeURIComponent(id));
  }
  return sendAndTrack({ ...request, path });
}

/** Returns a response with only what a case determines: values that differ each time are replaced by their form. */
export function comparable({ status, headers, body, requestId }: RawResponse) {
  const form = (name: string, pattern: RegExp) => headers[name]?.toString().replace(pattern, "<valid>");
  return {
    status,
    headers: {
      "content-type": headers["content-type"],
      "content-length":
        Number(headers["content-length"]) === Buffer.byteLength(body) ? "<valid>" : headers["content-length"],
      "transfer-encoding": headers["transfer-encoding"],
      "api-supported-versions": headers["api-supported-versions"],
      "ms-cv": form("ms-cv", /^[A-Za-z\d+/]{22}\.(2\.)?0$/),
      "request-context": headers["request-context"],
      "strict-transport-security": headers["strict-transport-security"],
      "x-processing-time": form("x-processing-time", /^\d+ms$/),
      "x-cache": headers["x-cache"],
      "x-azure-ref": form("x-azure-ref", /^\d{8}T\d{6}Z-[A-Za-z\d]{48}$/),
      "x-ms-client-request-id": headers["x-ms-client-request-id"] === requestId ? "<valid>" : "<another>",
      // The service never sends these. [recorded]
      "x-ms-request-id": headers["x-ms-request-id"],
      location: headers.location,
      etag: headers.etag,
      server: headers.server,
      "www-authenticate": headers["www-authenticate"],
    },
    body: comparableBody(body),
  };
}

function comparableBody(body: string): string {
  return body
    .replace(new RegExp(`"8:(gcch-|dod-)?acs:${guid}_${guid}"`, "g"), '"<id>"') // "gcch" and "dod" in US Government clouds
    .replace(/"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,6}[1-9])?\+00:00"/g, '"<time>"')
    .replace(/(?<="token":")[^"]*/g, tokenForm)
    .replace(/(?<=request URI ')[^']*/, "<URI>"); // can be the address of a back-end server [recorded]
}

/** Returns the fields in the header and in the claims of a token, with their types, but no values. */
function tokenForm(token: string): string {
  try {
    const parts = token.split(".").slice(0, 2).map(decode);
    const fields = parts.map((part) => Object.entries(part).map(([name, value]) => `${name} ${typeof value}`));
    return `<JWT: ${fields.map((names) => names.join(", ")).join("; ")}>`;
  } catch {
    return "<not a JWT>";
  }
}

/** Decodes a part of a JWT. */
export function decode(part: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(part, "base64url").toString());
}
