#!/usr/bin/env bash
# In Python, what a single call asks for is forgotten by its first retry.
#
# Versions: azure-communication-identity 1.5.0, azure-core 1.41.0, opentelemetry-sdk 1.45.2.
#
# The options tracing_options and logging_enable can be passed to each call. One would expect that they hold for
# the whole call. The policies that read them stand behind the retry policy and take them out of the options when
# the first try passes, so a second try knows nothing of them:
# - A call that must not be traced is traced from its retry on: one span without a parent, and a traceparent header.
# - A call that is traced alone has a span for the try that failed and none for the one that succeeded. The second
#   try carries the first one's traceparent, and OpenTelemetry logs "Failed to detach context" with a stack trace.
# - A call that is logged alone (logging_enable=True) logs the try that failed. The response that issued the identity
#   is missing.
# So a search for what happened to a token during an outage finds only the failures. Set these options for the
# whole client or process: settings.tracing_enabled, and logging_enable in the client's constructor.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check azure-communication-identity==1.5.0 azure-core==1.41.0 \
  opentelemetry-sdk==1.45.2

cat > run.py <<'END'
import base64, io, json, logging, os, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from azure.communication.identity import CommunicationIdentityClient
from azure.core.credentials import AzureKeyCredential
from azure.core.settings import settings
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

tries = []

class Service(BaseHTTPRequestHandler):
    """Refuses each odd request with 503 and creates an identity for each even one."""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        tries.append(self.headers.get("traceparent"))
        busy = len(tries) % 2 == 1
        body = json.dumps({"error": {"code": "Busy", "message": ""}} if busy else {"identity": {"id": "8:acs:a_b"}})
        self.send_response(503 if busy else 201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if busy:
            self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass

service = ThreadingHTTPServer(("127.0.0.1", 0), Service)
threading.Thread(target=service.serve_forever, daemon=True).start()
spans = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(provider)
log = io.StringIO()
logging.basicConfig(stream=log, level=logging.DEBUG)
key = AzureKeyCredential(base64.b64encode(os.urandom(64)).decode())
client = CommunicationIdentityClient(f"http://127.0.0.1:{service.server_port}", key)

def call(title, **options):
    tries.clear(), spans.clear(), log.truncate(0), log.seek(0)
    client.create_user(**options)
    seen = [f"{s.name.split('.')[-1]} {s.attributes.get('http.response.status_code', '')}".strip()
            for s in spans.get_finished_spans()]
    headers = ["yes" if t else "no" for t in tries]
    same = " (the same)" if tries[0] and tries[0] == tries[-1] else ""
    print(f"{title}: spans {seen}, traceparent {headers}{same}")

settings.tracing_enabled = True
call("not traced", tracing_options={"enabled": False})
settings.tracing_enabled = False
call("traced alone", tracing_options={"enabled": True})
print("detach error:", "Failed to detach context" in log.getvalue())
call("logged alone", logging_enable=True)
bodies = [part.split("\n")[1] for part in log.getvalue().split("Response content:")[1:]]
print("responses with a body in the log:", [list(json.loads(body)) for body in bodies])
END
NO_PROXY=127.0.0.1 env/bin/python run.py > seen 2> errors || { cat errors; exit 1; }

cat > expected <<'END'
not traced: spans ['POST 201'], traceparent ['no', 'yes']
traced alone: spans ['POST 503', 'create_user'], traceparent ['yes', 'yes'] (the same)
detach error: True
logged alone: spans [], traceparent ['no', 'no']
responses with a body in the log: [['error']]
END
echo "azure-communication-identity 1.5.0, azure-core 1.41.0:"
cat seen
diff expected seen > /dev/null || { echo "This has changed. Expected:"; cat expected; exit 1; }
