#!/usr/bin/env bash
# All proactive refreshes of a token belong to the trace of the request in which the credential was made, even when
# that request ended long ago.
#
# Versions: @azure/communication-common 2.4.2, @opentelemetry/sdk-trace-node 2.12.0.
#
# A server makes an AzureCommunicationTokenCredential with refreshProactively while it handles GET /first. One would
# expect that a refresh, which a timer starts later, is a trace of its own. The timer is set while that request is
# active and each refresh sets the next timer, so OpenTelemetry's context passes from one to the next: with tokens
# for a day, the refreshes of all later days are children of a span that ended on the first one. A trace backend
# shows one request that lasts for days, a sampler that dropped the first request drops each refresh, and whatever
# else the context holds (baggage, the user of that request in AsyncLocalStorage) reaches the function that fetches
# tokens. A request that uses the credential in between doesn't change this.
# What helps: make the credential in context.with(ROOT_CONTEXT, …), as the last lines show.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y > /dev/null
npm install --silent --no-audit --no-fund @azure/communication-common@2.4.2 @opentelemetry/api@1.9.1 \
  @opentelemetry/sdk-trace-node@2.12.0

cat > run.mjs <<'END'
import { AsyncLocalStorage } from "node:async_hooks";
import { EventEmitter, once } from "node:events";
import { AzureCommunicationTokenCredential } from "@azure/communication-common";
import { context, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

new NodeTracerProvider().register();
const tracer = trace.getTracer("server");
const user = new AsyncLocalStorage();
const names = {};
const refreshes = new EventEmitter();

/** Returns a token that has to be refreshed within two seconds: ten minutes before its end. */
function issue() {
  const claims = { skypeid: "acs:a_b", scp: 1792, exp: Math.floor(Date.now() / 1000) + 602 };
  return [{ alg: "RS256" }, claims, {}].map((part) => btoa(JSON.stringify(part))).join(".");
}

async function tokenRefresher() {
  tracer.startActiveSpan("refresh", (span) => {
    const owner = names[span.spanContext().traceId] ?? "its own";
    console.log(`refresh: trace of ${owner}, user ${user.getStore() ?? "none"}`);
    span.end();
  });
  setImmediate(() => refreshes.emit("refresh"));
  return issue();
}

function request(name, answer) {
  return user.run(`of ${name}`, () =>
    tracer.startActiveSpan(name, async (span) => {
      names[span.spanContext().traceId] = name;
      const result = await answer();
      span.end();
      console.log(`${name} has ended`);
      return result;
    }),
  );
}

const make = () => new AzureCommunicationTokenCredential({ token: issue(), tokenRefresher, refreshProactively: true });
const credential = await request("GET /first", async () => make());
await once(refreshes, "refresh");
await request("GET /second", () => credential.getToken());
await once(refreshes, "refresh");
credential.dispose();

console.log("with ROOT_CONTEXT:");
const other = await request("GET /third", async () => context.with(ROOT_CONTEXT, make));
await once(refreshes, "refresh");
other.dispose();
END
timeout 60 node run.mjs > seen

cat > expected <<'END'
GET /first has ended
refresh: trace of GET /first, user of GET /first
GET /second has ended
refresh: trace of GET /first, user of GET /first
with ROOT_CONTEXT:
GET /third has ended
refresh: trace of its own, user of GET /third
END
echo "@azure/communication-common 2.4.2:"
cat seen
diff expected seen > /dev/null || { echo "This has changed. Expected:"; cat expected; exit 1; }
