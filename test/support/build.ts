// Runs once per suite: bundles what the tests start often, with the packages that it uses. Loading the files of the SDK
// one by one would take most of the time of the suite.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import type { TestProject } from "vitest/node";
import { readersCode } from "./docs.ts";
import { programFile, root } from "./environment.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** A folder with the bundled program.mjs and emulator.mjs, and a reader's own.mjs, server.mjs, and client.mjs. */
    bundles: string;
  }
}

export default async function setUp({ provide }: TestProject) {
  const folder = await mkdtemp(join(tmpdir(), "issue-access-tokens-"));
  const readme = await readFile(join(root, "README.md"), "utf8");
  const files = { own: "issue-access-tokens.ts", server: "server.ts", client: "client.ts" };
  for (const name of Object.values(files)) await writeFile(join(folder, name), readersCode(readme, name));
  await build({
    absWorkingDir: folder,
    entryPoints: { program: programFile, emulator: join(root, "test", "emulator", "cli.ts"), ...files },
    nodePaths: [join(root, "node_modules")],
    bundle: true,
    platform: "node",
    mainFields: ["module", "main"], // ES modules, of which the bundles contain only what they use
    format: "esm",
    splitting: true, // keeps @azure/identity apart, which is loaded only when it is used
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    outdir: folder,
    outExtension: { ".js": ".mjs" },
  });
  provide("bundles", folder);
  return () => rm(folder, { recursive: true, maxRetries: 5 });
}
