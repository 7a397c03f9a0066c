// The same seven requests without an SDK: fetch and an HMAC. This is the floor.

import { createHash, createHmac } from "node:crypto";

const [, endpoint, key] = /^endpoint=(.*);accesskey=(.*)$/.exec(process.env.COMMUNICATION_SERVICES_CONNECTION_STRING!)!;

async function call(method: string, path: string, body = "") {
  const url = new URL(`identities${path}?api-version=2023-10-01`, endpoint);
  const date = new Date().toUTCString();
  const hash = createHash("sha256").update(body).digest("base64");
  const text = `${method}\n${url.pathname}${url.search}\n${date};${url.host};${hash}`;
  const signature = createHmac("sha256", Buffer.from(key!, "base64")).update(text).digest("base64");
  const Authorization = `HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=${signature}`;
  const headers = { "Content-Type": "application/json", "x-ms-date": date, "x-ms-content-sha256": hash, Authorization };
  const response = await fetch(url, { method, headers, ...(body && { body }) });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`);
  return response.status === 204 ? undefined : ((await response.json()) as any);
}

const first = `/${(await call("POST", "")).identity.id}`;
console.log((await call("POST", `${first}/:issueAccessToken`, '{"scopes":["voip"]}')).token);
const second = await call("POST", "", '{"createTokenWithScopes":["voip"]}');
console.log(second.accessToken.token);
console.log((await call("POST", `${first}/:issueAccessToken`, '{"scopes":["voip"]}')).token);
await call("POST", `${first}/:revokeAccessTokens`);
await call("DELETE", first);
await call("DELETE", `/${second.identity.id}`);
