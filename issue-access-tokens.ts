const about = `An identity represents a user of your application in Azure Communication
Services (ACS). With an access token, the user's app or web page acts as that
identity in calls or chats until the token expires or is revoked. This code can
issue tokens for anyone, so it belongs on a server, never in that app or page.`;

const settings = `
Set one of these variables in the environment or in a .env file (UTF-8). The
environment takes precedence, even if the variable is empty there:
COMMUNICATION_SERVICES_CONNECTION_STRING="endpoint=https://<resource>.communication.azure.com/;accesskey=<key>"
COMMUNICATION_SERVICES_ENDPOINT="https://<resource>.communication.azure.com/"
The first contains an access key, and is used if both are set. The second
requires a sign-in to Microsoft Entra ID. The Azure portal shows both under
Settings > Keys of your resource. No resource? Use the emulator: npm run local`;

const usage = `Usage: npx tsx issue-access-tokens.ts [--step] [--timeout <seconds>] [--help]
  --step               show the code of each step, and wait for Enter
  --timeout <seconds>  time limit per step and its retries (30; at most 86400)
${settings}

Exit codes: 0 success, 1 failure, 2 invalid arguments or settings (nothing was
sent). Interrupted: 130 by Ctrl+C, 143 by SIGTERM, 129 by SIGHUP.`;

// Copy the code between two tags, such as <imports>, into your application.

// <imports>
import { CommunicationIdentityClient } from "@azure/communication-identity";
// </imports>
import type { AuthenticationError } from "@azure/identity";
import dotenv from "dotenv";
import { readFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs, styleText } from "node:util";

const [file, source] = [basename(import.meta.filename), readFileSync(import.meta.filename, "utf8")];
const [keyName, endpointName] = ["COMMUNICATION_SERVICES_CONNECTION_STRING", "COMMUNICATION_SERVICES_ENDPOINT"];
const proxyNames = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"];
const creating = new Set<Promise<unknown>>(); // the requests in progress that create an identity
const created = new Map<string, () => Promise<void>>(); // how to delete each identity that exists, by ID
const stop = new AbortController(); // aborted when the program ends
const options = prepare();
let step = { number: -1, title: "The program" }; // the current one

try {
  console.log("Azure Communication Services - Access Tokens Quickstart");

  await startStep("Authenticate the client", "authenticate_client");
  // <authenticate_client>
  // The connection string contains an access key. With only an endpoint,
  // DefaultAzureCredential signs in to Microsoft Entra ID, as a service
  // principal, as a managed identity, or with the Azure CLI.
  const connectionString = process.env.COMMUNICATION_SERVICES_CONNECTION_STRING;
  const endpoint = process.env.COMMUNICATION_SERVICES_ENDPOINT ?? "";
  const client = connectionString
    ? new CommunicationIdentityClient(connectionString)
    : new CommunicationIdentityClient(endpoint, new (await import("@azure/identity")).DefaultAzureCredential());
  // </authenticate_client>
  noteIdentities(client); // The program deletes them when it ends.

  await startStep("Create an identity", "create_identity");
  // <create_identity>
  // Store the ID with the matching user in your application: the service
  // can't list existing identities.
  const identity = await client.createUser();
  console.log(`\nCreated an identity with ID: ${identity.communicationUserId}`);
  // </create_identity>

  await startStep("Issue an access token", "issue_token");
  // <issue_token>
  // A scope is what the token allows: "voip" (calls), "voip.join", "chat",
  // "chat.join", or "chat.join.limited". The token is valid for 24 hours, unless
  // a third argument sets 60 to 1440 minutes: { tokenExpiresInMinutes: 60 }.
  const issuedToken = await client.getToken(identity, ["voip"]);
  console.log(`\nIssued an access token with 'voip' scope that expires at ${issuedToken.expiresOn.toISOString()}:`);
  console.log(issuedToken.token);
  // </issue_token>

  await startStep("Create an identity with a token", "create_identity_and_token");
  // <create_identity_and_token>
  // A single request creates a second identity and issues its first token.
  const userAndToken = await client.createUserAndToken(["voip"]);
  console.log(`\nCreated an identity with ID: ${userAndToken.user.communicationUserId}`);
  console.log(`\nIssued an access token with 'voip' scope that expires at ${userAndToken.expiresOn.toISOString()}:`);
  console.log(userAndToken.token);
  // </create_identity_and_token>

  await startStep("Refresh an access token", "refresh_token");
  // <refresh_token>
  // Before the first identity's token expires, which interrupts a call or chat,
  // issue a new one for the stored ID. Until then, both are valid.
  const storedId = identity.communicationUserId;
  const newToken = await client.getToken({ communicationUserId: storedId }, ["voip"]);
  console.log(`\nRefreshed an access token with 'voip' scope that expires at ${newToken.expiresOn.toISOString()}:`);
  console.log(newToken.token);
  // </refresh_token>

  await startStep("Revoke access tokens", "revoke_tokens");
  // <revoke_tokens>
  // Revokes the first identity's tokens (not the second's), for example after a
  // password change, within 15 minutes. The identity can get new tokens.
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

  if (options.input)
    console.error(`
To send tokens to the user's app or web page, see "Use the token" in README.md.
Now try this in step 2 of ${file}: change "voip" to "video", or
pass { tokenExpiresInMinutes: 30 } as the third argument. Then run it again.`);
} catch (error) {
  end(step.number === 0 ? 2 : 1, explain(error));
} finally {
  end(0); // deletes the identities that are left
}

// The rest runs the steps in a terminal, explains failures, and cleans up. Applications don't need it.

/** Reads the options and settings. Exits if one is invalid, without printing it. Handles signals. */
function prepare() {
  const options = readOptions();
  checkSettings(dotenv.config({ quiet: true }).error);
  process.stdout.on("error", ({ message }) => end(1, `Printing the results failed: ${message}`));
  process.on("unhandledRejection", (error) => end(1, explain(error, "A call without await")));
  process.on("uncaughtException", ({ stack }) => end(1, stack));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
    process.on(signal, (_, number) => end(128 + number, "Interrupted. Cleaning up (9 seconds at most)."));
  return options;
}

function readOptions() {
  try {
    const { step, timeout, help } = parseArgs({
      options: { step: { type: "boolean" }, timeout: { type: "string" }, help: { type: "boolean", short: "h" } },
    }).values;
    if (help) process.exit(void console.log(usage));
    const seconds = Number(timeout ?? 30);
    const input = step ? createInterface({ input: process.stdin, signal: stop.signal }) : undefined;
    if (seconds > 0 && seconds <= 86_400) return { seconds, input: input?.[Symbol.asyncIterator]() };
  } catch {}
  console.error(usage);
  process.exit(2);
}

function checkSettings({ message } = { message: resolve(".env") }) {
  // The SDK accepts quotes only around a connection string.
  const connectionString = /^["'\s]*endpoint=(https:\/\/[\w.:[\]-]+\/?);accesskey=[\w+/]+=*[;"'\s]*$/i;
  const name = process.env[keyName] ? keyName : endpointName;
  const value = process.env[name] ?? "";
  const form = name === keyName ? connectionString : /^[ \t\r\n]*(https:\/\/[\w.:[\]-]+\/?)[ \t\r\n]*$/i;
  const isValid = URL.canParse(`${form.exec(value)?.[1]}`);
  const proxy = proxyNames.map((key) => process.env[key]).find(Boolean) ?? "http://x";
  if (isValid && /^https?:\/\//i.test(proxy) && URL.canParse(proxy)) return;
  const other = Object.keys(process.env).find((key) => connectionString.test(process.env[key] ?? ""));
  const [, problem] = [
    [isValid, "Check that HTTPS_PROXY, ALL_PROXY, or HTTP_PROXY is a URL, with http://."],
    [value.includes("<"), `${name} still contains placeholders. Replace <resource> and <key>.`],
    [name === endpointName && other, `${other} contains a connection string, but the program reads ${keyName}.`],
    [!value.trim(), `Found no settings in the environment or in .env (${message}).`],
    [/^endpoint=(?!.*accesskey)/i.test(value), `${name} has no access key. In a shell, set it in quotes.`],
    [true, `${name} isn't in the following form.`],
  ].find(([applies]) => applies)!;
  console.error(isValid ? problem : problem + settings);
  process.exit(2);
}

/** Starts a step and its time limit. With --step, shows its code first, and waits for Enter. */
async function startStep(title: string, tag: string) {
  stop.signal.throwIfAborted();
  const current = (step = { number: step.number + 1, title });
  if (options.input) showCode(tag);
  while (options.input) {
    console.error("\nPress Enter to run this code, or Ctrl+C to stop and clean up.");
    const { value, done } = await options.input.next();
    if (done) end(1, "The input ended before the walkthrough was complete.");
    if (!value) break;
  }
  stop.signal.throwIfAborted();
  const reason = `"${title}" failed: Timed out after ${options.seconds} seconds.
Check the network. The service might be busy, or sign-in slow: set --timeout or AZURE_TOKEN_CREDENTIALS.`;
  const timeUp = () => void (step === current && end(1, reason));
  wait(options.seconds * 1000, undefined, { signal: stop.signal }).then(timeUp, () => {});
}

/** Shows the code of a step, or its title in a bundle, which lacks the tags. */
function showCode(tag: string) {
  const [before = "", code = ""] = source.split(`${tag}>`); // code ends with // </
  const [number = 0, count] = [before, source].map((text) => text.split("\n  await startStep(").length - 2);
  const place = code && `  (${file}:${before.split("\n").length + 1})`;
  const heading = code && number > 0 ? `Step ${number} of ${count}: ${step.title}` : step.title;
  if (step.number === 0) console.error(`\n${about}`);
  console.error(`\n${styleText("bold", heading, { stream: process.stderr })}${place}\n${code.slice(0, -5).trimEnd()}`);
}

/** Makes the client note what it creates and deletes, before a step gets the result. */
function noteIdentities(client: CommunicationIdentityClient) {
  const { createUser, createUserAndToken, deleteUser } = client;
  const note = (user: { communicationUserId: string }) =>
    created.set(user.communicationUserId, () => client.deleteUser(user));
  const create = async <Result>(send: () => Promise<Result>, done: (result: Result) => unknown) => {
    stop.signal.throwIfAborted();
    const request = send().then((result) => (done(result), result));
    creating.add(request);
    return request.finally(() => creating.delete(request));
  };
  client.createUser = (...args) => create(createUser.bind(client, ...args), note);
  client.createUserAndToken = (...args) => create(createUserAndToken.bind(client, ...args), ({ user }) => note(user));
  client.deleteUser = async (user, options) => {
    const error = await deleteUser.call(client, user, options).catch((error) => error);
    if (!error || error.statusCode === 404) created.delete(user.communicationUserId);
    if (error) throw error;
  };
}

/** Prints the reason, deletes the identities in up to four rounds, and ends the program within 9 seconds. */
async function end(exitCode: number, reason?: string) {
  if (stop.signal.aborted && process.exitCode) return;
  process.exitCode ||= exitCode;
  if (reason) console.error(reason);
  setTimeout(() => process.exit(process.exitCode || 1), 9000).unref(); // if something hangs
  if (stop.signal.aborted) return;
  stop.abort();
  const deleted = new Set<string>();
  for (const time of [4000, 2000, 2000, 800]) {
    const calls = Array.from(created, ([id, remove]) => remove().then(() => deleted.add(id)));
    await Promise.race([Promise.allSettled([...creating, ...calls]), wait(time, undefined, { ref: false })]);
  }
  const left = [...created.keys()].join(", ");
  if (left || creating.size) process.exitCode ||= 1;
  else if (process.exitCode && !deleted.size) console.error("No known identities to delete.");
  if (deleted.size) console.error(`Identities deleted: ${deleted.size}`);
  if (left) console.error(`Couldn't confirm that these identities were deleted: ${left}`);
  if (creating.size) console.error("A request hasn't finished. An identity that it creates remains.");
  if (process.exitCode) setTimeout(() => process.exit(), creating.size ? 0 : 100).unref();
}

type SdkError = Error & Partial<AuthenticationError> & { code?: string; request?: { url: string; requestId: string } };

/** Says in a few lines, without secrets, what failed and what to do. */
function explain(error: unknown, what = `"${step.title}"`): string {
  const { name, message, stack = "", code = "", request, statusCode = 0, errorResponse } = error as SdkError;
  const status = request ? statusCode : 0; // The SDK invents one for a failed sign-in.
  const isSignIn = /^\w*(Authentication|Credential)|AZURE_TOKEN/.test(`${name} ${message}`);
  const cause = errorResponse?.errorDescription ?? `${message}`;
  const text = [status, cause.includes(code) ? "" : code, cause].filter(Boolean).join(" ");
  const safe = text.replaceAll(/(eyJ|(?<=key=))[\w.+/=-]+/gi, "<secret>");
  const lines = safe.replaceAll(/\p{Cc}+/gu, isSignIn ? "\n" : " ").split("\n");
  const [summary, ...details] = lines.map((line) => line.trim().slice(0, 300)).slice(0, 9);
  const az = "If you're signed in, az account get-access-token --resource https://communication.azure.com/ shows why.";
  const advice = [
    [isSignIn && !step.number, ""],
    [/network_error|Http status/.test(cause), "Check the proxy: set NODE_EXTRA_CA_CERTS if it opens TLS, or NO_PROXY."],
    [cause.includes("run 'az login'"), az],
    [isSignIn, "Check the network and the sign-in. To see more causes, set AZURE_LOG_LEVEL=warning."],
    [name !== "RestError", "If you changed the code, npx tsc might show why. Otherwise, the response isn't from ACS."],
    [/CERT|LEAF/.test(code), "Check the clock and host. For a proxy or emulator, set NODE_EXTRA_CA_CERTS (PEM file)."],
    [status === 429 || status >= 500, "Check the network, or try again later: the service might be busy."],
    [status === 0, "Check the endpoint, network, and proxy."],
    [["", "PARSE_ERROR"].includes(code), "The response isn't from ACS: check the endpoint and proxy."],
    [status === 400, "If you changed the code, npx tsc might show why."],
    [process.env[keyName] && status === 403, "Check the networking settings of the resource."],
    [process.env[keyName] && code === "Denied", "Check the clock, and that the key is current and of this resource."],
    [step.number === 1 && [401, 403].includes(status), "Assign a role, such as Contributor, or use az login --tenant."],
  ].find(([applies]) => applies)?.[1];
  const line = stack.split(`${file}:`).slice(1).at(-1);
  const host = request ? ` for ${new URL(request.url).host}` : "";
  const place = line && !isSignIn ? ` at ${file}:${parseInt(line)}` : "";
  const id = status && `Request ID: ${request?.requestId}`;
  return [`${what} failed${host || place}: ${summary}`, id, advice, ...details].filter(Boolean).join("\n");
}
