#!/usr/bin/env bash
# A sign-in that fails in the background can end a server whose calls all succeeded.
# Versions: @azure/communication-identity 1.3.1, @azure/identity 4.13.1, @azure/core-rest-pipeline 1.24.0, Node 20. It
# is the same with @azure/identity 4.14.1 and core-rest-pipeline 1.25.1 on Node 22, and on Bun 1.4.5 and Deno 2.9.6.
# One would expect that a failed sign-in to Entra ID rejects the call that needs it, and that try/catch there is
# enough.
# In fact, a call within the last two minutes of the sign-in's token doesn't wait, and starts a refresh that nobody
# awaits. The refresh repeats every 3 seconds. If it fails until the token has expired, it rejects with no call in
# progress. Without a handler for unhandledRejection, Node ends with 1. After this rejection, the next call signs in
# again.
# It matters to each server that issues ACS tokens with Entra ID: an outage of the sign-in ends the process.
# In this example, the token is valid for 4 seconds instead of hours. A managed identity's endpoint runs on loopback.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "type": "module" }' > package.json
npm install --silent --no-audit --no-fund @azure/communication-identity@1.3.1 @azure/identity@4.13.1 \
  @azure/core-rest-pipeline@1.24.0
export NO_PROXY=localhost,127.0.0.1 # The clients would send even these requests to a proxy.

cat > server.js <<'JS'
import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { CommunicationIdentityClient } from "@azure/communication-identity";
import { DefaultAzureCredential } from "@azure/identity";

const seen = [];
let healthy = true;
const signIn = createServer((request, response) => {
  response.writeHead(healthy ? 200 : 400, { "Content-Type": "application/json" });
  const token = { access_token: "dummy", expires_on: `${Math.floor(Date.now() / 1000) + 4}`, token_type: "Bearer" };
  response.end(JSON.stringify(healthy ? token : { message: "Out of order." }));
}).listen(0, "127.0.0.1");
await once(signIn, "listening");
Object.assign(process.env, { AZURE_TOKEN_CREDENTIALS: "ManagedIdentityCredential", IDENTITY_HEADER: "dummy" });
process.env.IDENTITY_ENDPOINT = `http://127.0.0.1:${signIn.address().port}/`;

// Stands in for ACS, which accepts each token.
const body = '{"identity":{"id":"8:acs:dummy"}}';
const respond = (request) => ({ request, status: 201, headers: request.headers, bodyAsText: body });
const httpClient = { sendRequest: async (request) => respond(request) };
const client = new CommunicationIdentityClient("https://localhost/", new DefaultAzureCredential(), { httpClient });
const call = async () => {
  try {
    await client.createUser();
    seen.push("created");
  } catch (error) {
    seen.push(`caught ${error.name}`);
  }
};

const rejected = once(process, "unhandledRejection");
await call();
healthy = false;
await call();
const [error] = await Promise.race([rejected, wait(30_000, [{ name: "nothing within 30 seconds" }])]);
seen.push(`unhandled rejection: ${error.name}`);
healthy = true;
await call();
console.log(seen.join(", "));
process.exit();
JS

seen=$(node server.js)
expected='created, created, unhandled rejection: AggregateAuthenticationError, created'
echo "Node $(node --version): $seen"
[ "$seen" = "$expected" ] || { echo "This changed. Expected: $expected" >&2; exit 1; }
