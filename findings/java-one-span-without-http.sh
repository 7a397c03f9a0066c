#!/usr/bin/env bash
# With Java's client, OpenTelemetry sees one span per call, with a name that is cut off, the same for two methods,
# and nothing of HTTP: no retry, no status, no address, no traceparent.
#
# Versions: com.azure:azure-communication-identity 1.4.10, azure-core-tracing-opentelemetry 1.0.0-beta.67,
# opentelemetry-sdk 1.58.0.
#
# JavaScript's and Python's clients have spans for the method and one for each HTTP request. The builder of Java's
# identity client puts its pipeline together without azure-core's providers of policies, so the policy that makes HTTP
# spans and sets traceparent is never in it. One would expect "createUser" and "POST" twice for a create that is
# retried once. What is there is "CommunicationIdentit.createSync", also for createUserAndToken, with the status of the
# whole call: an outage that retries hid can't be seen, and Azure's side can't be joined to the trace.
# The policies of azure-core's HttpPolicyProviders can be added by hand, and then work: see the last line.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
dependency() {
  echo "<dependency><groupId>$1</groupId><artifactId>$2</artifactId><version>$3</version></dependency>"
}
cat > pom.xml <<END
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
  <dependencies>
    $(dependency com.azure azure-core-tracing-opentelemetry 1.0.0-beta.67)
    $(dependency com.azure azure-communication-identity 1.4.10)
    $(dependency io.opentelemetry opentelemetry-sdk-testing 1.58.0)
  </dependencies>
</project>
END
mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib > /dev/null

cat > Run.java <<'END'
import com.azure.communication.identity.*;
import com.azure.communication.identity.models.CommunicationTokenScope;
import com.azure.core.credential.AzureKeyCredential;
import com.azure.core.http.*;
import com.azure.core.http.policy.*;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.propagation.ContextPropagators;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import java.nio.ByteBuffer;
import java.nio.charset.*;
import java.util.*;
import java.util.stream.Collectors;
import reactor.core.publisher.*;

public class Run {
    static final List<Boolean> traceparents = new ArrayList<>();
    static final InMemorySpanExporter spans = InMemorySpanExporter.create();

    /** Answers each odd request with 503, and each even one with a new identity and a token. */
    static Mono<HttpResponse> answer(HttpRequest request) {
        traceparents.add(request.getHeaders().getValue("traceparent") != null);
        boolean busy = traceparents.size() % 2 == 1;
        byte[] body = (busy ? "{\"error\":{\"code\":\"Busy\",\"message\":\"\"}}"
            : "{\"identity\":{\"id\":\"8:acs:a_b\"},"
            + "\"accessToken\":{\"token\":\"t\",\"expiresOn\":\"2030-01-01T00:00:00+00:00\"}}").getBytes();
        return Mono.just(new HttpResponse(request) {
            public int getStatusCode() { return busy ? 503 : 201; }
            public HttpHeaders getHeaders() {
                return new HttpHeaders().set("Content-Type", "application/json").set("retry-after-ms", "1");
            }
            public String getHeaderValue(String name) { return getHeaders().getValue(name); }
            public Flux<ByteBuffer> getBody() { return Flux.just(ByteBuffer.wrap(body)); }
            public Mono<byte[]> getBodyAsByteArray() { return Mono.just(body); }
            public Mono<String> getBodyAsString() { return Mono.just(new String(body)); }
            public Mono<String> getBodyAsString(Charset charset) { return getBodyAsString(); }
        });
    }

    static void show(String name, Runnable call) {
        traceparents.clear();
        spans.reset();
        call.run();
        System.out.println(name + ": traceparent " + traceparents + ", spans " + spans.getFinishedSpanItems().stream()
            .map(span -> span.getName() + " " + span.getStatus().getStatusCode()).collect(Collectors.toList()));
    }

    public static void main(String[] args) {
        var provider = SdkTracerProvider.builder().addSpanProcessor(SimpleSpanProcessor.create(spans)).build();
        OpenTelemetrySdk.builder().setTracerProvider(provider)
            .setPropagators(ContextPropagators.create(W3CTraceContextPropagator.getInstance()))
            .buildAndRegisterGlobal();
        byte[] key = new byte[64];
        new Random().nextBytes(key);
        var builder = new CommunicationIdentityClientBuilder().endpoint("https://localhost").httpClient(Run::answer)
            .credential(new AzureKeyCredential(Base64.getEncoder().encodeToString(key)));
        var client = builder.buildClient();
        show("createUser", client::createUser);
        show("createUserAndToken", () -> client.createUserAndToken(List.of(CommunicationTokenScope.CHAT)));
        List<HttpPipelinePolicy> policies = new ArrayList<>();
        HttpPolicyProviders.addAfterRetryPolicies(policies);
        policies.forEach(builder::addPolicy);
        show("policies added", builder.buildClient()::createUser);
        System.exit(0);
    }
}
END
javac -nowarn -cp 'lib/*' Run.java 2> notes || { cat notes; exit 1; }
timeout 60 java -cp 'lib/*:.' Run > seen 2> errors || { cat errors; exit 1; }

cat > expected <<'END'
createUser: traceparent [false, false], spans [CommunicationIdentit.createSync UNSET]
createUserAndToken: traceparent [false, false], spans [CommunicationIdentit.createSync UNSET]
policies added: traceparent [true, true], spans [POST ERROR, POST UNSET, CommunicationIdentit.createSync UNSET]
END
echo "azure-communication-identity 1.4.10, azure-core-tracing-opentelemetry 1.0.0-beta.67:"
cat seen
diff expected seen > /dev/null || { echo "This has changed. Expected:"; cat expected; exit 1; }
