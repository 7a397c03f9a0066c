import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

// The tests send their own requests directly. With this variable, Node 24 and later would use the developer's proxy.
delete process.env.NODE_USE_ENV_PROXY;

export default defineConfig({
  // The default would be a folder in `test`.
  cacheDir: "../node_modules/.vitest",
  test: {
    globalSetup: "support/build.ts",
    // One more than there are cores: two files spend most of their time waiting for time limits and retries.
    maxWorkers: availableParallelism() + 1,
    // The tests of a file run side by side, because they wait for processes.
    sequence: { concurrent: true },
    maxConcurrency: 12,
    // No test changes global state, so the files of a worker can share the modules that they import.
    isolate: false,
    testTimeout: 60_000, // milliseconds, because 12 processes per worker can each take several seconds
  },
});
