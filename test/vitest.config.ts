import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  cacheDir: "../node_modules/.vitest",
  test: {
    // A core each: by default, vitest leaves one idle, which is half of a machine with two.
    maxWorkers: availableParallelism(),
    // The tests of a file run side by side, because most of their time is spent waiting for processes.
    maxConcurrency: 12,
    // No test changes global state, so the files of a worker can share the modules that they import.
    isolate: false,
    // In milliseconds. With 12 processes per core, each can take several seconds.
    testTimeout: 30_000,
  },
});
