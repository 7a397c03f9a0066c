// How the service authenticates a request: by an access key, or by a token of Microsoft Entra ID.

import { createHash, createHmac, randomBytes } from "node:crypto";
import { rejection, type Request, type Response } from "./messages.ts";

/** The access key of the emulator, in the form of a real one: 64 bytes in base64. It is public and protects nothing. */
export const accessKey = createHash("sha512").update("emulator").digest("base64");

const audience = "https://communication.azure.com";
const entraKey = randomBytes(32);
const clockMargin = 5 * 60_000; // milliseconds [reported]
const denied = rejection(401, "Denied", "Denied by the resource provider."); // [reported]
// The message was reported for the e-mail API, which has the same access keys. The code was not. [assumed]
const clockMessage =
  "The given request could not be resolved.\nThe time difference between the originating client and the server is " +
  "greater than the allowed margin of 5 minutes.";

/** Returns the error response to a request that isn't authenticated, and undefined for one that is. */
export function authenticate(request: Request): Response | undefined {
  const [scheme, credentials = ""] = (request.headers.authorization ?? "").split(/ (.*)/s);
  if (scheme === "Bearer") return isEntraToken(credentials) ? undefined : denied; // [assumed]
  if (scheme === "HMAC-SHA256") return checkSignature(request, credentials);
  return denied; // [assumed]
}

function checkSignature(request: Request, credentials: string): Response | undefined {
  const { method, path, query, headers, body } = request;
  const [, signedHeaders = "", signature = ""] = /^SignedHeaders=([^&]+)&Signature=(.+)$/.exec(credentials) ?? [];
  const contentHash = createHash("sha256").update(body).digest("base64");
  if (headers["x-ms-content-sha256"] !== contentHash) {
    return rejection(401, "Denied", "Request 'x-ms-content-sha256' differs from generated content hash."); // [reported]
  }
  // The list of headers varies: older SDKs sign `date` instead of `x-ms-date`. [source]
  const names = signedHeaders.toLowerCase().split(";");
  const dateName = names.find((name) => name === "x-ms-date" || name === "date");
  if (!dateName || !names.includes("host") || !names.includes("x-ms-content-sha256")) return denied; // [assumed]

  // The Java SDK signs the host without its port. [source]
  const host = headers.host ?? "";
  const isSigned = [host, host.replace(/:\d+$/, "")].some((signedHost) => {
    const values = names.map((name) => (name === "host" ? signedHost : headers[name]));
    const text = `${method}\n${path}${query}\n${values.join(";")}`;
    return signature === createHmac("sha256", Buffer.from(accessKey, "base64")).update(text).digest("base64");
  });
  if (!isSigned) return denied;
  const isInTime = Math.abs(Date.parse(headers[dateName] ?? "") - Date.now()) <= clockMargin;
  return isInTime ? undefined : rejection(401, "Denied", clockMessage);
}

/**
 * Issues a token of Microsoft Entra ID. It is valid for an hour and opaque, unlike a real one.
 * @param resource The audience of the token.
 * @param now The time in milliseconds since 1970.
 * @returns The response of App Service's managed-identity endpoint, which DefaultAzureCredential can use on loopback.
 */
export function signIn(resource: string, now = Date.now()) {
  const expires = Math.round(now / 1000) + 3600;
  const claims = Buffer.from(JSON.stringify({ resource, expires })).toString("base64url");
  const token = `${claims}.${entraSignature(claims)}`;
  return { access_token: token, expires_on: String(expires), resource, token_type: "Bearer" };
}

function isEntraToken(token: string): boolean {
  const [claims = "", signature] = token.split(".");
  if (signature !== entraSignature(claims)) return false;
  const { resource, expires } = JSON.parse(Buffer.from(claims, "base64url").toString());
  return resource.replace(/\/$/, "") === audience && Date.now() < expires * 1000;
}

function entraSignature(claims: string): string {
  return createHmac("sha256", entraKey).update(claims).digest("base64url");
}
