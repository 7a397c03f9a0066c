// Runs once per suite: bundles what the tests start often, with the packages that it uses. Loading the files of the SDK
// one by one would take most of the time of the suite.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import type { TestProject } from "vitest/node";
import { programFile, root } from "./environment.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The paths of the program and of `npm run emulator`, each bundled with the packages that it uses. */
    bundles: { program: string; emulator: string };
  }
}

export default async function setUp({ provide }: TestProject) {
  const folder = await mkdtemp(join(tmpdir(), "issue-access-tokens-"));
  await build({
    entryPoints: { program: programFile, emulator: join(root, "test", "emulator", "cli.ts") },
    bundle: true,
    platform: "node",
    format: "esm",
    splitting: true, // keeps @azure/identity apart, which is loaded only when it is used
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    outdir: folder,
    outExtension: { ".js": ".mjs" },
  });
  provide("bundles", { program: join(folder, "program.mjs"), emulator: join(folder, "emulator.mjs") });
  return () => rm(folder, { recursive: true, maxRetries: 5 });
}
