#!/usr/bin/env bash
# Java's and Python's token credentials decode a JWT as ordinary base64: a correct token with "_" or "-" in it is
# refused.
#
# Versions: Java's azure-communication-common 1.3.10 (1.2.12 does the same), Python's azure-communication-chat 1.3.0,
# beside @azure/communication-common 2.4.2.
#
# The parts of a JWT are base64url by definition, and JSON can contain blanks. One would expect each of the three
# credentials to read "exp" from any correct token, as JavaScript does.
#
# The service's own tokens happen to pass, because their claims are plain ASCII without ">", "?", or "~", which never
# makes a "_" or "-", and their JSON is compact. Microsoft says that the format isn't part of the contract.
#
# Tokens that a test, an emulator, or a proxy makes are another matter: one question mark in a claim is enough for
# both, and Java finds no "exp" if a blank follows the colon, which is how Python's json.dumps writes it. Neither
# message says what is wrong.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat > Try.java <<'JAVA'
import com.azure.communication.common.CommunicationTokenCredential;

public class Try {
  public static void main(String[] tokens) {
    for (String token : tokens) {
      try {
        System.out.println(new CommunicationTokenCredential(token).getToken().block().getExpiresAt().toEpochSecond());
      } catch (RuntimeException e) {
        System.out.println(e.getClass().getSimpleName() + ": " + e.getMessage());
      }
    }
    System.exit(0);
  }
}
JAVA
cat > pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>try</groupId><artifactId>try</artifactId><version>1</version><dependencies><dependency>
<groupId>com.azure</groupId><artifactId>azure-communication-common</artifactId><version>1.3.10</version>
</dependency></dependencies></project>
POM
mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib >mvn.log 2>&1
javac -cp 'lib/*' Try.java
npm install --silent --no-fund --no-audit @azure/communication-common@2.4.2 >npm.log
cat > try.mjs <<'JS'
import { AzureCommunicationTokenCredential } from "@azure/communication-common";
for (const token of process.argv.slice(2)) {
  const credential = new AzureCommunicationTokenCredential(token);
  console.log(String((await credential.getToken()).expiresOnTimestamp / 1000));
}
JS
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check azure-communication-chat==1.3.0
cat > try.py <<'PY'
import sys
from azure.communication.chat import CommunicationTokenCredential

for token in sys.argv[1:]:
    try:
        print(CommunicationTokenCredential(token).get_token().expires_on)
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
PY
jwt() { echo "e30.$(printf %s "$1" | base64 -w0 | tr '+/' '-_' | tr -d =).signature"; }
compact='{"skypeid":"acs:x","exp":1900000000}'
question='{"skypeid":"a?b?c?","exp":1900000000}'
blank='{"skypeid": "acs:x", "exp": 1900000000}'
set -- "$(jwt "$compact")" "$(jwt "$question")" "$(jwt "$blank")"
printf '%s\n' "$compact" "$question" "$blank" >payloads
seen=$(paste -d '|' payloads <(node try.mjs "$@") <(venv/bin/python try.py "$@") \
  <(java -cp 'lib/*:.' Try "$@" 2>java.log))
echo "payload|JavaScript|Python|Java"
echo "$seen"
expected="$compact|1900000000|1900000000|1900000000
$question|1900000000|ValueError: Token is not formatted correctly|IllegalArgumentException: Illegal base64 character 5f
$blank|1900000000|1900000000|IllegalStateException: No match found"
test "$seen" = "$expected" || { echo "This has changed; it was:"; echo "$expected"; exit 1; }
