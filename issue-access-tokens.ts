// Copy the code between two tags, such as <issue_token>, into your application.
// The rest runs it as a walkthrough: the life cycle of an identity and its access
// tokens in Azure Communication Services (ACS).
//
// Usage: npx tsx issue-access-tokens.ts [--step] [--timeout <seconds>] [--help]
//   --step               show the code of each step, and wait for Enter
//   --timeout <seconds>  time limit per step, including retries (default: 30)
//
// Set one of these variables in the environment or in a .env file:
//   COMMUNICATION_SERVICES_CONNECTION_STRING  use an access key (takes precedence)
//   COMMUNICATION_SERVICES_ENDPOINT           use Microsoft Entra ID
// No Azure account? Use the emulator: npm run local, or step by step: npm run step
//
// Exit codes: 0 success, 1 failure, 2 invalid arguments or settings (nothing was
// sent), 130 interrupted with Ctrl+C, 143 by SIGTERM, 129 by SIGHUP.

// <imports>
import { CommunicationIdentityClient } from "@azure/communication-identity";
// </imports>
import dotenv from "dotenv";
import { readFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs, styleText } from "node:util";

const created = new Map<string, () => Promise<void>>(); // how to delete each identity that might exist, by ID
const deletions = new Map<string, Promise<unknown>>(); // the deletions that the cleanup has started, by ID
const ended = new AbortController(); // aborted when the walkthrough ends early
let options: ReturnType<typeof readOptions>;
let step: { number: number; title: string; timer?: NodeJS.Timeout } = { number: 0, title: "Authenticate the client" };
let timeUp: Promise<void> | undefined; // resolves 10 seconds after the cleanup has started
type SdkError = Error & { code?: string; statusCode?: number; request?: { url: string; requestId: string } };

try {
  for (const output of [process.stdout, process.stderr]) output.on("error", () => {}); // A closed output isn't fatal.
  options = readOptions();
  dotenv.config({ quiet: true });
  checkSettings();
  handleInterruptions();
  console.log("Azure Communication Services - Access Tokens Quickstart");

  // <authenticate_client>
  // The connection string contains an access key. With only an endpoint,
  // DefaultAzureCredential signs in to Microsoft Entra ID: with a service
  // principal, a managed identity, or the Azure CLI.
  const connectionString = process.env.COMMUNICATION_SERVICES_CONNECTION_STRING;
  const endpoint = process.env.COMMUNICATION_SERVICES_ENDPOINT ?? "";
  const client = connectionString
    ? new CommunicationIdentityClient(connectionString)
    : new CommunicationIdentityClient(endpoint, new (await import("@azure/identity")).DefaultAzureCredential());
  // </authenticate_client>

  await startStep("Create an identity", "create_identity");
  // <create_identity>
  // Store the ID with the matching user in your application: the service
  // can't list existing identities.
  const identity = await client.createUser();
  console.log(`\nCreated an identity with ID: ${identity.communicationUserId}`);
  // </create_identity>
  created.set(identity.communicationUserId, () => client.deleteUser(identity)); // also deleted if a step fails

  await startStep("Issue an access token", "issue_token");
  // <issue_token>
  // The scopes are "voip", "voip.join", "chat", "chat.join", and
  // "chat.join.limited". The token is valid for 24 hours, unless a third
  // argument sets 60 to 1440 minutes, such as { tokenExpiresInMinutes: 60 }.
  const issuedToken = await client.getToken(identity, ["voip"]);
  console.log(`\nIssued an access token with 'voip' scope that expires at ${issuedToken.expiresOn.toISOString()}:`);
  console.log(issuedToken.token);
  // </issue_token>

  await startStep("Create an identity with a token", "create_identity_and_token");
  // <create_identity_and_token>
  // A single request does both, for a new user who needs a token right away.
  const userAndToken = await client.createUserAndToken(["voip"]);
  console.log(`\nCreated an identity with ID: ${userAndToken.user.communicationUserId}`);
  console.log(`\nIssued an access token with 'voip' scope that expires at ${userAndToken.expiresOn.toISOString()}:`);
  console.log(userAndToken.token);
  // </create_identity_and_token>
  created.set(userAndToken.user.communicationUserId, () => client.deleteUser(userAndToken.user));

  await startStep("Refresh an access token", "refresh_token");
  // <refresh_token>
  // To refresh a token, issue a new one for the stored ID before the old one
  // expires. Until then, both are valid.
  const storedId = identity.communicationUserId;
  const newToken = await client.getToken({ communicationUserId: storedId }, ["voip"]);
  console.log(`\nRefreshed an access token with 'voip' scope that expires at ${newToken.expiresOn.toISOString()}:`);
  console.log(newToken.token);
  // </refresh_token>

  await startStep("Revoke access tokens", "revoke_tokens");
  // <revoke_tokens>
  // Revokes all tokens issued so far, for example after a password change. This
  // can take up to 15 minutes. The identity remains and can get new tokens.
  await client.revokeTokens(identity);
  console.log(`\nSuccessfully revoked all access tokens for identity with ID: ${identity.communicationUserId}`);
  // </revoke_tokens>

  await startStep("Delete the identities", "delete_identity");
  // <delete_identity>
  // Deleting an identity revokes its tokens and removes its data. You can no
  // longer issue tokens for it.
  await client.deleteUser(identity);
  console.log(`\nDeleted the identity with ID: ${identity.communicationUserId}`);
  await client.deleteUser(userAndToken.user);
  console.log(`\nDeleted the identity with ID: ${userAndToken.user.communicationUserId}`);
  // </delete_identity>
  created.clear();
  ended.signal.throwIfAborted();
  if (options.typedLines)
    console.error(`\nAll ${step.number} steps are done. Both identities are deleted. Next: README, "Use the token"`);
} catch (error) {
  end(step.number === 0 ? 2 : 1, error as Error);
} finally {
  await cleanUp();
}

// An application needs nothing of what follows: it runs the steps in a terminal, explains failures, and cleans up.

/** Reads the command line. For --help, prints the usage from the top of this file and exits. */
function readOptions() {
  const { step, timeout, help } = parseArgs({
    options: { step: { type: "boolean" }, timeout: { type: "string" }, help: { type: "boolean", short: "h" } },
  }).values;
  const source = readFileSync(import.meta.filename, "utf8");
  if (help) {
    console.log(/^\/\/ Usage[^]*?(?=\n\n)/m.exec(source)?.[0].replaceAll(/^\/\/ ?/gm, ""));
    process.exit();
  }
  const seconds = Number(timeout ?? 30);
  if (!(seconds > 0 && seconds <= 86_400)) throw new Error("--timeout must be more than 0 and at most 86400 seconds.");
  const typedLines = step ? createInterface({ input: process.stdin, signal: ended.signal }) : undefined;
  return { source, seconds, typedLines: typedLines?.[Symbol.asyncIterator]() };
}

/** Checks the settings. Throws an error that contains no value, because that might be the access key. */
function checkSettings() {
  const [keyName, endpointName] = ["COMMUNICATION_SERVICES_CONNECTION_STRING", "COMMUNICATION_SERVICES_ENDPOINT"];
  const name = process.env[keyName] ? keyName : endpointName;
  const value = process.env[name]?.trim() ?? "";
  const similarName = Object.keys(process.env).find((key) => /communication(services)?_connection/i.test(key));
  const emptyName = [keyName, endpointName].find((key) => key in process.env);
  const reject = (problem: string) => {
    throw new Error(`${problem}
Set one of these variables, in this form, in the environment or in a .env file:
${keyName}="endpoint=https://<resource>.communication.azure.com/;accesskey=<key>"
${endpointName}="https://<resource>.communication.azure.com/"
The Azure portal shows both under Settings > Keys of your resource. No resource? Use the emulator: npm run local`);
  };
  if (!value && similarName) reject(`${similarName} is set, but this program reads ${keyName}.`);
  if (!value && emptyName) reject(`${emptyName} is empty. An empty variable in the environment hides the one in .env.`);
  if (!value) reject(`Found no settings in the environment or in ${resolve(".env")} (which must be UTF-8).`);
  if (value.includes("<")) reject(`${name} still contains placeholders. Replace <resource> and <key>.`);
  if (/^["']?endpoint=[^;]*;?["']?$/i.test(value)) reject(`${name} has no access key. In a shell, set it in quotes.`);
  if (name === endpointName && /accesskey/i.test(value)) reject(`${name} has an access key. Set it as ${keyName}.`);
  if (name === endpointName && /["']/.test(value)) reject(`${name} contains quotation marks. Set it without them.`);
  const url = "https://(localhost|[\\w-]+\\.[\\w.-]+)(:\\d+)?/?";
  const form = name === keyName ? `endpoint=${url};accesskey=[\\w+/]+=*;?` : url;
  if (!new RegExp(`^["' ]*${form}["' ]*$`, "i").test(value)) reject(`${name} isn't in the following form.`);
}

/** Starts a step: with --step, shows its code and waits for Enter. Then starts its time limit. */
async function startStep(title: string, tag: string) {
  clearTimeout(step.timer);
  step = { number: step.number + 1, title };
  if (options.typedLines && !ended.signal.aborted) {
    if (step.number === 1) showCode("Already run: Authenticate the client", "authenticate_client");
    showCode(`Step ${step.number} of ${options.source.match(/await startStep\(/g)?.length}: ${title}`, tag);
    console.error("\nPress Enter to run this code, or Ctrl+C to stop and clean up.");
    if ((await options.typedLines.next()).done) end(1, "The input ended before the walkthrough was complete.");
  }
  ended.signal.throwIfAborted();
  const reason = `"${title}" failed: Timed out after ${options.seconds} seconds.\n${advice(504, "TIMEOUT")}`;
  step.timer = setTimeout(() => end(1, reason), options.seconds * 1000);
}

/** Shows a snippet of this file under a heading, in 80 columns. A bundle has no comments: only the heading remains. */
function showCode(heading: string, tag: string) {
  const [before = "", code = ""] = options.source.split(new RegExp(`// </?${tag}>\\r?\\n`));
  const place = code && `  (${basename(import.meta.filename)}:${before.split("\n").length + 1})\n`;
  console.error(`\n${styleText("bold", heading, { stream: process.stderr })}${place}`);
  console.error(styleText("cyan", code.trimEnd().replace(/^(.{79}).{2,}$/gm, "$1…"), { stream: process.stderr }));
}

/** Handles what ends the walkthrough from outside its steps. */
function handleInterruptions() {
  process.stdout.on("error", (error) => end(1, `Printing the results failed: ${error.message}`));
  process.on("uncaughtException", (error) => end(1, error)); // for example, in a call without await
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
    process.on(signal, (_, number) => end(128 + number, "Interrupted. Cleaning up (15 seconds at most)."));
}

// A signal, a closed stdout, a time limit, or an error ends the walkthrough early: end() sets the exit code and prints
// the first reason, or a bug in explain(). The call in progress has 5 seconds to finish, because its response might
// contain a new ID; the next startStep() throws. Then cleanUp() deletes what exists, within 10 seconds, and exits.
function end(exitCode: number, reason: string | Error) {
  if (ended.signal.aborted) return;
  ended.abort();
  process.exitCode = exitCode;
  setTimeout(cleanUp, 5000);
  (async () => console.error(typeof reason === "string" ? reason : explain(reason)))().catch(console.error);
}

/** Explains an error in a few lines, without secrets: what failed, what to do about it, and details. */
function explain({ name, message, stack = "", code = "", statusCode, request }: SdkError): string {
  if (step.number === 0 && code === "ERR_INVALID_URL") return "HTTPS_PROXY (or ALL_PROXY, HTTP_PROXY) isn't a URL.";
  // An unexpected argument might contain the access key.
  if (/^ERR_PARSE_ARGS/.test(code)) return `${message.replace(/argument '.*'/s, "argument")}\nFor help, add --help.`;
  if (step.number === 0 && name === "Error") return message;
  // An error of EnvironmentCredential has status 400 whatever happened. The cause comes after "More details".
  const text = `${message}`.replace(/ Status code: \d+\nMore details:/, "").replaceAll(/eyJ[\w.-]+/g, "<token>");
  const [first = "", ...details] = text.split(/\s*\n/, 9).map((line) => line.slice(0, 300));
  const failed = `"${step.title}" failed`;
  if (/Authentication|Credential/.test(name)) {
    const signIn = "Check the network and the sign-in. To see more causes, set AZURE_LOG_LEVEL=warning.";
    return [`${failed}: ${/AADSTS\d+.*/.exec(text)?.[0] ?? first}`, signIn, ...details].join("\n");
  }
  const [line] = new RegExp(`${basename(import.meta.filename)}:\\d+`).exec(stack) ?? [];
  if (name !== "RestError") return line ? `${failed} at ${line}: ${first}` : `${failed}: ${first}`;
  const host = request ? ` for ${new URL(request.url).host}` : "";
  const facts = [statusCode, code].filter((fact) => fact && !first.split(" ").includes(String(fact)));
  const id = statusCode && request ? `Request ID: ${request.requestId}` : "";
  return [`${failed}${host}: ${[...facts, first].join(" ")}`, id, advice(statusCode, code)].filter(Boolean).join("\n");
}

/** Returns advice about a response, or about none. The order matters: what is known for certain comes first. */
function advice(status = 0, code: string): string {
  const withKey = Boolean(process.env.COMMUNICATION_SERVICES_CONNECTION_STRING);
  if (code === "TIMEOUT" && !withKey && step.number === 1)
    return "The sign-in might be slow: set a longer --timeout, or name your credential in AZURE_TOKEN_CREDENTIALS.";
  if (/CERT|LEAF/.test(code)) return "Check the clock. For a proxy or emulator, set NODE_EXTRA_CA_CERTS to a PEM file.";
  if (status === 429 || status >= 500) return "Check the network, or try again later: the service might be busy.";
  if (!status) return "Check the endpoint, network, and proxy.";
  if (!code || code === "PARSE_ERROR") return "The response isn't from ACS: check the endpoint and proxy.";
  if (![401, 403].includes(status) || code === "IdentityNotOwned") return "";
  if (withKey && status === 403) return "Check the networking settings of the resource.";
  if (withKey) return "Check the clock, and whether the access key was regenerated or is another resource's.";
  return step.number > 1 ? "" : "Assign a role, such as Contributor, or sign in to another tenant (az login --tenant).";
}

/** Deletes the identities that still exist, within 10 seconds, reports the result, and exits. */
async function cleanUp() {
  clearTimeout(step.timer);
  for (const [id, deleteIdentity] of created) {
    const forget = (error?: SdkError) => (!error || error.statusCode === 404) && created.delete(id);
    deletions.set(id, deletions.get(id) ?? deleteIdentity().then(() => forget(), forget));
  }
  timeUp ??= wait(10_000); // A second call, for an ID that arrives meanwhile, has the same limit.
  for (const deletion of deletions.values()) await Promise.race([deletion, timeUp]);
  await Promise.race([new Promise((done) => process.stdout.write("", done)), wait(1000)]); // until it's printed
  const left = [...created.keys()].map(String).join(", ");
  let text = deletions.size > 0 ? `Identities deleted: ${deletions.size}` : "No identities to delete.";
  if (left) text = `Couldn't confirm that these identities were deleted: ${left}`;
  if (ended.signal.aborted && step.number > 0) console.error(text);
  process.exit();
}
