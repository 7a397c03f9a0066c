#!/usr/bin/env bash
# OpenTelemetry's baggage goes to Azure with Python's client, and not with JavaScript's. A trace that isn't sampled
# ends in JavaScript's client, and goes on in Python's.
#
# Versions: @azure/communication-identity 1.3.1 with @azure/opentelemetry-instrumentation-azure-sdk 1.0.0;
# azure-communication-identity 1.5.0 with azure-core 1.41.0.
#
# Both clients make the same request with the same context: a baggage entry "user.email", as an application sets it
# to find a user's requests again, once with a sampler that keeps all traces and once with one that keeps none. One
# would expect the same headers, because both follow OpenTelemetry's configured propagators, whose default is
# traceparent and baggage, and traceparent tells the next service that a trace isn't sampled.
# - Python uses these propagators: the e-mail address reaches Microsoft's service, in clear text, with each request.
# - JavaScript always uses a traceparent propagator of its own: no baggage, whatever is configured. Where the trace
#   isn't sampled, it sends no header at all, so that the next hop starts a trace of its own and decides again.
# If you issue tokens in Python, keep personal data out of the baggage, or configure tracecontext alone
# (OTEL_PROPAGATORS=tracecontext).
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y > /dev/null
npm install --silent --no-audit --no-fund @azure/communication-identity@1.3.1 @opentelemetry/api@1.9.1 \
  @azure/opentelemetry-instrumentation-azure-sdk@1.0.0 @opentelemetry/instrumentation@0.211.0 \
  @opentelemetry/sdk-trace-node@2.12.0
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check azure-communication-identity==1.5.0 azure-core==1.41.0 \
  opentelemetry-sdk==1.45.2

cat > run.cjs <<'END'
const { context, propagation } = require("@opentelemetry/api");
const { AlwaysOffSampler, AlwaysOnSampler, NodeTracerProvider } = require("@opentelemetry/sdk-trace-node");
const { registerInstrumentations } = require("@opentelemetry/instrumentation");
const { createAzureSdkInstrumentation } = require("@azure/opentelemetry-instrumentation-azure-sdk");
const sampler = process.argv[2] === "all" ? new AlwaysOnSampler() : new AlwaysOffSampler();
new NodeTracerProvider({ sampler }).register();
registerInstrumentations({ instrumentations: [createAzureSdkInstrumentation()] });
const { CommunicationIdentityClient } = require("@azure/communication-identity");

let headers;
const httpClient = {
  async sendRequest(request) {
    headers = request.headers;
    throw new Error("Nothing is sent.");
  },
};
const key = require("node:crypto").randomBytes(64).toString("base64");
const client = new CommunicationIdentityClient(`endpoint=https://localhost/;accesskey=${key}`, { httpClient });
const baggage = propagation.createBaggage({ "user.email": { value: "ada@contoso.com" } });
context
  .with(propagation.setBaggage(context.active(), baggage), () => client.createUser())
  .catch(() => {
    const flags = headers.get("traceparent")?.split("-")[3];
    const sampled = flags && (Number(flags) & 1 ? "sampled" : "not sampled");
    console.log(`JavaScript: traceparent ${sampled ?? "none"}, baggage ${headers.get("baggage") ?? "none"}`);
  });
END
cat > run.py <<'END'
import base64, os, sys
from azure.communication.identity import CommunicationIdentityClient
from azure.core.credentials import AzureKeyCredential
from azure.core.pipeline.transport import HttpTransport
from azure.core.settings import settings
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import TracerProvider, sampling

class Recorder(HttpTransport):
    """Keeps the headers and sends nothing."""

    def open(self): pass
    def close(self): pass
    def __exit__(self, *_): pass

    def send(self, request, **_):
        self.headers = request.headers
        raise InterruptedError

settings.tracing_enabled = True
sampler = sampling.ALWAYS_ON if sys.argv[1] == "all" else sampling.ALWAYS_OFF
trace.set_tracer_provider(TracerProvider(sampler=sampler))
recorder = Recorder()
key = AzureKeyCredential(base64.b64encode(os.urandom(64)).decode())
client = CommunicationIdentityClient("https://localhost", key, transport=recorder)
context.attach(baggage.set_baggage("user.email", "ada@contoso.com"))
try:
    client.create_user()
except InterruptedError:
    flags = recorder.headers.get("traceparent", "").split("-")[3:]
    sampled = ("sampled" if int(flags[0], 16) & 1 else "not sampled") if flags else "none"
    print(f"Python: traceparent {sampled}, baggage {recorder.headers.get('baggage', 'none')}")
END
for kept in all none; do
  echo "$kept kept"
  node run.cjs "$kept"
  env/bin/python run.py "$kept"
done > seen

cat > expected <<'END'
all kept
JavaScript: traceparent sampled, baggage none
Python: traceparent sampled, baggage user.email=ada%40contoso.com
none kept
JavaScript: traceparent none, baggage none
Python: traceparent not sampled, baggage user.email=ada%40contoso.com
END
echo "@azure/communication-identity 1.3.1, azure-communication-identity 1.5.0:"
cat seen
diff expected seen > /dev/null || { echo "This has changed. Expected:"; cat expected; exit 1; }
