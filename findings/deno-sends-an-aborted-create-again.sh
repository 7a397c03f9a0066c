#!/usr/bin/env bash
# Under Deno, aborting a create sends it a second time.
# Versions: @azure/communication-identity 1.3.1, Deno 2.9.6 (2.7.14 as well), compared with Node 20 and Bun 1.4.5.
# One would expect that an abort ends the request, and that at most the one identity remains that the service was
# creating.
# On Node and Bun, it is so. In Deno, node:https takes an abort on a reused connection for a stale connection, and
# sends the POST again on a new one, after createUser has rejected with AbortError. Both have the same
# x-ms-client-request-id. The SDK doesn't know: maxRetries is 0 here, and a time limit (requestOptions.timeout) does
# the same as the abort.
# It matters because the service creates an identity for each POST, nothing lists identities, and both IDs are lost.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "type": "module" }' > package.json
npm install --silent --no-audit --no-fund @azure/communication-identity@1.3.1 selfsigned@5.5.0 deno@2.9.6 bun@1.4.5
export NO_PROXY=localhost,127.0.0.1 # The clients would send even these requests to a proxy.
export DENO_DIR="$folder/deno" DENO_NO_UPDATE_CHECK=1

cat > abort.js <<'JS'
import { once } from "node:events";
import { createServer } from "node:https";
import process from "node:process";
import { setTimeout as wait } from "node:timers/promises";
import { CommunicationIdentityClient } from "@azure/communication-identity";
import { generate } from "selfsigned";

const names = [{ name: "commonName", value: "localhost" }];
const { private: key, cert } = await generate(names, { algorithm: "sha256" });
const ids = [];
// Responds to the first create at once, and to the others after 2 seconds, as a busy service does.
const service = createServer({ key, cert }, async (request, response) => {
  const number = ids.push(request.headers["x-ms-client-request-id"]);
  if (number > 1) await wait(2000);
  response.writeHead(201, { "Content-Type": "application/json" }).end(`{"identity":{"id":"8:acs:${number}"}}`);
}).listen(0, "127.0.0.1");
await once(service, "listening");

const connectionString = `endpoint=https://localhost:${service.address().port}/;accesskey=${btoa("\0".repeat(64))}`;
const options = { tlsOptions: { ca: cert }, retryOptions: { maxRetries: 0 } };
const client = new CommunicationIdentityClient(connectionString, options);
await client.createUser();
const result = await client.createUser({ abortSignal: AbortSignal.timeout(500) }).catch((error) => error.name);
await wait(1500);
console.log(`${result}, POSTs ${ids.length}, different request IDs ${new Set(ids).size}`);
process.exit();
JS

changed=0
check() {
  local name=$1 expected=$2
  shift 2
  seen=$("$@" abort.js)
  echo "$name: $seen"
  [ "$seen" = "$expected" ] || { echo "This changed. Expected: $expected" >&2; changed=1; }
}
check "Node $(node --version)" 'AbortError, POSTs 2, different request IDs 2' node
check "Bun 1.4.5" 'AbortError, POSTs 2, different request IDs 2' node_modules/.bin/bun
check "Deno 2.9.6" 'AbortError, POSTs 3, different request IDs 2' node_modules/.bin/deno run --allow-all --cached-only
exit "$changed"
