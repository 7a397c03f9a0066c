#!/usr/bin/env bash
# After close(), Java's token credential leaves one running thread behind for each refresh that it did ahead of time.
#
# Versions: azure-communication-common 1.3.10; 1.2.12, which azure-communication-identity 1.4.10 brings along, does the
# same.
#
# CommunicationTokenCredential is AutoCloseable, and its timer is what there is to close. One would expect that a
# program with setRefreshProactively(true) ends once its main method has closed the credential, as it does without any
# refresh.
#
# Each refresh starts a new java.util.Timer, whose thread isn't a daemon, and forgets the old one without cancelling
# it. close() cancels the last one. The others end when the garbage collector happens to find them, and an idle program
# doesn't collect: a command-line tool or a service that was told to stop goes on running, but only if it has lived
# long enough for a refresh, so never in a test. It takes System.exit().
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat > Try.java <<'JAVA'
import com.azure.communication.common.*;
import java.util.Base64;
import java.util.concurrent.atomic.AtomicInteger;

public class Try {
  static String jwt(long seconds) {
    String payload = "{\"exp\":" + (System.currentTimeMillis() / 1000 + seconds) + "}";
    return "e30." + Base64.getUrlEncoder().withoutPadding().encodeToString(payload.getBytes()) + ".signature";
  }

  static long timers() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("Timer-") && !thread.isDaemon()).count();
  }

  /** Returns how many threads are left after close(), with tokens of 3 seconds until so many refreshes were done. */
  static String left(int wanted) throws Exception {
    var refreshes = new AtomicInteger();
    var options = new CommunicationTokenRefreshOptions(() -> jwt(refreshes.incrementAndGet() < wanted ? 3 : 86400));
    options.setRefreshProactively(true).setInitialToken(jwt(wanted == 0 ? 86400 : 3));
    try (var credential = new CommunicationTokenCredential(options)) {
      while (refreshes.get() < wanted) Thread.sleep(100);
      Thread.sleep(500);
    }
    Thread.sleep(2000);
    long before = timers();
    System.gc();
    Thread.sleep(2000);
    return refreshes + " refreshes: " + before + " threads 2 s after close(), " + timers() + " after System.gc()";
  }

  public static void main(String[] args) throws Exception {
    System.out.println(left(0));
    System.out.println(left(4));
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
seen=$(java -cp 'lib/*:.' Try 2>java.log)
echo "azure-communication-common 1.3.10"
echo "$seen"
expected='0 refreshes: 0 threads 2 s after close(), 0 after System.gc()
4 refreshes: 4 threads 2 s after close(), 0 after System.gc()'
test "$seen" = "$expected" || { echo "This has changed; it was:"; echo "$expected"; exit 1; }
