#!/usr/bin/env bash
# Whether a Java program can sign in with Entra ID depends on the order of two dependencies in its pom.xml.
#
# Versions: azure-communication-identity 1.4.10, azure-identity 1.18.1, Maven 3.
#
# The order of <dependency> elements looks like a matter of taste, and the program compiles with both. One would expect
# both to get a token for https://communication.azure.com//.default from a managed identity.
#
# Both libraries need azure-core, 1.43.0 and 1.57.0. Maven takes the version that is named first at the same depth, not
# the newest one. With azure-communication-identity first, the program compiles and starts, and the first sign-in ends
# with a NoClassDefFoundError. That is an Error: catch (Exception e) doesn't see it.
#
# An access key works with both versions, so it shows on the day of the change from the key to Entra ID. A pom that
# names azure-core itself works in any order.
set -eu
work=$(mktemp -d)
server=
trap 'test -z "$server" || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work"
cat > endpoint.py <<'PY'
import http.server, json, time

class ManagedIdentity(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        expires_on = str(int(time.time()) + 86400)
        body = json.dumps({"access_token": "dummy", "expires_on": expires_on, "token_type": "Bearer",
                           "resource": "https://communication.azure.com/"}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), ManagedIdentity)
print(server.server_port, flush=True)
server.serve_forever()
PY
python3 endpoint.py >port &
server=$!
until [ -s port ]; do kill -0 "$server" && sleep 0.1; done
cat > Try.java <<'JAVA'
import com.azure.core.credential.TokenRequestContext;
import com.azure.core.util.CoreUtils;
import com.azure.identity.ManagedIdentityCredentialBuilder;

public class Try {
  public static void main(String[] args) {
    String result;
    try {
      var request = new TokenRequestContext().addScopes("https://communication.azure.com//.default");
      result = "token " + new ManagedIdentityCredentialBuilder().build().getTokenSync(request).getToken();
    } catch (Exception e) {
      result = "caught " + e;
    } catch (Error e) {
      result = e.toString();
    }
    System.out.println("azure-core " + CoreUtils.getProperties("azure-core.properties").get("version") + ": " + result);
    System.exit(0);
  }
}
JAVA
artifact() {
  echo "<dependency><groupId>com.azure</groupId><artifactId>$1</artifactId><version>$2</version></dependency>"
}
# Prints what a program gets whose pom.xml has the dependencies in this order.
sign_in() {
  cat > pom.xml <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>try</groupId><artifactId>try</artifactId><version>1</version><dependencies>$*</dependencies></project>
POM
  rm -rf lib && mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib >mvn.log 2>&1
  javac -cp 'lib/*' Try.java
  IDENTITY_ENDPOINT=http://127.0.0.1:$(cat port)/token IDENTITY_HEADER=dummy java -cp 'lib/*:.' Try 2>java.log
}
acs=$(artifact azure-communication-identity 1.4.10)
entra=$(artifact azure-identity 1.18.1)
acs_first=$(sign_in "$acs" "$entra")
entra_first=$(sign_in "$entra" "$acs")
core_named=$(sign_in "$acs" "$entra" "$(artifact azure-core 1.57.0)")
echo "azure-communication-identity first - $acs_first"
echo "azure-identity first               - $entra_first"
echo "azure-core named at the end        - $core_named"
test "$acs_first" = "azure-core 1.43.0: java.lang.NoClassDefFoundError: com/azure/core/implementation/util/HttpUtils" &&
  test "$entra_first" = "azure-core 1.57.0: token dummy" && test "$core_named" = "$entra_first" ||
  { echo "This has changed: the first order ended with a NoClassDefFoundError, the others signed in."; exit 1; }
