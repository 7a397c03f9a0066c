#!/usr/bin/env bash
# After a 429, Python's client retries a delete but not a create, unless the wait is given in whole seconds.
#
# Versions: azure-communication-identity 1.5.0 with azure-core 1.41.0, beside @azure/communication-identity 1.3.1.
#
# Azure's services can say how long to wait with Retry-After, in seconds, or with retry-after-ms or
# x-ms-retry-after-ms, and azure-core reads all three. One would expect a 429 with any of them to be retried, for each
# of the client's methods, as in JavaScript.
#
# Python asks two questions: whether to retry, and how long to wait. The second one knows the three headers, the first
# one only Retry-After. Without that, a POST is retried after 500, 503, and 504, not after 429; a DELETE is. So
# create_user() fails at once when the rate limit is reached (get_token() and revoke_tokens() are POSTs, too), and
# delete_user() waits for as long as it was told.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check azure-communication-identity==1.5.0 azure-core==1.41.0
npm install --silent --no-fund --no-audit @azure/communication-identity@1.3.1 >npm.log
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout key.pem -out cert.pem -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost 2>openssl.log
cat > try.mjs <<'JS'
import { CommunicationIdentityClient } from "@azure/communication-identity";
const client = new CommunicationIdentityClient(process.env.CONNECTION);
for (const call of [() => client.createUser(), () => client.deleteUser({ communicationUserId: "8:acs:somebody" })])
  await call().catch(() => {});
JS
cat > try.py <<'PY'
import base64, http.server, os, ssl, subprocess, sys, threading
from azure.communication.identity import CommunicationIdentityClient, CommunicationUserIdentifier
from azure.core.exceptions import HttpResponseError

class Service(http.server.BaseHTTPRequestHandler):
    """Answers each first request of a kind with 429 and the header, the next one as the service does."""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"] or 0))
        tries[self.command] = tries.get(self.command, 0) + 1
        limited = tries[self.command] == 1
        body = b"" if limited or self.command == "DELETE" else b'{"identity":{"id":"8:acs:somebody"}}'
        self.send_response(429 if limited else 204 if self.command == "DELETE" else 201)
        if limited:
            self.send_header(*header)
        if body:
            self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_DELETE = do_POST

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain("cert.pem", "key.pem")
server.socket = tls.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
connection = f"endpoint=https://localhost:{server.server_port};accesskey={base64.b64encode(bytes(64)).decode()}"

def python():
    client = CommunicationIdentityClient.from_connection_string(connection)
    for call in (client.create_user, lambda: client.delete_user(CommunicationUserIdentifier("8:acs:somebody"))):
        try:
            call()
        except HttpResponseError:
            pass

def javascript():
    environment = {**os.environ, "CONNECTION": connection, "NODE_EXTRA_CA_CERTS": "cert.pem"}
    subprocess.run(["node", "try.mjs"], env=environment, check=True)

seen = []
for header in (("Retry-After", "1"), ("retry-after-ms", "1000"), ("x-ms-retry-after-ms", "1000")):
    for client in (python, javascript):
        tries = {}
        client()
        seen.append((tries["POST"], tries["DELETE"]))
        print(f"{header[0]:20} {client.__name__:10} requests: create {tries['POST']}, delete {tries['DELETE']}")
expected = [(2, 2), (2, 2), (1, 2), (2, 2), (1, 2), (2, 2)]
if seen != expected:
    sys.exit(f"This has changed; it was {expected}")
PY
REQUESTS_CA_BUNDLE=cert.pem venv/bin/python try.py
