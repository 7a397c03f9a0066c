#!/usr/bin/env bash
# Eight callers that meet an expired token cause eight refreshes in Java, and one in JavaScript and Python.
#
# Versions: Java's azure-communication-common 1.3.10 and 1.2.12 (which azure-communication-identity 1.4.10 brings
# along), @azure/communication-common 2.4.2, Python's azure-communication-chat 1.3.0.
#
# The credential is there to be shared, and Java's getToken() has a synchronized block with a second look at the token
# inside. One would expect what the other two languages do: the first caller refreshes, the others wait for its token.
#
# The lock is only held while the Mono is put together. The refresher runs later, when somebody subscribes, outside of
# the lock and for each subscriber: also twice when one Mono is subscribed to twice.
#
# A server whose requests share a credential issues as many tokens as there are requests in progress, once a day and
# all in the same moment, which is what the limit of tokens per 30 seconds counts. A refresher in Java has to remember
# a call in progress by itself.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat > Try.java <<'JAVA'
import com.azure.communication.common.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.AtomicInteger;

public class Try {
  static String jwt(long seconds) {
    String payload = "{\"exp\":" + (System.currentTimeMillis() / 1000 + seconds) + "}";
    return "e30." + Base64.getUrlEncoder().withoutPadding().encodeToString(payload.getBytes()) + ".signature";
  }

  public static void main(String[] args) throws Exception {
    var refreshes = new AtomicInteger();
    var options = new CommunicationTokenRefreshOptions(() -> {
      refreshes.incrementAndGet();
      try { Thread.sleep(1000); } catch (InterruptedException e) { throw new RuntimeException(e); }
      return jwt(86400);
    });
    var credential = new CommunicationTokenCredential(options.setInitialToken(jwt(-10)));
    var pool = Executors.newFixedThreadPool(8);
    pool.invokeAll(Collections.nCopies(8, (Callable<?>) () -> credential.getToken().block()));
    System.out.println(refreshes);
    System.exit(0);
  }
}
JAVA
cat > pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>try</groupId><artifactId>try</artifactId><version>1</version><dependencies><dependency>
<groupId>com.azure</groupId><artifactId>azure-communication-common</artifactId><version>VERSION</version>
</dependency></dependencies></project>
POM
# Prints the number of refreshes with this version of azure-communication-common.
java_refreshes() {
  sed "s/VERSION/$1/" pom.xml >"$1.xml"
  rm -rf lib && mvn -q -B -f "$1.xml" dependency:copy-dependencies -DoutputDirectory=lib >mvn.log 2>&1
  javac -cp 'lib/*' Try.java && java -cp 'lib/*:.' Try 2>java.log
}
npm install --silent --no-fund --no-audit @azure/communication-common@2.4.2 >npm.log
cat > try.mjs <<'JS'
import { AzureCommunicationTokenCredential } from "@azure/communication-common";
const payload = (seconds) => JSON.stringify({ exp: Math.floor(Date.now() / 1000) + seconds });
const jwt = (seconds) => `e30.${Buffer.from(payload(seconds)).toString("base64url")}.signature`;
let refreshes = 0;
const tokenRefresher = () => (refreshes++, new Promise((resolve) => setTimeout(resolve, 1000, jwt(86400))));
const credential = new AzureCommunicationTokenCredential({ tokenRefresher, token: jwt(-10) });
await Promise.all(Array.from({ length: 8 }, () => credential.getToken()));
console.log(refreshes);
JS
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check azure-communication-chat==1.3.0
cat > try.py <<'PY'
import base64, json, threading, time
from azure.communication.chat import CommunicationTokenCredential
from azure.core.credentials import AccessToken

def jwt(seconds):
    payload = json.dumps({"exp": int(time.time()) + seconds}).encode()
    return f"e30.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.signature"

def refresh():
    refreshes.append(1)
    time.sleep(1)
    return AccessToken(jwt(86400), int(time.time()) + 86400)

refreshes = []
credential = CommunicationTokenCredential(jwt(-10), token_refresher=refresh)
threads = [threading.Thread(target=credential.get_token) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(refreshes))
PY
seen="Java 1.2.12: $(java_refreshes 1.2.12), Java 1.3.10: $(java_refreshes 1.3.10)"
seen="$seen, JavaScript: $(node try.mjs), Python: $(venv/bin/python try.py)"
echo "8 callers, refreshes: $seen"
test "$seen" = "Java 1.2.12: 8, Java 1.3.10: 8, JavaScript: 1, Python: 1" ||
  { echo "This has changed: it was 8, 8, 1, and 1."; exit 1; }
