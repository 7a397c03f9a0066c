// The environment of the processes that the tools and the tests start.

// What could redirect a program to something else, or change what it prints.
const foreign = /^(AZURE_|COMMUNICATION|IDENTITY_|MSI_|DOTENV_|DEBUG$|NODE_|VITEST|npm_|(HTTPS?|ALL|NO)_PROXY$)/i;

/** Returns the environment of this process without the user's own settings, and with the given ones. */
export function environmentWith(settings: object): NodeJS.ProcessEnv {
  const neutral = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  return { ...Object.fromEntries(neutral), ...settings };
}
