#!/usr/bin/env bash
# In the last second of a token, Python's credential refreshes a hundred times and more if it's handed the same token
# again.
#
# Versions: Python's azure-communication-chat 1.3.0, beside JavaScript's @azure/communication-common 2.4.2.
#
# A backend can cache a user's token until it expires: that spares the service's rate limit. With
# proactive_refresh=True, both credentials refresh at half of what is left once a token is in its last 10 minutes. One
# would expect a handful of requests that end with the token: 5 seconds are halved some ten times.
#
# JavaScript does that. Python counts in whole seconds, and half of 1 second is 0: through the last second it starts a
# thread and a refresh as soon as the last one is done, as fast as the backend can respond. All clients of a user whose
# token is cached do so at the same time. A backend that caches has to stop some minutes before the end of the token.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check azure-communication-chat==1.3.0
npm install --silent --no-fund --no-audit @azure/communication-common@2.4.2 >npm.log
cat > try.py <<'PY'
import base64, json, sys, threading, time
from azure.communication.chat import CommunicationTokenCredential
from azure.core.credentials import AccessToken

end = int(time.time()) + 6
payload = base64.urlsafe_b64encode(json.dumps({"exp": end}).encode()).decode().rstrip("=")
cached = AccessToken(f"e30.{payload}.signature", end)
moments = []

def backend():
    moments.append(end - time.time())
    time.sleep(0.005)
    return cached

# The last refresh finds that the token has expired, and says so in its thread.
threading.excepthook = lambda args: print(f"at the end: {args.exc_value}", file=sys.stderr)
with CommunicationTokenCredential(cached.token, token_refresher=backend, proactive_refresh=True):
    time.sleep(7)
print(len([left for left in moments if left > 1.01]), len([left for left in moments if left <= 1.01]))
PY
cat > try.mjs <<'JS'
import { AzureCommunicationTokenCredential } from "@azure/communication-common";
const end = Math.floor(Date.now() / 1000) + 6;
const token = `e30.${Buffer.from(JSON.stringify({ exp: end })).toString("base64url")}.signature`;
const moments = [];
const tokenRefresher = async () => {
  moments.push(end - Date.now() / 1000);
  await new Promise((resolve) => setTimeout(resolve, 5));
  return token;
};
// The last refresh finds that the token has expired, and nothing can catch that.
process.on("unhandledRejection", (error) => console.error(`at the end: ${error.message}`));
const credential = new AzureCommunicationTokenCredential({ tokenRefresher, token, refreshProactively: true });
await new Promise((resolve) => setTimeout(resolve, 7000));
credential.dispose();
console.log(moments.filter((left) => left > 1.01).length, moments.filter((left) => left <= 1.01).length);
JS
read -r python_before python_last <<<"$(venv/bin/python try.py)"
read -r js_before js_last <<<"$(node try.mjs)"
echo "Python:     $python_before refreshes, then $python_last in the last second"
echo "JavaScript: $js_before refreshes, then $js_last in the last second"
# A busy machine has time for fewer refreshes in this second, but still for more than JavaScript's.
test "$python_before" -le 4 && test "$python_last" -gt $((2 * js_last)) && test "$js_last" -le 12 ||
  { echo "This has changed: Python refreshed more than twice as often as JavaScript in the last second."; exit 1; }
