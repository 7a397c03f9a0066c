// Lets Node run TypeScript, and start faster: node --import ./test/tools/typescript.mjs FILE

import module from "node:module";
import { fileURLToPath } from "node:url";

// Node keeps what it compiled, from 22.1 on. If it can't write there, it compiles everything again.
module.enableCompileCache?.(fileURLToPath(new URL("../../node_modules/.cache/node", import.meta.url)));
// Node runs TypeScript by itself from 22.18 on.
if (!process.features.typescript) await import("tsx");
