#!/usr/bin/env bash
# Python's proactive_refresh=True does nothing without a with block, and a with block closes only a proactive
# credential.
#
# Versions: azure-communication-chat 1.3.0, beside JavaScript's @azure/communication-common 2.4.2.
#
# The docstring says that a proactive credential "must be either run within a context manager or the 'close' method
# must be called once the object usage has been finished". One would expect with to be for tidying up:
# proactive_refresh=True alone refreshes ahead of time, as refreshProactively does in JavaScript, and after the block
# no credential gives tokens anymore.
#
# Neither is so. __enter__ starts the timer; without it, nothing happens until somebody calls get_token() in the last
# 10 minutes, and that caller waits for the refresh, which is what the parameter was meant to avoid. And a credential
# with a token_refresher alone goes on issuing tokens after its with block: close() is heeded only by proactive ones.
# In JavaScript dispose() ends both.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check azure-communication-chat==1.3.0
npm install --silent --no-fund --no-audit @azure/communication-common@2.4.2 >npm.log
cat > try.py <<'PY'
import base64, json, threading, time
from azure.communication.chat import CommunicationTokenCredential
from azure.core.credentials import AccessToken

def jwt(seconds):
    payload = json.dumps({"exp": int(time.time()) + seconds}).encode()
    return f"e30.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.signature"

def refresh():
    refreshes.append(threading.current_thread() is threading.main_thread())
    return AccessToken(jwt(86400), int(time.time()) + 86400)

refreshes = []
credential = CommunicationTokenCredential(jwt(8), token_refresher=refresh, proactive_refresh=True)
time.sleep(5)
print(f"Python, proactive, no with: {len(refreshes)} refreshes in the background")
credential.get_token()
print(f"Python, then get_token(): the caller waited for it: {refreshes == [True]}")
credential.close()

refreshes = []
with CommunicationTokenCredential(jwt(8), token_refresher=refresh, proactive_refresh=True):
    time.sleep(5)
print(f"Python, proactive, with: {len(refreshes)} refreshes in the background")

for proactive in (True, False):
    refreshes = []
    with CommunicationTokenCredential(jwt(-1), token_refresher=refresh, proactive_refresh=proactive) as credential:
        pass
    try:
        credential.get_token()
        print(f"Python, proactive={proactive}, after with: a new token")
    except RuntimeError:
        print(f"Python, proactive={proactive}, after with: RuntimeError")
PY
cat > try.mjs <<'JS'
import { AzureCommunicationTokenCredential } from "@azure/communication-common";
const payload = (seconds) => JSON.stringify({ exp: Math.floor(Date.now() / 1000) + seconds });
const jwt = (seconds) => `e30.${Buffer.from(payload(seconds)).toString("base64url")}.signature`;
let refreshes = 0;
const tokenRefresher = async () => (refreshes++, jwt(86400));
const proactive = new AzureCommunicationTokenCredential({ tokenRefresher, token: jwt(8), refreshProactively: true });
await new Promise((resolve) => setTimeout(resolve, 5000));
proactive.dispose();
console.log(`JavaScript, proactive: ${refreshes} refreshes in the background`);
const onDemand = new AzureCommunicationTokenCredential({ tokenRefresher, token: jwt(-1) });
onDemand.dispose();
console.log(`JavaScript, on demand, after dispose(): ${await onDemand.getToken().then(() => "a new token", String)}`);
JS
seen=$(venv/bin/python try.py; node try.mjs)
echo "$seen"
expected='Python, proactive, no with: 0 refreshes in the background
Python, then get_token(): the caller waited for it: True
Python, proactive, with: 1 refreshes in the background
Python, proactive=True, after with: RuntimeError
Python, proactive=False, after with: a new token
JavaScript, proactive: 1 refreshes in the background
JavaScript, on demand, after dispose(): Error: User credential is disposed'
test "$seen" = "$expected" || { echo "This has changed; it was:"; echo "$expected"; exit 1; }
