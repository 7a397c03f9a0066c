#!/usr/bin/env bash
# After one 429 from Entra ID, a credential rejects each sign-in for a minute, without asking Entra ID again.
# Versions: @azure/identity 4.13.1 with @azure/msal-node 5.6.0 on Node 20, 4.14.1 with msal-node 7.2.3 on Node 22.
# One would expect that the next call of getToken sends a request, and succeeds as soon as Entra ID is back.
# In fact, the MSAL library keeps a 429, or a 5xx that is left after the retries, for as long as Retry-After says, or
# for 60 seconds. Until then, it responds from memory, with the description of the old response, and with an empty
# error code. The block belongs to the credential: another one, with the same settings, signs in at once.
# It matters to a server that issues ACS tokens: it keeps one credential, so if it gets a single 429 when it has to sign
# in, it issues no token for a minute, and its own retries can't help. That a new process can sign in proves nothing.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "type": "module" }' > package.json
npm install --silent --no-audit --no-fund @azure/identity@4.13.1 selfsigned@5.5.0
export NO_PROXY=localhost,127.0.0.1 # The clients would send even these requests to a proxy.

cat > sign-in.js <<'JS'
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:https";
import { setTimeout as wait } from "node:timers/promises";
import { ClientSecretCredential } from "@azure/identity";
import { generate } from "selfsigned";

const names = [{ name: "commonName", value: "localhost" }];
const { private: key, cert } = await generate(names, { algorithm: "sha256" });
const [tenant, clientId] = [randomUUID(), randomUUID()];
let requests = 0;
const entra = createServer({ key, cert }, (request, response) => {
  const base = `${authorityHost}/${tenant}`;
  const endpoint = (name) => [`${name}_endpoint`, `${base}/${name}`];
  const endpoints = Object.fromEntries(["authorization", "token", "end_session"].map(endpoint));
  const metadata = { issuer: `${base}/v2.0`, jwks_uri: `${base}/keys`, ...endpoints };
  const busy = { error: "temporarily_unavailable", error_description: "busy" };
  const token = { token_type: "Bearer", expires_in: 3600, access_token: "dummy" };
  const isToken = request.method === "POST" && Boolean(++requests);
  response.writeHead(isToken && requests === 1 ? 429 : 200, { "Content-Type": "application/json" });
  response.end(JSON.stringify(!isToken ? metadata : requests === 1 ? busy : token));
}).listen(0, "127.0.0.1");
await once(entra, "listening");
const authorityHost = `https://localhost:${entra.address().port}`;

const options = { authorityHost, disableInstanceDiscovery: true, tlsOptions: { ca: cert } };
const create = () => new ClientSecretCredential(tenant, clientId, "dummy", options);
const signIn = (credential) =>
  credential.getToken("https://communication.azure.com//.default").then(
    () => `signed in (request ${requests})`,
    (error) => `${error.message.includes("busy") ? "busy" : error.message} (request ${requests})`,
  );
const credential = create();
const seen = [await signIn(credential)];
for (const seconds of [1, 4]) {
  await wait(seconds * 1000);
  seen.push(await signIn(credential));
}
seen.push(`another credential: ${await signIn(create())}`, await signIn(credential));
console.log(seen.join(", "));
process.exit();
JS

seen=$(node sign-in.js)
expected='busy (request 1), busy (request 1), busy (request 1)'
expected+=', another credential: signed in (request 2), busy (request 2)'
echo "Node $(node --version): $seen"
[ "$seen" = "$expected" ] || { echo "This changed. Expected: $expected" >&2; exit 1; }
