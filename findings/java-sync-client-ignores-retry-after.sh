#!/usr/bin/env bash
# Java's synchronous client retries after 0.8 and 1.6 seconds whatever Retry-After says; the asynchronous one obeys it.
#
# Versions: azure-communication-identity 1.4.10 with azure-core 1.43.0, which it brings along; with azure-core 1.57.0,
# named in the pom, both obey.
#
# The service rejects two creates with 429 and "Retry-After: 4". Both clients come from the same builder and the same
# pipeline, so one would expect each of them to wait 4 seconds, twice.
#
# The synchronous path works out that wait, logs it, and then sleeps for its own: the four tries of a call are over
# after about 6 seconds, all within the 30 seconds for which the service counts. With many tokens at once, you get a
# 429 as an exception, although the service said when to come back, and the logged duration tells the opposite.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
keytool -genkeypair -keyalg EC -alias localhost -dname CN=localhost -ext san=dns:localhost -validity 2 \
  -storetype PKCS12 -keystore store.p12 -storepass password 2>keytool.log
cat > Try.java <<'JAVA'
import com.azure.communication.identity.CommunicationIdentityClientBuilder;
import com.azure.core.credential.AzureKeyCredential;
import com.azure.core.util.CoreUtils;
import com.sun.net.httpserver.*;
import java.net.InetSocketAddress;
import java.util.*;
import javax.net.ssl.SSLContext;

public class Try {
  static final List<Long> arrivals = Collections.synchronizedList(new ArrayList<>());

  static void answer(HttpExchange exchange) throws java.io.IOException {
    arrivals.add(System.currentTimeMillis());
    exchange.getRequestBody().readAllBytes();
    boolean limited = arrivals.size() < 3;
    byte[] body = (limited ? "{}" : "{\"identity\":{\"id\":\"8:acs:somebody\"}}").getBytes();
    if (limited) exchange.getResponseHeaders().set("Retry-After", "4");
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(limited ? 429 : 201, body.length);
    exchange.getResponseBody().write(body);
    exchange.close();
  }

  static boolean waited(String name, Runnable create) {
    arrivals.clear();
    create.run();
    long first = arrivals.get(1) - arrivals.get(0), second = arrivals.get(2) - arrivals.get(1);
    System.out.printf(Locale.ROOT, "%-12s waited %.1f s, then %.1f s%n", name, first / 1000.0, second / 1000.0);
    return Math.min(first, second) >= 3900;
  }

  public static void main(String[] args) throws Exception {
    HttpsServer server = HttpsServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
    server.setHttpsConfigurator(new HttpsConfigurator(SSLContext.getDefault()));
    server.createContext("/", Try::answer);
    server.start();
    var builder = new CommunicationIdentityClientBuilder()
        .endpoint("https://localhost:" + server.getAddress().getPort())
        .credential(new AzureKeyCredential(Base64.getEncoder().encodeToString(new byte[64])));
    System.out.println("azure-core " + CoreUtils.getProperties("azure-core.properties").get("version"));
    boolean asynchronous = waited("asynchronous", () -> builder.buildAsyncClient().createUser().block());
    boolean synchronous = waited("synchronous", () -> builder.buildClient().createUser());
    System.exit(asynchronous && synchronous ? 10 : asynchronous ? 11 : 12);
  }
}
JAVA
# Prints which client waited for Retry-After, with further dependencies in front.
run() {
  cat > pom.xml <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>try</groupId><artifactId>try</artifactId><version>1</version><dependencies>$1
<dependency>
<groupId>com.azure</groupId><artifactId>azure-communication-identity</artifactId><version>1.4.10</version>
</dependency></dependencies></project>
POM
  rm -rf lib && mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib >mvn.log 2>&1
  javac -cp 'lib/*' Try.java
  code=0
  java -Djavax.net.ssl.keyStore=store.p12 -Djavax.net.ssl.keyStorePassword=password \
    -Djavax.net.ssl.trustStore=store.p12 -Djavax.net.ssl.trustStorePassword=password \
    -cp 'lib/*:.' Try 2>java.log || code=$?
}
run ''
test $code = 11 || { tail -5 java.log; echo "This has changed: only the asynchronous client waited."; exit 1; }
run '<dependency><groupId>com.azure</groupId><artifactId>azure-core</artifactId><version>1.57.0</version></dependency>'
test $code = 10 || { tail -5 java.log; echo "This has changed: with azure-core 1.57.0, both clients waited."; exit 1; }
