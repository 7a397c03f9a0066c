// Configures vitest to compare a real resource with the cases: npm run compare

import { join } from "node:path";
import dotenv from "dotenv";
import { defineConfig } from "vitest/config";

const name = "COMMUNICATION_SERVICES_CONNECTION_STRING";

/** Returns the resource that the setting names, in the environment or in .env. Exits with 2 if there is none. */
function readResource() {
  const settings = { ...process.env };
  dotenv.config({ path: join(import.meta.dirname, "..", ".env"), processEnv: settings as {}, quiet: true });
  const form = /^["'\s]*endpoint=(https:\/\/[\w.:[\]-]+\/?);accesskey=([\w+/]+=*)[;"'\s]*$/i; // as in the program
  const [, endpoint = "", accessKey = ""] = form.exec(settings[name] ?? "") ?? [];
  if (endpoint) return { endpoint, accessKey };
  console.error(`Set ${name} in the environment or in .env, in this form:
endpoint=https://<resource>.communication.azure.com/;accesskey=<key>`);
  process.exit(2);
}

export default defineConfig({
  cacheDir: "../node_modules/.vitest",
  test: {
    include: ["cases.test.ts"],
    provide: { resource: readResource() },
    testTimeout: 100_000, // milliseconds, for at most three requests, of which each has 30 seconds
  },
});
