// Access tokens in the format of the service.

import { createHash, generateKeyPair, randomInt, sign } from "node:crypto";
import { promisify } from "node:util";

// Shared by all emulators of a process. Generating takes up to half a second: only the first token waits for it.
const signingKeys = promisify(generateKeyPair)("rsa", { modulusLength: 2048 });

/**
 * Issues an access token, a JWT that follows the newest published sample. Microsoft says that the format can change.
 * @param identity The ID of the identity, which contains the GUID of its resource.
 * @param minutes The lifetime.
 * @param now The time in milliseconds since 1970.
 * @returns The token and its expiration time, as the service returns them.
 */
export async function issueToken(identity: string, scopes: string[], minutes: number, now = Date.now()) {
  const { privateKey, publicKey } = await signingKeys;
  const iat = Math.floor(now / 1000);
  const exp = iat + minutes * 60;
  // `exp` is `expiresOn` rounded to the nearest second [inferred]: `expiresOn` stays in the first half of a second.
  const expiresOn = serviceTime(exp * 1000 + Math.min(now % 1000, 499));

  const thumbprint = createHash("sha1").update(publicKey.export({ type: "spki", format: "der" }));
  const kid = thumbprint.copy().digest("hex").toUpperCase();
  const header = { alg: "RS256", kid, x5t: thumbprint.digest("base64url"), typ: "JWT" };
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
  const content = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  const signature = sign("RSA-SHA256", Buffer.from(content), privateKey).toString("base64url");
  return { token: `${content}.${signature}`, expiresOn };
}

/**
 * Formats a time, in milliseconds since 1970, as the service does: up to seven fractional digits without trailing
 * zeros, and the offset +00:00. [recorded] The last four digits are random.
 */
function serviceTime(milliseconds: number): string {
  const digits = String(randomInt(10_000)).padStart(4, "0");
  const time = new Date(milliseconds).toISOString().replace("Z", digits);
  return `${time.replace(/\.?0+$/, "")}+00:00`;
}
