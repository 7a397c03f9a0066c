#!/usr/bin/env bash
# In Python, a Teams user of the cloud "dod" gets the raw ID of a user in the public cloud.
#
# Versions: azure-communication-chat 1.3.0, @azure/communication-common 2.4.2.
#
# The service names its clouds "public", "dod", and "gcch", JavaScript's client takes and sends them as they are, and
# Python's documentation allows a string. Its enumeration is in upper case, though, and compares exactly: "dod" is
# none of its members, and what isn't known becomes public. One would expect 8:dod:u, as JavaScript has it. Python
# sends {"rawId": "8:orgid:u", "cloud": "dod"}, two clouds in one participant, and compares the user unequal to the
# one that was parsed from 8:dod:u. The enumeration itself is sent as "DOD", and the chat package, whose
# documentation names it, doesn't export it.
# If you keep identifiers of both kinds, store raw IDs, and parse them with identifier_from_raw_id.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y > /dev/null
npm install --silent --no-audit --no-fund @azure/communication-common@2.4.2
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check azure-communication-chat==1.3.0 \
  azure-core==1.41.0

cat > run.cjs <<'END'
const { createIdentifierFromRawId, serializeCommunicationIdentifier } = require("@azure/communication-common");
const show = (how, sent) => console.log(`JavaScript, ${how}: ${sent.rawId} ${sent.microsoftTeamsUser.cloud}`);
show("cloud dod", serializeCommunicationIdentifier({ microsoftTeamsUserId: "u", cloud: "dod" }));
show("parsed", serializeCommunicationIdentifier(createIdentifierFromRawId("8:dod:u")));
END
cat > run.py <<'END'
import base64, json, time
import azure.communication.chat as chat
from azure.core.pipeline.transport import HttpTransport

class Recorder(HttpTransport):
    """Keeps the body and sends nothing."""

    def open(self): pass
    def close(self): pass
    def __exit__(self, *_): pass

    def send(self, request, **_):
        self.body = json.loads(request.body)
        raise InterruptedError

parts = [{"alg": "RS256"}, {"exp": int(time.time()) + 3600}, {}]
token = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
recorder = Recorder()
client = chat.ChatClient("https://localhost", chat.CommunicationTokenCredential(token), transport=recorder)

def show(how, identifier):
    try:
        client.create_chat_thread("topic", thread_participants=[chat.ChatParticipant(identifier=identifier)])
    except InterruptedError:
        sent = recorder.body["participants"][0]["communicationIdentifier"]
        print(f"Python, {how}: {sent['rawId']} {sent['microsoftTeamsUser']['cloud']}")

named, parsed = chat.MicrosoftTeamsUserIdentifier("u", cloud="dod"), chat.identifier_from_raw_id("8:dod:u")
show("cloud dod", named)
show("parsed", parsed)
print("equal:", named == parsed, "- exported by the chat package:", hasattr(chat, "CommunicationCloudEnvironment"))
END
{ node run.cjs; env/bin/python run.py; } > seen

cat > expected <<'END'
JavaScript, cloud dod: 8:dod:u dod
JavaScript, parsed: 8:dod:u dod
Python, cloud dod: 8:orgid:u dod
Python, parsed: 8:dod:u DOD
equal: False - exported by the chat package: False
END
echo "azure-communication-chat 1.3.0, @azure/communication-common 2.4.2:"
cat seen
diff expected seen > /dev/null || { echo "This has changed. Expected:"; cat expected; exit 1; }
