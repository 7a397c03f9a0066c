// Where the project is, and the environment of the processes that its tools and tests start.

import { join } from "node:path";

export const root = join(import.meta.dirname, "..", "..");
export const programFile = join(root, "issue-access-tokens.ts");

// What could redirect a program to something else, or change what it prints.
const unwanted = /^(AZURE_|COMMUNICATION|IDENTITY_|MSI_|DOTENV_|DEBUG$|NODE_|VITEST|npm_|(HTTPS?|ALL|NO)_PROXY$)/i;

/** Returns the environment of this process without the user's own settings, and with the given ones. */
export function environmentWith(settings: object): NodeJS.ProcessEnv {
  const neutral = Object.entries(process.env).filter(([name]) => !unwanted.test(name));
  return { ...Object.fromEntries(neutral), ...settings };
}
