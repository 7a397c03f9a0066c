// Walks through the life of an identity and its access tokens in Azure Communication Services (ACS), and leaves nothing behind.
//
// Set one of these, in the environment or in a file named .env (.env.example shows their form):
//   COMMUNICATION_SERVICES_CONNECTION_STRING   to authenticate with the access key of your resource
//   COMMUNICATION_SERVICES_ENDPOINT            to authenticate with Microsoft Entra ID
// and run: npx tsx issue-access-tokens.ts

// <imports>
import { CommunicationIdentityClient } from "@azure/communication-identity";
// </imports>
import dotenv from "dotenv";
import { on, once } from "node:events";
import { constants } from "node:os";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

const stop = new AbortController(); // aborted by Ctrl-C, or when nobody reads the output any more
const undeleted = new Map<string, (options: object) => Promise<void>>(); // the ids of existing identities, each with its deletion
let lines: AsyncIterator<string> | undefined; // what is typed, with --step
let currentStep = "Authenticating the client";

const interrupt = (exitCode: number) => () => stop.abort(ending(exitCode, "Interrupted."));
process.on("SIGINT", interrupt(130)).on("SIGTERM", interrupt(143)).on("SIGHUP", interrupt(129));
process.stdout.on("error", () => stop.abort(ending(1, "Printing the results failed: nobody reads them any more.")));
process.stderr.on("error", () => {});

try {
  const seconds = readOptions();
  checkSettings();
  console.log("Azure Communication Services - Access Tokens Quickstart");

  // <authenticate_client>
  // The connection string holds an access key, which signs every request. With the endpoint alone, DefaultAzureCredential
  // signs in to Microsoft Entra ID: as you after `az login`, as a service principal, or as a managed identity.
  const connectionString = process.env.COMMUNICATION_SERVICES_CONNECTION_STRING;
  const client = connectionString
    ? new CommunicationIdentityClient(connectionString)
    : new CommunicationIdentityClient(
        process.env.COMMUNICATION_SERVICES_ENDPOINT!,
        new (await import("@azure/identity")).DefaultAzureCredential(),
      );
  // </authenticate_client>
  supervise(client, seconds);

  await next("Creating an identity");
  // <create_identity>
  // Store the id with the user of your application that it stands for: the service cannot list the identities it has.
  const identity = await client.createUser();
  console.log(`\nCreated an identity with ID: ${identity.communicationUserId}`);
  // </create_identity>

  await next("Issuing an access token");
  // <issue_token>
  // The scopes are "voip", "voip.join", "chat", "chat.join" and "chat.join.limited". The token lasts 24 hours, unless
  // a third argument, { tokenExpiresInMinutes }, asks for 60 to 1440 minutes.
  const issuedToken = await client.getToken(identity, ["voip"]);
  console.log(`\nIssued an access token with 'voip' scope that expires at ${issuedToken.expiresOn.toISOString()}:`);
  console.log(issuedToken.token);
  // </issue_token>

  await next("Creating an identity with an access token");
  // <create_identity_and_token>
  // One request does both, for a user who starts at once.
  const identityWithToken = await client.createUserAndToken(["voip"]);
  console.log(`\nCreated an identity with ID: ${identityWithToken.user.communicationUserId}`);
  console.log(`\nIssued an access token with 'voip' scope that expires at ${identityWithToken.expiresOn.toISOString()}:`);
  console.log(identityWithToken.token);
  // </create_identity_and_token>

  await next("Refreshing the access token");
  // <refresh_token>
  // Refreshing is issuing again, before the old token expires. All that it takes is the id that your application has stored.
  const storedId = identity.communicationUserId;
  const refreshedToken = await client.getToken({ communicationUserId: storedId }, ["voip"]);
  console.log(`\nRefreshed an access token with 'voip' scope that expires at ${refreshedToken.expiresOn.toISOString()}:`);
  console.log(refreshedToken.token);
  // </refresh_token>

  await next("Revoking the access tokens");
  // <revoke_tokens>
  // Every token issued so far to this identity ends, within the 15 minutes that it may take to reach every service.
  // The identity stays, and new tokens can be issued for it.
  await client.revokeTokens(identity);
  console.log(`\nSuccessfully revoked all access tokens for identity with ID: ${identity.communicationUserId}`);
  // </revoke_tokens>

  await next("Deleting the identities");
  // <delete_identity>
  // Deleting revokes the tokens of an identity, removes what the service has stored for it, and ends the issuing of tokens for it.
  await client.deleteUser(identity);
  console.log(`\nDeleted the identity with ID: ${identity.communicationUserId}`);
  await client.deleteUser(identityWithToken.user);
  console.log(`\nDeleted the identity with ID: ${identityWithToken.user.communicationUserId}`);
  // </delete_identity>
} catch (error) {
  process.exitCode = explain(error);
} finally {
  await cleanUp();
  stop.abort(); // lets go of the keyboard, too
}


/** Names the step that comes next and, with --step, waits for Enter before it. */
async function next(step: string) {
  stop.signal.throwIfAborted();
  currentStep = step;
  if (!lines) return;
  console.error(`\nNext: ${step}. Press Enter to go on.`);
  const { done } = await lines.next();
  stop.signal.throwIfAborted();
  if (done) throw ending(1, "The input ended, and with it the walk.");
}

/** Limits the time of every call of the client, and keeps `undeleted` up to date. */
function supervise(client: CommunicationIdentityClient, seconds: number) {
  const deleteUser = client.deleteUser.bind(client);
  for (const name of ["createUser", "getToken", "createUserAndToken", "revokeTokens", "deleteUser"] as const) {
    const call: (...args: any[]) => Promise<any> = client[name].bind(client);
    client[name] = async (...args: any[]) => {
      const answer = limited(seconds, (options) => call(...args, options));
      // An answer that is of no use to the SDK may still hold the id of a new identity.
      const text = String(await answer.then(JSON.stringify, (error) => error.response?.bodyAsText));
      const ids = name.startsWith("create") ? text.matchAll(/"(?:communicationUserId|id)"\s*:\s*"([^"]+)"/g) : [];
      for (const [, id] of ids) undeleted.set(id!, (options) => deleteUser({ communicationUserId: id! }, options));
      await answer;
      if (name === "deleteUser") undeleted.delete(args[0].communicationUserId);
      stop.signal.throwIfAborted();
      return answer;
    };
  }
}

/** Gives a call up after so many seconds, or five seconds after Ctrl-C: until then its answer may still bring the id of a new identity. */
async function limited<T>(seconds: number, call: (options: { abortSignal: AbortSignal }) => Promise<T>): Promise<T> {
  const limit = new AbortController();
  const giveUp = () => limit.abort(Object.assign(new Error(`There was no answer within ${seconds} seconds.`), { code: "ETIMEDOUT" }));
  const timer = setTimeout(giveUp, seconds * 1000);
  stop.signal.addEventListener("abort", () => setTimeout(giveUp, 5000).unref());
  const givenUp = once(limit.signal, "abort").then(() => Promise.reject(limit.signal.reason));
  return Promise.race([call({ abortSignal: limit.signal }), givenUp]).finally(() => clearTimeout(timer));
}

/** Deletes the identities that the walkthrough has not deleted, and names those that remain: nobody can find them again. */
async function cleanUp() {
  const deletions = Array.from(undeleted, ([id, deletion]) => limited(10, deletion).then(() => undeleted.delete(id)));
  await Promise.allSettled(deletions);
  if (undeleted.size > 0) console.error(`Could not be deleted, and cannot be listed by the service: ${[...undeleted.keys()].join(", ")}`);
}

/** Reads .env and the command line. Gives the time limit of a call, in seconds. */
function readOptions(): number {
  dotenv.config({ quiet: true });
  const { values, positionals } = parseArgs({
    options: { step: { type: "boolean" }, timeout: { type: "string", default: "30" }, help: { type: "boolean" } },
    allowPositionals: true,
  });
  const seconds = Number(values.timeout);
  if (values.help) throw ending(0, usage());
  if (positionals.length > 0) throw ending(2, `It takes options only, no other arguments.\n\n${usage()}`);
  if (!(seconds > 0)) throw ending(2, `--timeout takes a number of seconds above 0.\n\n${usage()}`);
  if (values.step) lines = createInterface({ input: process.stdin, signal: stop.signal })[Symbol.asyncIterator]();
  return Math.min(seconds, 86_400);
}

function usage() {
  return `Usage: npx tsx issue-access-tokens.ts [--step] [--timeout <seconds>]

  --step               wait for Enter before each of the six steps
  --timeout <seconds>  how long a call may wait for its answer, retries included (default: 30)
  --help               print this

Authenticates with COMMUNICATION_SERVICES_CONNECTION_STRING (an access key) or, where that is not set,
with COMMUNICATION_SERVICES_ENDPOINT (Microsoft Entra ID), from the environment or a .env file.
Exit codes: 0 all of it worked, 1 it failed, 2 it was not set up rightly and nothing was sent, 130 Ctrl-C.`;
}

/** Refuses settings that cannot work before anything is sent. No message repeats a value: it may hold the access key. */
function checkSettings() {
  const names = ["COMMUNICATION_SERVICES_CONNECTION_STRING", "COMMUNICATION_SERVICES_ENDPOINT"];
  for (const name of names) if (!process.env[name]?.trim()) delete process.env[name];
  const name = names.find((name) => process.env[name]);
  const sibling = ["COMMUNICATION_CONNECTION_STRING", "AZURE_COMMUNICATION_CONNECTION_STRING", "communicationServices_connectionString"];
  const misnamed = sibling.find((name) => process.env[name]);
  if (!name) {
    throw ending(2, `${misnamed ? `${misnamed} is set, but has another name here.\n` : ""}Set ${names.join(" or ")}, in the environment or in a .env file.
The Azure portal shows both for your Communication Services resource, under Settings > Keys.
Without a resource, see the walkthrough run against the emulator: npm run local`);
  }

  const value = process.env[name]!;
  const isString = name === names[0];
  const parts = /endpoint=(.*);accesskey=(.*)/i.exec(value); // what the SDK looks for
  const endpoint = (isString ? (parts?.[1] ?? "") : value).trim();
  const faults: [boolean, string][] = [
    [/[<>]/.test(value), "still holds a placeholder"],
    [isString && /(^|;)\s*(Account|SharedAccess|Instrumentation|Default|HostName|Id|Secret)\w*=/i.test(value), "belongs to another product"],
    [isString && !/endpoint=\s*[^;\s]/i.test(value), "lacks the endpoint"],
    [isString && !/accesskey=\s*[^;\s]/i.test(value), "lacks the access key"],
    [isString && !parts, "does not have its two parts in this order, with one semicolon between them"],
    [!isString && /(^|;)\s*\w+=/.test(value), `holds a connection string, which belongs in ${names[0]}`],
    [/^http:/i.test(endpoint), "begins with http:// instead of https://"],
    [/^https:\/\/[^/?#]+[/?#]./i.test(endpoint), "goes on after the host name"],
    [!/^https:\/\/([\w.-]+|\[[\da-f:.]+\])(:\d+)?\/?$/i.test(endpoint) || !URL.canParse(endpoint), "is not an https:// URL with a host name"],
    [/\.(windows\.net|azconfig\.io|(?<!\.communication\.)azure\.\w+|signalr\.net)[:/]?/i.test(endpoint), "belongs to another product"],
  ];
  const fault = faults.find(([applies]) => applies)?.[1];
  const form = "https://<resource>.communication.azure.com/";
  if (fault) throw ending(2, `${name} ${fault}.\nIt should look like this: ${isString ? `endpoint=${form};accesskey=<key>` : form}`);
}

/** Tells on stderr why the program ends, in a few lines without a secret, and gives the exit code. */
function explain(error: any): number {
  if (stop.signal.aborted) error = stop.signal.reason;
  if (error.code?.startsWith?.("ERR_PARSE_ARGS")) error = ending(2, `${error.message.split(/\. |\n/)[0]}.\n\n${usage()}`);
  if (error.exitCode !== undefined) {
    (error.exitCode === 0 ? console.log : console.error)(error.message);
    return error.exitCode;
  }

  const { statusCode: status, code, response, message } = error;
  const withKey = Boolean(process.env.COMMUNICATION_SERVICES_CONNECTION_STRING);
  const refusal = /AADSTS\d+.*?(?=\s*Trace ID|[\r\n]|$)/.exec(message)?.[0];
  const noCredential = /Credential|Authentication/.test(error.name);
  const notAcs = error instanceof TypeError || code === "PARSE_ERROR" || (response && !code);
  const minutes = Math.round((Date.now() - Date.parse(response?.headers.get("date"))) / 60_000); // by which the clock is ahead
  const advice: [applies: unknown, what: string][] = [
    [refusal, "Microsoft Entra ID refused the sign-in."],
    [noCredential, "Sign in with `az login`, or set COMMUNICATION_SERVICES_CONNECTION_STRING instead."],
    [status === 401 && withKey && Math.abs(minutes) > 1, `Set the clock of this machine: it is ${Math.abs(minutes)} minutes ${minutes > 0 ? "ahead" : "behind"}.`],
    [status === 401 && withKey, "The key may have been regenerated, or belong to another resource: copy the connection string again."],
    [status === 401 || (status === 403 && !withKey), "Assign a role on the resource, such as Contributor, to who signs in. It takes minutes to take effect."],
    [status === 429, "There were too many requests: wait a minute, and run it again."],
    [notAcs, "This is not an answer of ACS: check the endpoint."],
    [/^(ENOTFOUND|EAI_AGAIN)$/.test(code), "The host was not found: check the endpoint, and the network."],
    [/CERT|UNABLE_TO_VERIFY/.test(code), "If a proxy or an emulator has its own certificate, name its file in NODE_EXTRA_CA_CERTS."],
    [/^E[A-Z]+$/.test(code), "Check the network, and a proxy if there is one."],
    [status === 403, "Check the networking settings of the resource."],
    [status >= 500, "Run it again later."],
  ];
  const said = (notAcs && response ? String(response.bodyAsText) : noCredential ? "No credential was found." : message) ?? "";
  const reason = refusal ?? [status, code, said.trim().split(/\r?\n/)[0].slice(0, 200)].filter(Boolean).join(" ");
  console.error(`${currentStep} failed: ${reason.replace(/eyJ[\w.-]+/g, "<token>")}`);
  if (response) console.error(`Request id: ${response.request.requestId}, MS-CV: ${response.headers.get("ms-cv")}`);
  console.error(advice.find(([applies]) => applies)?.[1] ?? "");
  console.error("For the log of the SDK, which shows no secrets, set AZURE_LOG_LEVEL=verbose.");
  return 1;
}

/** An error that ends the program with this exit code, and needs no explanation. */
function ending(exitCode: number, message: string) {
  return Object.assign(new Error(message), { exitCode });
}
