const about = `An identity represents a user of your application in Azure Communication
Services (ACS). With an access token, a client, such as a web page, acts as that
identity in calls or chats until the token expires or is revoked. This code can
issue tokens for anyone, so it belongs on a server, never in a client.`;

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

const nextSteps = `
All steps are done. In your application, the server stores the ID of each user's
identity, and sends tokens to the user's client: "Use the token" in README.md
shows how. Now try this: pass { tokenExpiresInMinutes: 60 } to getToken.`;

// Copy the code between two tags, such as <issue_token>, into your application.

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

type SdkError = Error & Partial<AuthenticationError> & { code?: string; request?: { url: string; requestId: string } };
const [file, source] = [basename(import.meta.filename), readFileSync(import.meta.filename, "utf8")];
const created = new Map<string, () => Promise<void>>(); // how to delete each identity that exists, by ID
const stop = new AbortController(); // aborted when no other step can start
const idle = new AbortController(); // aborted when no step is running
const options = prepare();
let step: { number: number; title: string; timer?: NodeJS.Timeout } = { number: -1, title: "" }; // the current one

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

  await startStep("Create an identity", "create_identity");
  // <create_identity>
  // Store the ID with the matching user in your application: the service
  // can't list existing identities.
  const identity = await client.createUser();
  console.log(`\nCreated an identity with ID: ${identity.communicationUserId}`);
  // </create_identity>
  created.set(identity.communicationUserId, () => client.deleteUser(identity)); // so that it's deleted if a step fails

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
  // A single request creates an identity and its first token, for a new user.
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
  // Revokes all tokens of this identity, for example after a password change.
  // It can take up to 15 minutes. The identity remains and can get new tokens.
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
  created.delete(identity.communicationUserId);
  created.delete(userAndToken.user.communicationUserId);

  end(0, options.input && nextSteps);
} catch (error) {
  end(step.number === 0 ? 2 : 1, explain(error as SdkError));
} finally {
  clearTimeout(step.timer);
  idle.abort(); // lets end() continue
}

// The rest runs the steps in a terminal, explains failures, and cleans up. An application needs none of it.

/** Reads the options and settings, and exits if one is invalid, without printing its value. Handles signals. */
function prepare() {
  const options = readOptions();
  dotenv.config({ quiet: true });
  checkSettings();
  process.stdout.on("error", ({ message }) => end(1, `Printing the results failed: ${message}`));
  process.on("unhandledRejection", (error) => end(1, explain(error as SdkError, "A call without await")));
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

function checkSettings() {
  const [keyName, endpointName] = ["COMMUNICATION_SERVICES_CONNECTION_STRING", "COMMUNICATION_SERVICES_ENDPOINT"];
  const connectionString = /^["'\s]*endpoint=(https:\/\/[\w.:[\]-]+\/?);accesskey=[\w+/]+=*[;"'\s]*$/i;
  const name = process.env[keyName] ? keyName : endpointName;
  const value = process.env[name] ?? "";
  const form = name === keyName ? connectionString : /^[ \t\r\n]*(https:\/\/[\w.:[\]-]+\/?)[ \t\r\n]*$/i;
  if (URL.canParse(form.exec(value)?.[1] ?? "")) return;
  const other = Object.keys(process.env).find((key) => connectionString.test(process.env[key] ?? ""));
  const [, problem] = [
    [value.includes("<"), `${name} still contains placeholders. Replace <resource> and <key>.`],
    [name === endpointName && other, `${other} contains a connection string, but the program reads ${keyName}.`],
    [!value.trim(), `Found no settings in the environment or in ${resolve(".env")}.`],
    [name === keyName && !/accesskey/i.test(value), `${name} has no access key. In a shell, set it in quotes.`],
    [true, `${name} isn't in the following form.`],
  ].find(([applies]) => applies)!;
  console.error(problem + settings);
  process.exit(2);
}

/** Starts a step: with --step, shows its code and waits for Enter. Then starts its time limit. */
async function startStep(title: string, tag: string) {
  clearTimeout(step.timer);
  stop.signal.throwIfAborted();
  step = { number: step.number + 1, title };
  if (options.input) showCode(tag);
  while (options.input) {
    console.error("\nPress Enter to run this code, or Ctrl+C to stop and clean up.");
    const { value, done } = await options.input.next();
    if (done) end(1, "The input ended before the walkthrough was complete.");
    if (!value) break;
  }
  stop.signal.throwIfAborted();
  const reason = `"${title}" failed: Timed out after ${options.seconds} seconds.
Check the network, or set a longer --timeout. If Entra ID signs in slowly, set AZURE_TOKEN_CREDENTIALS.`;
  step.timer = setTimeout(() => end(1, reason), options.seconds * 1000);
}

/** Shows the code of a step, or only a heading if this file lacks its tags, as a bundle does. */
function showCode(tag: string) {
  const text = source.replaceAll("\r\n", "\n");
  const count = text.split("\n  await startStep(").length - 2; // without the authentication, which has no number
  const [before = "", code = ""] = text.split(new RegExp(`// <${tag}>\n([^]*?)\n\\s*// </${tag}>`));
  const place = code && `  (${file}:${before.split("\n").length + 1})`;
  const heading = step.number ? `Step ${step.number}${count > 0 ? ` of ${count}` : ""}: ${step.title}` : step.title;
  const width = Math.max(80, process.stderr.columns ?? 0);
  const cut = (line: string) => (line.length > width ? `${line.slice(0, width - 1)}…` : line);
  if (step.number === 0) console.error(`\n${about}`);
  console.error(`\n${styleText("bold", heading, { stream: process.stderr })}${place}\n`);
  console.error(code.split("\n").map(cut).join("\n"));
}

/** Ends the program within 9 seconds: prints the reason, and deletes the identities that exist. */
async function end(exitCode: number, reason?: string) {
  if (process.exitCode) return;
  process.exitCode = exitCode;
  stop.abort();
  if (reason) console.error(reason);
  await wait(4000, undefined, { signal: idle.signal }).catch(() => {}); // A response might contain a new ID.
  const timeUp = wait(4800, new Error(), { ref: false });
  const attempt = (run: () => Promise<void>) => new Promise<void>((done) => done(run())).catch((error) => error);
  const attempts = Array.from(created.values(), attempt); // all at once; an ID that arrives meanwhile comes last
  let deleted = 0;
  for (const [id, deleteIdentity] of created) {
    const error = await Promise.race([attempts.shift() ?? attempt(deleteIdentity), timeUp]);
    if (!error || error.statusCode === 404) deleted += Number(created.delete(id));
  }
  const left = [...created.keys()].map(String).join(", ");
  if (deleted > 0) console.error(`Identities deleted: ${deleted}`);
  else if (exitCode > 0 && !left && idle.signal.aborted) console.error("No identities to delete.");
  if (left) console.error(`Couldn't confirm that these identities were deleted: ${left}`);
  if (!idle.signal.aborted) console.error(`"${step.title}" hasn't finished. An identity that it creates remains.`);
  if (left) process.exitCode ||= 1;
  if (process.exitCode) setTimeout(() => process.exit(), 100).unref(); // in case a call never finishes
}

/** Explains an error in a few lines, without secrets: what failed, and what to do. */
function explain(error: SdkError, what = `"${step.title}"`): string {
  const { name, message, stack = "", code = "", request, errorResponse } = error;
  const status = (request && error.statusCode) ?? 0; // The SDK invents one for a failed sign-in.
  const isSignIn = /Authentication|Credential/.test(name);
  const cause = errorResponse?.errorDescription ?? `${message}`;
  const facts = [status, code].filter((fact) => fact && !cause.split(" ").includes(String(fact)));
  const text = [...facts, cause].join(" ").replaceAll(/eyJ[\w.-]+/g, "<token>");
  const lines = text.split(/\p{Cc}/u).map((line) => line.trim().slice(0, 300));
  const [summary, ...details] = lines.filter(Boolean).slice(0, isSignIn ? 9 : 1);
  const { COMMUNICATION_SERVICES_CONNECTION_STRING: withKey } = process.env;
  const advice = [
    [cause.includes("network_error"), "Check the network and proxy. If the proxy opens TLS, set NODE_EXTRA_CA_CERTS."],
    [isSignIn, "Check the network and the sign-in. To see more causes, set AZURE_LOG_LEVEL=warning."],
    [step.number === 0 && code === "ERR_INVALID_URL", "Check that HTTPS_PROXY, ALL_PROXY, or HTTP_PROXY is a URL."],
    [name !== "RestError", "If you changed the code, run npx tsc to find mistakes."],
    [code === "ERR_TLS_CERT_ALTNAME_INVALID", "The certificate is for another host: check the endpoint and proxy."],
    [/CERT|LEAF/.test(code), "Check the clock. For a proxy or emulator, set NODE_EXTRA_CA_CERTS to a PEM file."],
    [status === 429 || status >= 500, "Check the network, or try again later: the service might be busy."],
    [status === 0, "Check the endpoint, network, and proxy."],
    [["", "PARSE_ERROR"].includes(code), "The response isn't from ACS: check the endpoint and proxy."],
    [withKey && status === 403, "Check the networking settings of the resource."],
    [withKey && code === "Denied", "Check the clock, and whether the key is current and belongs to this resource."],
    [step.number === 1 && [401, 403].includes(status), "Assign a role, such as Contributor, or use az login --tenant."],
  ].find(([applies]) => applies)?.[1];
  const [, line] = stack.split(`${file}:`);
  const host = request ? ` for ${new URL(request.url).host}` : "";
  const place = line && !isSignIn ? ` at ${file}:${parseInt(line)}` : "";
  const id = status && `Request ID: ${request?.requestId}`;
  return [`${what} failed${host || place}: ${summary}`, id, advice, ...details].filter(Boolean).join("\n");
}
