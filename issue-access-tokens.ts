// Walks through the life cycle of an identity and its access tokens in Azure
// Communication Services (ACS), and cleans up after itself.
//
// Usage: npx tsx issue-access-tokens.ts [--step] [--timeout <seconds>] [--help]
//   --step               wait for Enter before each of the six steps
//   --timeout <seconds>  time limit per step, including retries (default: 30)
//
// Set one of these variables in the environment or in a .env file:
//   COMMUNICATION_SERVICES_CONNECTION_STRING  use an access key (takes precedence)
//   COMMUNICATION_SERVICES_ENDPOINT           use Microsoft Entra ID
//
// Exit codes: 0 success, 1 failure, 2 invalid arguments or settings (nothing was
// sent), 130 interrupted with Ctrl+C.

// <imports>
import { CommunicationIdentityClient } from "@azure/communication-identity";
// </imports>
import dotenv from "dotenv";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";

const created = new Map<string, () => Promise<void>>(); // deletes each identity that still exists, by ID
let host = ""; // the host of the resource
let seconds = 30; // the time limit per step
let typedLines: AsyncIterator<string> | undefined; // the lines typed at the prompt, with --step
let currentStep: string | undefined; // undefined until the settings have been checked
let timer: NodeJS.Timeout | undefined; // limits the current step, then the wait for its response
type RequestError = Error & { code?: string; statusCode?: number; request?: { requestId: string } }; // of the SDK

try {
  readOptions();
  readSettings();
  handleInterruptions();
  console.log("Azure Communication Services - Access Tokens Quickstart");

  // <authenticate_client>
  // The connection string contains an access key, which signs every request.
  // With only an endpoint, DefaultAzureCredential signs in to Microsoft Entra
  // ID: with a service principal, a managed identity, or the Azure CLI. Its
  // package is imported only then, because it takes a while to load. Quotes are
  // removed from the endpoint, because "docker run --env-file" keeps them.
  const connectionString = process.env.COMMUNICATION_SERVICES_CONNECTION_STRING;
  const endpoint = process.env.COMMUNICATION_SERVICES_ENDPOINT?.replaceAll(/["']/g, "") ?? "";
  const client = connectionString
    ? new CommunicationIdentityClient(connectionString)
    : new CommunicationIdentityClient(endpoint, new (await import("@azure/identity")).DefaultAzureCredential());
  // </authenticate_client>

  await next("Creating an identity");
  // <create_identity>
  // Store the ID with the matching user in your application: the service
  // cannot list existing identities.
  const identity = await client.createUser();
  console.log(`\nCreated an identity with ID: ${identity.communicationUserId}`);
  // </create_identity>
  created.set(identity.communicationUserId, () => client.deleteUser(identity));

  await next("Issuing an access token");
  // <issue_token>
  // The scopes are "voip", "voip.join", "chat", "chat.join", and
  // "chat.join.limited". The token is valid for 24 hours, unless a third
  // argument sets 60 to 1440 minutes, such as { tokenExpiresInMinutes: 60 }.
  const issuedToken = await client.getToken(identity, ["voip"]);
  console.log(`\nIssued an access token with 'voip' scope that expires at ${issuedToken.expiresOn.toISOString()}:`);
  console.log(issuedToken.token);
  // </issue_token>

  await next("Creating an identity with an access token");
  // <create_identity_and_token>
  // A single request does both, for a user who starts right away.
  const userAndToken = await client.createUserAndToken(["voip"]);
  console.log(`\nCreated an identity with ID: ${userAndToken.user.communicationUserId}`);
  console.log(`\nIssued an access token with 'voip' scope that expires at ${userAndToken.expiresOn.toISOString()}:`);
  console.log(userAndToken.token);
  // </create_identity_and_token>
  created.set(userAndToken.user.communicationUserId, () => client.deleteUser(userAndToken.user));

  await next("Refreshing the access token");
  // <refresh_token>
  // To refresh a token, issue a new one before the old one expires. All you
  // need is the ID that you stored.
  const storedId = identity.communicationUserId;
  const newToken = await client.getToken({ communicationUserId: storedId }, ["voip"]);
  console.log(`\nRefreshed an access token with 'voip' scope that expires at ${newToken.expiresOn.toISOString()}:`);
  console.log(newToken.token);
  // </refresh_token>

  await next("Revoking the access tokens");
  // <revoke_tokens>
  // Invalidates every token issued to this identity so far, within 15 minutes.
  // The identity remains, and you can issue new tokens for it.
  await client.revokeTokens(identity);
  console.log(`\nSuccessfully revoked all access tokens for identity with ID: ${identity.communicationUserId}`);
  // </revoke_tokens>

  await next("Deleting the identities");
  // <delete_identity>
  // Deleting an identity revokes its tokens and removes its data. You can no
  // longer issue tokens for it.
  await client.deleteUser(identity);
  console.log(`\nDeleted the identity with ID: ${identity.communicationUserId}`);
  await client.deleteUser(userAndToken.user);
  console.log(`\nDeleted the identity with ID: ${userAndToken.user.communicationUserId}`);
  // </delete_identity>
  created.clear();
} catch (error) {
  end(currentStep ? 1 : 2, error);
} finally {
  await cleanUp();
}

/** Reads the command line. */
function readOptions() {
  const options = { step: { type: "boolean" }, timeout: { type: "string" }, help: { type: "boolean" } } as const;
  const { step, timeout = "30", help } = parseArgs({ options }).values;
  if (help) {
    const [header] = readFileSync(import.meta.filename, "utf8").split("\n// <imports>");
    console.log(header?.replaceAll("// ", "").replaceAll("//", ""));
    process.exit();
  }
  seconds = Number(timeout);
  if (!(seconds > 0 && seconds <= 86_400)) throw new Error("--timeout must be more than 0 and at most 86400 seconds.");
  if (step) typedLines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
}

/** Checks the settings before anything is sent. Never prints a value, because it may contain the access key. */
function readSettings() {
  const envFile = dotenv.config({ quiet: true }).error
    ? "This folder has no readable .env file."
    : "The .env file sets neither, is not saved as UTF-8, or is overridden by an empty environment variable.";
  const [keyName, endpointName] = ["COMMUNICATION_SERVICES_CONNECTION_STRING", "COMMUNICATION_SERVICES_ENDPOINT"];
  const withKey = Boolean(process.env[keyName]);
  const name = withKey ? keyName : endpointName;
  const value = process.env[name]?.toLowerCase().replaceAll(/^["' \r\n]+|["' \r\n]+$/g, "");
  if (!value) {
    const similar = Object.keys(process.env).find((key) => /communication(services)?_connection/i.test(key));
    if (similar) throw new Error(`${similar} is set, but this program reads ${keyName}.`);
    throw new Error(`Set ${keyName} or ${endpointName} in the environment or in a .env file.
${envFile}
You find both in the Azure portal, on your Communication Services resource, under Settings > Keys.
No resource yet? Run the walkthrough against the emulator: npm run local`);
  }
  if (value.includes("<"))
    throw new Error(`${name} still contains placeholders. Replace <resource> and <key>
with the values that the portal shows under Settings > Keys. Without a resource: npm run local`);
  if (!withKey && value.includes("accesskey="))
    throw new Error(`${name} contains a connection string. Set ${keyName} instead.`);
  const form = withKey ? /^endpoint=https:\/\/([\w.:-]+)\/?;accesskey=[\w+/]+=*;?$/ : /^https:\/\/([\w.:-]+)\/?$/;
  [, host = ""] = form.exec(value) ?? [];
  const url = "https://<resource>.communication.azure.com/";
  if (!host) throw new Error(`${name} does not have this form: ${withKey ? `endpoint=${url};accesskey=<key>` : url}`);
}

/** Ends the walkthrough on Ctrl+C, on a termination signal, and when stdout closes. */
function handleInterruptions() {
  const interrupt = (_: string, number: number) => end(128 + number, "Interrupted. Cleaning up (15 seconds at most).");
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, interrupt);
  process.stdout.on("error", (error) => end(1, `Printing the results failed: ${error.message}`));
  process.stderr.on("error", () => {}); // There is nowhere left to report it.
}

/** Starts a step: with --step, waits for Enter, then starts the time limit. Throws if the walkthrough has ended. */
async function next(step: string) {
  clearTimeout(timer);
  if (typedLines && process.exitCode === undefined) {
    console.error(`\nNext: ${step}. Press Enter to continue.`);
    if ((await typedLines.next()).done) end(1, "The input ended before the walkthrough was complete.");
  }
  if (process.exitCode !== undefined) throw new Error("The walkthrough has ended.");
  currentStep = step;
  const late = `Not finished within ${seconds} seconds. Check the network. The service may be throttling requests.`;
  timer = setTimeout(() => end(1, new Error(late)), seconds * 1000);
}

/** Ends the walkthrough. Only the first call has an effect: it sets the exit code and prints or explains the reason. */
function end(exitCode: number, reason: unknown) {
  if (process.exitCode !== undefined) return;
  process.exitCode = exitCode;
  console.error(typeof reason === "string" ? reason : explain(reason));
  void typedLines?.return?.();
  clearTimeout(timer);
  timer = setTimeout(cleanUp, 5000); // The response to the current call may contain the ID of a new identity.
}

/** Explains a failure in a few lines without secrets. */
function explain(thrown: unknown): string {
  const error: RequestError = thrown instanceof Error ? thrown : new Error(String(thrown));
  // The message quotes the argument, which may contain the access key.
  if (error.code === "ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL") return "This program takes no positional arguments.";
  const message = /AADSTS\d+.*/.exec(error.message)?.[0] ?? String(error.message);
  const lineLimit = error.statusCode ? 1 : 10; // A failed sign-in has a line for each way that was tried.
  const messageLines = message.replaceAll(/eyJ[\w.-]+/g, "<token>").split("\n", lineLimit);
  const text = messageLines.map((line) => line.slice(0, 300)).join("\n");
  const place = text.includes(host) ? "" : ` for ${host}`;
  const facts = [error.statusCode, error.code].filter((fact) => fact && !text.split(" ").includes(String(fact)));
  const lines = [
    currentStep ? `${currentStep} failed${place}: ${[...facts, text].join(" ")}` : message,
    error.request && `Request ID: ${error.request.requestId}`,
    advice(error),
    currentStep && "For a log, set AZURE_LOG_LEVEL=verbose in the environment. The log can show a proxy's password.",
  ];
  return lines.filter(Boolean).join("\n");
}

/** Returns advice for an error, if there is any. */
function advice({ name, code = "", statusCode: status = 0 }: RequestError) {
  const withKey = Boolean(process.env.COMMUNICATION_SERVICES_CONNECTION_STRING);
  if (name.includes("Authentication") || name.includes("Credential"))
    return "Check the network and the sign-in: service principal, managed identity, or az login. Or use an access key.";
  if (status === 429 || status >= 500) return "The service or a proxy is busy or unavailable: try again later.";
  if (status && (!code || code === "PARSE_ERROR")) return "The response is not from ACS: check the endpoint and proxy.";
  if (status === 401 && withKey)
    return "Check the clock of this machine, and whether the access key was regenerated or is another resource's.";
  if (status === 403 && withKey) return "Check the networking settings of the resource.";
  if (status === 401 || status === 403) return "Assign a role, such as Contributor, to the account that signs in.";
  if (/CERT|VERIFY/.test(code))
    return "Check the endpoint and the clock. For a proxy or the emulator, set NODE_EXTRA_CA_CERTS in the environment.";
  if (!status && (name === "RestError" || code === "ERR_INVALID_URL")) return "Check the endpoint, network, and proxy.";
}

/** Deletes the identities that still exist, within 10 seconds, reports the result, and exits. */
async function cleanUp() {
  clearTimeout(timer);
  const count = created.size;
  const deletions = Array.from(created, ([id, deleteIdentity]) => {
    const forget = () => created.delete(id);
    return deleteIdentity().then(forget, (error: RequestError) => error.statusCode === 404 && forget());
  });
  const written = new Promise((resolve) => process.stdout.write("", resolve)); // Writing to a pipe is asynchronous.
  await Promise.race([Promise.all([...deletions, written]), wait(10_000)]);
  let result = count > 0 ? `Identities deleted: ${count}` : "There was no known identity to delete.";
  if (created.size > 0) result = `Could not confirm the deletion of ${[...created.keys()].join(", ")}`;
  if (process.exitCode && process.exitCode !== 2) console.error(result);
  await Promise.race([new Promise((resolve) => process.stderr.write("", resolve)), wait(1000)]);
  process.exit();
}
