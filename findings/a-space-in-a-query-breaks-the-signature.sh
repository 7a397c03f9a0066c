#!/usr/bin/env bash
# The JavaScript clients sign another query than they send, if it contains a space.
# Versions: @azure/communication-phone-numbers 1.5.0 with @azure/communication-common 2.4.2 (2.2.0 to 2.5.0 are the
# same), Node 20.
# One would expect that a client signs the path and the query as it sends them.
# In fact, the policy signs the query after URLSearchParams has rewritten it: a space, sent as %20, is signed as +.
# The same goes for ~, (, ), :, @, and commas that aren't encoded. The path is signed as it is sent. A service that
# verifies the bytes that arrive (as this one does) accepts California and rejects New York with 401.
# It matters because such a 401 points at the access key, which is correct, and because the clients of ACS share this
# policy. The calls for identities and tokens aren't affected: their only query parameter is the API version.
# Whether the real service forgives it isn't documented; somebody who writes an emulator or a gateway has to choose.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "type": "module" }' > package.json
npm install --silent --no-audit --no-fund @azure/communication-phone-numbers@1.5.0 \
  @azure/communication-common@2.4.2 selfsigned@5.5.0
export NO_PROXY=localhost,127.0.0.1 # The clients would send even these requests to a proxy.

cat > search.js <<'JS'
import { createHash, createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:https";
import { buffer } from "node:stream/consumers";
import { PhoneNumbersClient } from "@azure/communication-phone-numbers";
import { generate } from "selfsigned";

const names = [{ name: "commonName", value: "localhost" }];
const { private: key, cert } = await generate(names, { algorithm: "sha256" });
const accessKey = Buffer.alloc(64);
let query;
const service = createServer({ key, cert }, async (request, response) => {
  const hash = createHash("sha256").update(await buffer(request)).digest("base64");
  const text = `${request.method}\n${request.url}\n${request.headers["x-ms-date"]};${request.headers.host};${hash}`;
  const signature = createHmac("sha256", accessKey).update(text).digest("base64");
  query = /administrativeDivision=[^&]*/.exec(request.url)[0];
  const valid = request.headers.authorization.endsWith(`&Signature=${signature}`);
  response.writeHead(valid ? 200 : 401, { "Content-Type": "application/json" });
  response.end(valid ? '{"phoneNumberLocalities":[]}' : '{"error":{"code":"Denied","message":"Denied."}}');
}).listen(0, "127.0.0.1");
await once(service, "listening");

const endpoint = `https://localhost:${service.address().port}/`;
const connectionString = `endpoint=${endpoint};accesskey=${accessKey.toString("base64")}`;
const client = new PhoneNumbersClient(connectionString, { tlsOptions: { ca: cert } });
for (const administrativeDivision of ["California", "New York", "Québec"]) {
  const next = client.listAvailableLocalities("US", { administrativeDivision }).next();
  const result = await next.then(() => "accepted", (error) => `${error.statusCode} ${error.code}`);
  console.log(`${query}: ${result}`);
}
process.exit();
JS

seen=$(node search.js)
expected='administrativeDivision=California: accepted
administrativeDivision=New%20York: 401 Denied
administrativeDivision=Qu%C3%A9bec: accepted'
echo "Node $(node --version):"
echo "$seen"
[ "$seen" = "$expected" ] || { echo "This changed. Expected: $expected" >&2; exit 1; }
