#!/usr/bin/env bash
# Python's get_token() returns an AccessToken whose expires_on is text, so it can't serve as a token_refresher.
#
# Versions: azure-communication-identity 1.5.0 (1.4.0 and 1.3.1 do the same), azure-communication-chat 1.3.0.
#
# CommunicationTokenCredential wants a token_refresher that returns an AccessToken.
# CommunicationIdentityClient.get_token() is documented to return just that, and the class is the same. One would
# expect token_refresher=lambda: client.get_token(user, scopes) to work.
#
# The client puts the JSON's text into expires_on, which the class declares as an int (seconds since 1970). The
# credential compares it with the clock, and raises a TypeError after the service has issued the token.
#
# Nothing shows on the first day: the refresher isn't called until 2 minutes before the first token ends. From then on,
# each call issues a token, which counts against the rate limit, and throws it away. AccessToken(t.token, seconds) with
# seconds of one's own works.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check azure-communication-identity==1.5.0 azure-communication-chat==1.3.0
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout key.pem -out cert.pem -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost 2>openssl.log
cat > try.py <<'PY'
import base64, http.server, json, ssl, sys, threading, time
from datetime import datetime, timedelta, timezone
from importlib.metadata import version
from azure.communication.chat import CommunicationTokenCredential
from azure.communication.identity import CommunicationIdentityClient, CommunicationUserIdentifier
from azure.core.credentials import AccessToken

issued = 0

class Service(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        global issued
        issued += 1
        self.rfile.read(int(self.headers["content-length"]))
        in_a_day = datetime.now(timezone.utc) + timedelta(days=1)
        body = json.dumps({"token": jwt(86400), "expiresOn": in_a_day.isoformat()}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

def jwt(seconds):
    encode = lambda part: base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
    return ".".join([encode({"alg": "RS256"}), encode({"exp": int(time.time()) + seconds}), "signature"])

def attempt(credential):
    try:
        return f"a token until {type(credential.get_token().expires_on).__name__}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain("cert.pem", "key.pem")
server.socket = tls.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()

key = base64.b64encode(bytes(64)).decode()
client = CommunicationIdentityClient.from_connection_string(
    f"endpoint=https://localhost:{server.server_port};accesskey={key}")
user = CommunicationUserIdentifier("8:acs:somebody")
refresher = lambda: client.get_token(user, ["chat"])

first_day = attempt(CommunicationTokenCredential(jwt(82800), token_refresher=refresher))
requests_first_day = issued
last_minute = CommunicationTokenCredential(jwt(60), token_refresher=refresher)
seen = [first_day, requests_first_day, attempt(last_minute), attempt(last_minute), issued]
own_seconds = CommunicationTokenCredential(
    jwt(60), token_refresher=lambda: AccessToken(refresher().token, int(time.time()) + 86400))
seen.append(attempt(own_seconds))
refused = "TypeError: '<' not supported between instances of 'int' and 'str'"
expected = ["a token until int", 0, refused, refused, 2, "a token until int"]

print("azure-communication-identity", version("azure-communication-identity"))
print("get_token() returns:     ", type(refresher()).__name__)
print("23 hours left:           ", seen[0], "-", seen[1], "tokens issued")
print("1 minute left, 1st call: ", seen[2])
print("1 minute left, 2nd call: ", seen[3], "-", seen[4], "tokens issued")
print("own number of seconds:   ", seen[5])
if seen != expected:
    sys.exit(f"This has changed; it was {expected}")
PY
REQUESTS_CA_BUNDLE=cert.pem venv/bin/python try.py
