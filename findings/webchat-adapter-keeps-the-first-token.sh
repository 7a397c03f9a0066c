#!/usr/bin/env bash
# Web Chat's adapter for ACS sends the token it was made with, also after the credential has a newer one.
#
# Versions: acs_webchat-chat-adapter 0.0.35-beta.30.1, jsdom 26.1.0.
#
# createACSAdapter takes a token and, as an option, a ready ChatClient. One would pass a ChatClient whose credential
# refreshes itself, and expect that the token isn't looked at any more. Yet with enableLeaveThreadOnWindowClosed, the
# request that leaves the thread when the window closes isn't made by the ChatClient. It carries the token of the
# start as it is, so that in a window that has been open for longer than the token lives, it arrives with a token
# that has expired, and nobody notices. The request also has an api-version of 2020 (the chat client 1.6.0 sends
# 2025-03-15), and two slashes where the endpoint ends with one, as it does in a connection string.
# The token can't be left out either: without one, the adapter makes a credential of it all the same, reports an
# error, never opens, and leaves an unhandled rejection that names "chatClient" instead of the token.
# Issue tokens for it that are valid for as long as a window might stay open, or remove participants on a server.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y > /dev/null
npm install --silent --no-audit --no-fund --ignore-scripts acs_webchat-chat-adapter@0.0.35-beta.30.1 jsdom@26.1.0 \
  @azure/communication-common@2.4.2

cat > run.cjs <<'END'
const { setTimeout: wait } = require("node:timers/promises");
const { AzureCommunicationTokenCredential } = require("@azure/communication-common");
const { JSDOM } = require("jsdom");
const { window } = new JSDOM("", { url: "https://localhost/" });
globalThis.window = globalThis.self = window;
globalThis.document = window.document;
const { createACSAdapter } = require("acs_webchat-chat-adapter");

const encode = (part) => Buffer.from(JSON.stringify(part)).toString("base64url");
function issue(name, seconds) {
  const claims = { skypeid: "acs:a_b", exp: Math.floor(Date.now() / 1000) + seconds };
  return [{ alg: "RS256", name }, claims, {}].map(encode).join(".");
}
const nameOf = (token) => JSON.parse(Buffer.from(token.split(".")[0], "base64url")).name;

const first = process.argv[2] === "without" ? "" : issue("the first", 1);
const credential = new AzureCommunicationTokenCredential({
  token: issue("the first", 1),
  tokenRefresher: async () => issue("the second", 3_600),
});
globalThis.fetch = async (address, { method, headers }) => {
  console.log(method, address);
  console.log("token sent:", nameOf(headers.Authorization.slice("Bearer ".length)));
  console.log("token of the credential:", nameOf((await credential.getToken()).token));
};
process.on("unhandledRejection", (error) => console.log("unhandled:", error.message));

// Stands for a ChatClient with that credential in a thread without messages.
const noMessages = { next: async () => ({ done: true }) };
const thread = { listMessages: () => noMessages, listParticipants: async function* () {} };
const chatClient = { getChatThreadClient: () => thread, startRealtimeNotifications: async () => {}, on() {} };
const events = { notifyErrorEvent: (event) => console.log(event.ErrorType) };
const options = { enableLeaveThreadOnWindowClosed: true };
const endpoint = "https://localhost/";
const names = ["8:acs:a_b", "THREAD", endpoint, undefined, 60_000, events, "Ada", chatClient, undefined, options];
const adapter = createACSAdapter(first, ...names);
adapter.connectionStatus$.subscribe({ next: (status) => status === 2 && console.log("connected") });
adapter.activity$.subscribe({ next() {} });
wait(1_000)
  .then(() => window.dispatchEvent(new window.Event("beforeunload")))
  .then(() => wait(500))
  .then(() => process.exit());
END
for run in with without; do
  echo "$run the token"
  timeout 60 node run.cjs "$run"
done > seen

cat > expected <<'END'
with the token
connected
DELETE https://localhost//chat/threads/THREAD/members/8:acs:a_b?api-version=2020-09-21-preview2
token sent: the first
token of the credential: the second
without the token
ADAPTER_INIT_TOKEN_MISSING_ERROR
ADAPTER_INIT_EXCEPTION
unhandled: Cannot read properties of undefined (reading 'chatClient')
END
echo "acs_webchat-chat-adapter 0.0.35-beta.30.1:"
cat seen
diff expected seen > /dev/null || { echo "This has changed. Expected:"; cat expected; exit 1; }
