// Preloaded into the measured process: records its peak memory, in KiB, on exit.

import { appendFileSync } from "node:fs";

process.on("exit", () => appendFileSync(process.env.PEAK_FILE, `${process.resourceUsage().maxRSS}\n`));
