// Preloaded into what is measured: notes its peak memory, in KiB, when it ends.

import { appendFileSync } from "node:fs";

process.on("exit", () => appendFileSync(process.env.PEAK_FILE, `${process.resourceUsage().maxRSS}\n`));
