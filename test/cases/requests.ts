// Raw requests to an ACS resource, without an SDK, and what is compared of its responses.

import { createHash, createHmac, randomUUID } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import https from "node:https";
import { text } from "node:stream/consumers";
import { guid, type Response } from "../emulator/messages.ts";

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

/** A resource, real or emulated. */
export interface Resource {
  endpoint: string;
  accessKey: string;
  /** The certificate to trust, if it isn't a public one. */
  ca?: string;
}

/** Sends a request to a resource, and returns the response and the ID of the request. Rejects after 30 seconds. */
export async function sendRequest(resource: Resource, raw: RawRequest = {}) {
  const { method = "POST", path = "/identities", query = "?api-version=2023-10-01", body = "" } = raw;
  const { hostname, port, host } = new URL(resource.endpoint);
  const signedHeaders = raw.signedHeaders ?? ["x-ms-date", "host", "x-ms-content-sha256"];
  const requestId = randomUUID();
  const headers: Record<string, string> = {
    host,
    connection: "keep-alive",
    "x-ms-client-request-id": requestId,
    [signedHeaders.includes("date") ? "date" : "x-ms-date"]: new Date().toUTCString(),
    "x-ms-content-sha256": createHash("sha256").update(body).digest("base64"),
    ...(body && { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) }),
    ...raw.headers,
  };
  const values = signedHeaders.map((name) => (name === "host" ? (raw.signedHost ?? headers.host) : headers[name]));
  const key = Buffer.from(raw.accessKey ?? resource.accessKey, "base64");
  const content = `${method}\n${path}${query}\n${values.join(";")}`;
  const signature = createHmac("sha256", key).update(content).digest("base64");
  headers.authorization ??= `HMAC-SHA256 SignedHeaders=${signedHeaders.join(";")}&Signature=${signature}`;
  if (!headers.authorization) delete headers.authorization;
  const connection = { host: hostname, port, ca: resource.ca, agent: false, signal: AbortSignal.timeout(30_000) };
  const request = https.request({ ...connection, path: path + query, method, headers });
  request.on("error", () => {}).end(body); // `once` rejects on an error before the response.
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return { status: response.statusCode!, headers: response.headers, body: await text(response), requestId };
}

/** Sends the request of a case, after preparing the identity in its path. Keeps the set of existing IDs up to date. */
export async function sendCase(resource: Resource, request: RawRequest, existing: Set<string>) {
  let id = "";
  const sendAndTrack = async (raw: RawRequest) => {
    const response = await sendRequest(resource, raw);
    const [, createdId] = /"identity":\s*\{\s*"id":\s*"([^"]+)"/.exec(response.body) ?? [];
    if (createdId) existing.add(createdId);
    if (raw.method === "DELETE" && response.status === 204) existing.delete(id);
    return response;
  };
  if (!request.path?.includes("{")) return sendAndTrack(request);
  const { status, body } = await sendAndTrack({});
  if (status !== 201) throw new Error(`Creating an identity failed: ${status} ${body.slice(0, 300)}`);
  id = JSON.parse(body).identity.id;
  if (request.path.includes("{deleted}")) await sendAndTrack({ method: "DELETE", path: `/identities/${id}` });
  return sendAndTrack({ ...request, path: request.path.replace(/\{\w+\}/, encodeURIComponent(id)) });
}

// The forms of headers that differ each time. [recorded]
const forms: Record<string, RegExp> = {
  date: /^\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT$/,
  "ms-cv": /^[A-Za-z\d+/]{22}\.(2\.)?0$/,
  "x-azure-ref": /^\d{8}T\d{6}Z-[A-Za-z\d]{48}$/,
  "x-processing-time": /^\d+ms$/,
};

/** Replaces the values in a response that differ each time by their forms, such as `<id>`. */
export function normalize({ status, headers, body, requestId }: Awaited<ReturnType<typeof sendRequest>>): Response {
  const length = String(Buffer.byteLength(body));
  const values: Record<string, string> = { "x-ms-client-request-id": requestId, "content-length": length };
  const form = ([name, value]: [string, unknown]) => {
    const isValid = value === values[name] || forms[name]?.test(String(value));
    return [name, isValid ? "<valid>" : String(value)];
  };
  const normalizedBody = body
    .replace(new RegExp(`"8:(gcch-|dod-)?acs:${guid}_${guid}"`, "g"), '"<id>"') // in clouds of the US Government, too
    .replace(/"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,6}[1-9])?\+00:00"/g, '"<time>"')
    .replace(/(?<="\w*token"\s*:\s*")[^"]*|eyJ[\w.-]+/gi, tokenForm) // also in JSON of another form
    .replace(/(?<=request URI ')[^']*/, "<URI>"); // can be the address of a back-end server [recorded]
  return { status, headers: Object.fromEntries(Object.entries(headers).map(form)), body: normalizedBody };
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
