#!/usr/bin/env bash
# How long the JavaScript clients wait after a 429: maxRetryDelayInMs doesn't limit it, and a very long wait is none
# at all.
# Versions: @azure/communication-identity 1.3.1, @azure/core-rest-pipeline 1.24.0, Node 20. Bun 1.4.5 and Deno 2.9.6
# don't wait for 30 days either.
# One would expect that this option, the maximum of a delay by its name, caps the Retry-After of the service, and that
# a client that is told to come back in 30 days gives up, or seems to hang.
# In fact, the option only caps the SDK's own delays. Retry-After is waited for in silence, however long it is, up to
# 24.8 days. From there on, its milliseconds don't fit into a timer's 32 bits: the timer fires after 1 ms, and the
# client sends all its tries in a row, to a service that asked for the longest pause. A far date has the same effect
# as a number of seconds.
# It matters to somebody who issues tokens in a request of their own users: only maxRetries: 0 or an abort signal limits
# the wait.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "type": "module" }' > package.json
npm install --silent --no-audit --no-fund @azure/communication-identity@1.3.1 @azure/core-rest-pipeline@1.24.0 \
  selfsigned@5.5.0
export NO_PROXY=localhost,127.0.0.1 # The clients would send even these requests to a proxy.

cat > wait.js <<'JS'
import { once } from "node:events";
import { createServer } from "node:https";
import { CommunicationIdentityClient } from "@azure/communication-identity";
import { generate } from "selfsigned";

const names = [{ name: "commonName", value: "localhost" }];
const { private: key, cert } = await generate(names, { algorithm: "sha256" });
let retryAfter, requests;
const service = createServer({ key, cert }, (request, response) => {
  requests++;
  response.writeHead(429, { "Content-Type": "application/json", "Retry-After": retryAfter });
  response.end('{"error":{"code":"TooManyRequests","message":"Later."}}');
}).listen(0, "127.0.0.1");
await once(service, "listening");

const endpoint = `https://localhost:${service.address().port}/`;
const key64 = Buffer.alloc(64).toString("base64");
const options = { tlsOptions: { ca: cert }, retryOptions: { maxRetries: 3, maxRetryDelayInMs: 100 } };
const client = new CommunicationIdentityClient(`endpoint=${endpoint};accesskey=${key64}`, options);
const day = 24 * 60 * 60;
for (const [name, value] of [
  ["2 seconds", "2"],
  ["30 days", String(30 * day)],
  ["a date in 30 days", new Date(Date.now() + 30 * day * 1000).toUTCString()],
]) {
  [retryAfter, requests] = [value, 0];
  const start = performance.now();
  const { statusCode } = await client.createUser().catch((error) => error);
  const time = performance.now() - start < 5900 ? "less than 6 seconds" : "6 seconds or more";
  console.log(`${name}: ${statusCode} after ${requests} requests in ${time}`);
}
process.exit();
JS

seen=$(node --no-warnings wait.js)
expected='2 seconds: 429 after 4 requests in 6 seconds or more
30 days: 429 after 4 requests in less than 6 seconds
a date in 30 days: 429 after 4 requests in less than 6 seconds'
echo "Node $(node --version):"
echo "$seen"
[ "$seen" = "$expected" ] || { echo "This changed. Expected: $expected" >&2; exit 1; }
