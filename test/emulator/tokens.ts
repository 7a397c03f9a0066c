// Access tokens in the format of the service.

import { randomBytes } from "node:crypto";

const thumbprint = randomBytes(20); // of the certificate of a signing key, which the emulator doesn't have

/**
 * Issues an access token, a JWT that follows the newest published sample. Microsoft says that the format can change. In
 * place of a signature, it has random bytes of the same length, so no two tokens are alike.
 * @param identity The ID of the identity, which contains the GUID of its resource.
 * @param minutes The lifetime.
 * @param now The time in milliseconds since 1970, with a fraction.
 * @returns The token and its expiration time, as the service returns them. The claims have this time rounded to the
 * nearest second, and the lifetime as the difference. [inferred]
 */
export function issueToken(identity: string, scopes: string[], minutes: number, now = growingTime()) {
  const iat = Math.round(now / 1000);
  const exp = iat + minutes * 60;
  const expiresOn = serviceTime(now + minutes * 60_000);
  const kid = thumbprint.toString("hex").toUpperCase();
  const header = { alg: "RS256", kid, x5t: thumbprint.toString("base64url"), typ: "JWT" };
  const claims = {
    skypeid: identity.replace(/^8:/, ""),
    scp: 1792,
    csi: String(iat),
    exp,
    rgn: "amer",
    acsScope: scopes.join(","),
    resourceId: /^8:acs:([^_]+)/.exec(identity)?.[1],
    resourceLocation: "unitedstates",
    iat,
  };
  const parts = [...[header, claims].map((part) => Buffer.from(JSON.stringify(part))), randomBytes(256)];
  return { token: parts.map((part) => part.toString("base64url")).join("."), expiresOn };
}

let latest = 0;

/** Returns the time in milliseconds since 1970. It's later on each call, so that a refreshed token expires later. */
function growingTime(): number {
  latest = Math.max(Date.now() + (performance.now() % 1), latest + 0.001);
  return latest;
}

/**
 * Formats a time, in milliseconds since 1970, as the service does: with up to seven fractional digits, without trailing
 * zeros, and the offset +00:00. [recorded]
 */
function serviceTime(time: number): string {
  const digits = String(Math.floor((time % 1000) * 10_000))
    .padStart(7, "0")
    .replace(/0+$/, "");
  return `${new Date(time).toISOString().slice(0, 19)}${digits && `.${digits}`}+00:00`;
}
