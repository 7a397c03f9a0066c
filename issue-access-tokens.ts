// Walks through the life of an identity and its access tokens in Azure Communication Services (ACS), and leaves nothing behind.
//
// Usage: npx tsx issue-access-tokens.ts [--step] [--timeout <seconds>] [--help]
//   --step               wait for Enter before each of the six steps
//   --timeout <seconds>  how long a call may wait for its answer, retries included (30)
//
// Set one of these, in the environment or in a .env file; .env.example shows their form:
//   COMMUNICATION_SERVICES_CONNECTION_STRING  to authenticate with an access key (it is used if both are set)
//   COMMUNICATION_SERVICES_ENDPOINT           to authenticate with Microsoft Entra ID
//
// Exit codes: 0 all of it worked, 1 it failed, 2 it was not set up rightly and nothing was sent, 130 Ctrl-C.

// <imports>
import { CommunicationIdentityClient } from "@azure/communication-identity";
// </imports>
import dotenv from "dotenv";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

const stop = new AbortController(); // aborted by Ctrl-C, by a closed output, and in the end
const undeleted = new Map<string, CommunicationIdentityClient>(); // the id of each identity that exists, and who can delete it
let seconds = 30; // the time limit of a call
let lines: AsyncIterator<string> | undefined; // what is typed, with --step
let currentStep = "Authenticating the client";

try {
  stopOnSignals();
  readOptions();
  checkSettings();
  console.log("Azure Communication Services - Access Tokens Quickstart");

  // <authenticate_client>
  // The connection string holds an access key, which signs every request. With the endpoint alone, DefaultAzureCredential
  // signs in to Microsoft Entra ID: as you after `az login`, as a service principal, or as a managed identity.
  // Its package is loaded only then, because that takes as long as the rest of the start.
  const connectionString = process.env.COMMUNICATION_SERVICES_CONNECTION_STRING;
  const client = connectionString
    ? new CommunicationIdentityClient(connectionString)
    : new CommunicationIdentityClient(
        process.env.COMMUNICATION_SERVICES_ENDPOINT!,
        new (await import("@azure/identity")).DefaultAzureCredential(),
      );
  // </authenticate_client>
  supervise(client);

  await next("Creating an identity");
  // <create_identity>
  // Store the id with the user of your application that it stands for: the service cannot list the identities it has.
  const identity = await client.createUser();
  console.log(`\nCreated an identity with ID: ${identity.communicationUserId}`);
  // </create_identity>

  await next("Issuing an access token");
  // <issue_token>
  // The scopes are "voip", "voip.join", "chat", "chat.join" and "chat.join.limited". The token lasts 24 hours, unless
  // a third argument such as { tokenExpiresInMinutes: 60 } asks for another lifetime, from 60 to 1440 minutes.
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
  stop.signal.throwIfAborted();
} catch (error) {
  process.exitCode = explain(error);
} finally {
  await cleanUp();
}

/** Makes Ctrl-C, and an output that is closed, end the walkthrough as a failure does. */
function stopOnSignals() {
  const interrupt = (exitCode: number) => () => stop.abort(ending(exitCode, "Interrupted: deleting what was created."));
  process.on("SIGINT", interrupt(130)).on("SIGTERM", interrupt(143)).on("SIGHUP", interrupt(129));
  process.stdout.on("error", (error) => {
    process.exitCode = 1; // Nothing else notices when it is the last line that is lost.
    stop.abort(ending(1, `Printing the results failed: ${error.message}.`));
  });
  process.stderr.on("error", () => {});
}

/** Reads .env and the command line. */
function readOptions() {
  dotenv.config({ quiet: true });
  const { values, positionals } = parseArgs({
    options: { step: { type: "boolean" }, timeout: { type: "string", default: "30" }, help: { type: "boolean" } },
    allowPositionals: true,
  });
  seconds = Math.min(Number(values.timeout), 86_400); // a day at most, for setTimeout cannot wait longer than 24 of them
  if (values.help) throw ending(0, usage());
  if (positionals.length > 0) throw ending(2, `There are options only, and no other arguments.\n\n${usage()}`); // One may hold the key.
  if (!(seconds > 0)) throw ending(2, `--timeout needs a number of seconds above 0.\n\n${usage()}`);
  if (values.step) lines = createInterface({ input: process.stdin, signal: stop.signal })[Symbol.asyncIterator]();
}

/** The usage, which is the comment at the top of this file. */
function usage(): string {
  return readFileSync(new URL(import.meta.url), "utf8").split(/\r?\n\r?\n/)[0]!.replace(/^\/\/ ?/gm, "");
}

/** Refuses settings that cannot work, before anything is sent. It never repeats a value, which may hold the access key. */
function checkSettings() {
  const names = ["COMMUNICATION_SERVICES_CONNECTION_STRING", "COMMUNICATION_SERVICES_ENDPOINT"];
  for (const name of names) if (!process.env[name]?.trim()) delete process.env[name];
  const name = names.find((name) => process.env[name]);
  if (!name) {
    const others = ["COMMUNICATION_CONNECTION_STRING", "AZURE_COMMUNICATION_CONNECTION_STRING", "communicationServices_connectionString"];
    const other = others.find((name) => process.env[name]);
    throw ending(2, `${other ? `You have set ${other}, which has another name here.\n` : ""}Set ${names.join(" or ")}, in the environment or a .env file.
The Azure portal shows both for your Communication Services resource, under Settings > Keys.
Without a resource, try the walkthrough with the emulator: npm run local`);
  }

  const value = process.env[name]!;
  const withKey = name === names[0];
  const [, first = "", second = ""] = /endpoint=(.*);accesskey=(.*)/i.exec(value) ?? []; // as the SDK takes it apart
  const endpoint = withKey ? first : value;
  const faults: [applies: boolean, fault: string][] = [
    [/[<>]/.test(value), "still holds a placeholder"],
    [withKey && /(^|;)\s*(Account|SharedAccess|Instrumentation|Default|HostName|Id|Secret)\w*=/i.test(value), "belongs to another product"],
    [withKey && !/endpoint=[ \t]*[^;\s]/i.test(value), "lacks the endpoint"],
    [withKey && !/accesskey=[ \t]*[^;\s]/i.test(value), "lacks the access key"],
    [withKey && !(first.trim() && /[^;\s]/.test(second)), "does not have its two parts in this order, with one semicolon between them"],
    [!withKey && /(^|;)\s*\w+=/.test(value), `holds a connection string, which belongs in ${names[0]}`],
    [/^\s*http:/i.test(endpoint), "begins with http:// instead of https://"],
    [/^\s*https:\/\/[^/?#]+[/?#]\s*\S/i.test(endpoint), "goes on after the host name"],
    [!/^[ \t]*https:\/\/([\w-]{1,63}(\.[\w-]{1,63})*|\[[\da-f:.]+\])(:\d+)?\/?[ \t]*$/i.test(endpoint) || !URL.canParse(endpoint), "has no valid https:// URL"],
    [/(?<!\.communication)\.azure\.\w+|\.windows\.net|\.azconfig\.io|\.signalr\.net/i.test(endpoint), "belongs to another product"],
  ];
  const fault = faults.find(([applies]) => applies)?.[1];
  const form = "https://<resource>.communication.azure.com/";
  if (fault) throw ending(2, `${name} ${fault}.\nIt should look like this: ${withKey ? `endpoint=${form};accesskey=<key>` : form}`);
}

/** Limits the time of each call of the client, and keeps account of the identities that it creates and deletes. */
function supervise(client: CommunicationIdentityClient) {
  for (const name of ["createUser", "getToken", "createUserAndToken", "revokeTokens", "deleteUser"] as const) {
    const call: (...args: any[]) => Promise<any> = client[name].bind(client);
    client[name] = (...args: any[]) => {
      const limit = new AbortController();
      const giveUp = () => limit.abort(Object.assign(new Error(`There was no answer within ${seconds} seconds.`), { code: "ETIMEDOUT" }));
      const timer = setTimeout(giveUp, (stop.signal.aborted ? 10 : seconds) * 1000);
      // After Ctrl-C, the call under way has five more seconds: its answer may bring the id of a new identity.
      stop.signal.addEventListener("abort", () => setTimeout(giveUp, 5000).unref());
      const givenUp = new Promise<never>((_, reject) => (limit.signal.onabort = () => reject(limit.signal.reason)));
      // The SDK shows every answer here first, also one that it cannot use and that holds the id of a new identity all the same.
      const onResponse = ({ status, bodyAsText }: { status: number; bodyAsText?: string | null }) => {
        const ids = name.startsWith("create") ? bodyAsText?.match(/(?<=")8:[^"]+(?=")/g) : [];
        for (const id of ids ?? []) undeleted.set(id, client);
        if (name === "deleteUser" && (status === 204 || bodyAsText?.includes('"IdentityNotFound"'))) undeleted.delete(args[0].communicationUserId);
      };
      return Promise.race([call(...args, { abortSignal: limit.signal, onResponse }), givenUp]).finally(() => clearTimeout(timer));
    };
  }
}

/** Names the step that comes next and, with --step, waits for Enter before it. */
async function next(step: string) {
  stop.signal.throwIfAborted();
  currentStep = step;
  if (!lines) return;
  console.error(`\nNext: ${step}. Press Enter to go on.`);
  if ((await lines.next()).done) throw ending(1, "The input ended before the walkthrough did.");
}

/** Tells on stderr why the walkthrough ends, in a few lines without a secret, and gives the exit code. */
function explain(error: any): number {
  if (stop.signal.aborted) error = stop.signal.reason;
  if (/^ERR_PARSE_ARGS/.test(error.code) && !error.response) error = ending(2, `${error.message.split(/\. |\n/)[0]}.\n\n${usage()}`);
  const { exitCode, statusCode: status, code, name, response, message } = error;
  if (exitCode !== undefined) {
    console[exitCode === 0 ? "log" : "error"](message);
    return exitCode;
  }

  const withKey = Boolean(process.env.COMMUNICATION_SERVICES_CONNECTION_STRING);
  const refusal = /AADSTS\d+.*/.exec(message)?.[0].split(" Trace ID")[0] ?? error.errorResponse?.errorDescription;
  const noCredential = !refusal && /^(AggregateAuthentication|CredentialUnavailable)Error$/.test(name);
  const notAcs = response ? !code || code === "PARSE_ERROR" : !code && !refusal && !noCredential;
  const ahead = Math.round((Date.now() - Date.parse(response?.headers.get("date"))) / 60_000);
  const advice: [applies: unknown, what: string][] = [
    [refusal, "Microsoft Entra ID refused the sign-in. Use another identity for it, or COMMUNICATION_SERVICES_CONNECTION_STRING."],
    [noCredential, "Sign in with `az login`, or set COMMUNICATION_SERVICES_CONNECTION_STRING."],
    [status === 401 && withKey && Math.abs(ahead) > 1, `Set this machine's clock: it is ${Math.abs(ahead)} minutes ${ahead > 0 ? "ahead" : "behind"}.`],
    [status === 401 && withKey, "The access key was regenerated, or is another resource's: copy the connection string from the portal again."],
    [status === 401 || (status === 403 && !withKey), "Assign a role on the resource, such as Contributor, to whoever signs in. It takes minutes to take effect."],
    [status === 403, "Access is refused: check the networking settings of the resource, and your proxy."],
    [status === 429, "Too many requests: wait a minute, and run it again."],
    [notAcs, "This answer is not from Azure Communication Services: check the endpoint."],
    [status >= 500, "The service has a problem: run it again later."],
    [/ENOTFOUND|EAI_AGAIN|ALTNAME/.test(code), "This is not the host of your resource: check the endpoint, and the network."],
    [/CERT|UNABLE_TO_VERIFY/.test(code), "The certificate is not trusted. If it is your proxy's or emulator's, name its file in NODE_EXTRA_CA_CERTS, in the environment."],
    [/^(E[A-Z]+$|ERR_SSL|HPE_|PARSE_ERROR)/.test(code), "Check the network, and your proxy."],
  ];
  const received = response ? response.bodyAsText : "The answer is not complete.";
  const text = noCredential ? "No credential for Microsoft Entra ID was found." : (refusal ?? (notAcs ? received : message));
  const explanation = [
    `${currentStep} failed: ${[status, code, text].map(firstLine).filter(Boolean).join(" ")}`,
    response && `Request id: ${response.request.requestId}, MS-CV: ${firstLine(response.headers.get("ms-cv") ?? "none")}`,
    advice.find(([applies]) => applies)?.[1],
    "The SDK's own log tells more, without secrets: set AZURE_LOG_LEVEL=verbose in the environment.",
  ];
  console.error(explanation.filter(Boolean).join("\n"));
  return 1;
}

/** The first line of what somebody else says: shortened, and without control characters, access tokens and the access key. */
function firstLine(said: unknown = ""): string {
  const key = /accesskey=([^;\s]+)/i.exec(process.env.COMMUNICATION_SERVICES_CONNECTION_STRING ?? "")?.[1] ?? "eyJ";
  const line = String(said).trim().split(/[\p{C}\p{Zl}\p{Zp}]/u)[0]!;
  return line.replaceAll(key, "<key>").replace(/eyJ[\w.-]+/g, "<token>").slice(0, 300);
}

/** Deletes the identities that still exist, and names those that cannot be deleted: nobody could find them again. */
async function cleanUp() {
  seconds = 10;
  await Promise.allSettled(Array.from(undeleted, ([communicationUserId, client]) => client.deleteUser({ communicationUserId })));
  if (undeleted.size > 0) console.error(`These identities could not be deleted: ${[...undeleted.keys()].join(", ")}`);
  stop.abort(); // lets go of the keyboard
  setTimeout(() => process.exit(), 1000).unref(); // A sign-in that was given up may hold on to its connection for minutes.
}

/** An error that ends the program with this exit code and this message. */
function ending(exitCode: number, message: string) {
  return Object.assign(new Error(message), { exitCode });
}
