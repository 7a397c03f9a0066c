// Bundles what the tests start often with the packages that it uses: once per suite, the program and the emulator.
// Loading the files of the SDK one by one would take most of the time of the suite.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import type { TestProject } from "vitest/node";
import { programFile, root } from "./environment.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** A folder for bundles, which contains program.mjs and emulator.mjs. */
    bundles: string;
  }
}

/** Where the bundles find their packages, wherever the files are. */
export const nodePaths = [join(root, "node_modules")];

/** Bundles files, each as a module in a folder, with the name of the file or its key. */
export async function buildBundles(entryPoints: string[] | Record<string, string>, outdir: string) {
  await build({
    entryPoints,
    outdir,
    outExtension: { ".js": ".mjs" },
    nodePaths,
    bundle: true,
    platform: "node",
    mainFields: ["module", "main"], // ES modules, of which a bundle contains only what it uses
    format: "esm",
    splitting: true, // keeps @azure/identity apart, which is loaded only when it is used
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
}

export default async function setUp({ provide }: TestProject) {
  const folder = await mkdtemp(join(tmpdir(), "issue-access-tokens-"));
  await buildBundles({ program: programFile, emulator: join(root, "test", "emulator", "cli.ts") }, folder);
  provide("bundles", folder);
  return () => rm(folder, { recursive: true, maxRetries: 5 });
}
