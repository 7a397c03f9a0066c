// Compares a real ACS resource with the emulator, case by case: npm run compare
//
// It takes the settings of the walkthrough. stdout is a report to paste into an issue: it contains no token, no access
// key, and neither the host nor the GUIDs of the resource. For the exit codes, see test/emulator/README.md.

import { readFile } from "node:fs/promises";
import https from "node:https";
import dotenv from "dotenv";
import { accessKey, signIn } from "../emulator/authentication.ts";
import { type Case, cases } from "../support/cases.ts";
import { guid } from "../emulator/messages.ts";
import { startEmulator } from "../emulator/server.ts";
import { comparable, type Resource, send, sendCase } from "../support/requests.ts";

const audience = "https://communication.azure.com/";
/** The IDs of the identities that exist. The service can't list them. */
const existing = new Set<string>();
const counts = { same: 0, differs: 0, skipped: 0 };
/** The headers that differ, each with the cases in which it does. */
const headers = new Map<string, { text: string; found: Case[] }>();
let hasRecordedDifference = false;
let host = "<host>"; // of the resource, once it is known

/** Returns the resource that the settings name. Throws an error without values, because one might be the access key. */
async function readSettings(): Promise<Resource> {
  dotenv.config({ quiet: true });
  const { COMMUNICATION_SERVICES_CONNECTION_STRING: connectionString, COMMUNICATION_SERVICES_ENDPOINT } = process.env;
  const form = /^["' ]*(?:endpoint=)?(https:\/\/[\w.:-]+\/?)(?:;accesskey=([\w+/]+=*);?)?["' ]*$/i;
  const [, endpoint, key] = form.exec(connectionString || COMMUNICATION_SERVICES_ENDPOINT || "") ?? [];
  if (!endpoint || Boolean(key) !== Boolean(connectionString)) {
    process.exitCode = 2;
    throw new Error("set COMMUNICATION_SERVICES_CONNECTION_STRING or COMMUNICATION_SERVICES_ENDPOINT.");
  }
  host = new URL(endpoint).host;
  if (key) return { endpoint, accessKey: key };
  const { DefaultAzureCredential } = await import("@azure/identity");
  const { token } = await new DefaultAzureCredential().getToken(`${audience}/.default`);
  return { endpoint, entraToken: token };
}

/** Returns a text without what could identify the resource or authenticate. */
function mask(text: string): string {
  const escapedHost = host.replaceAll(".", "\\.");
  const masked = text.replaceAll(new RegExp(escapedHost, "gi"), "<host>").replaceAll(new RegExp(guid, "gi"), "<guid>");
  return masked.replaceAll(/eyJ[\w.-]+/g, "<token>");
}

/** Prints a line of the report. */
function report(result: keyof typeof counts, isRecorded: boolean, text: string) {
  counts[result]++;
  if (result === "differs" && isRecorded) hasRecordedDifference = true;
  console.log(mask(`${result.padEnd(8)} ${isRecorded ? "recorded" : "chosen  "}  ${text.replaceAll(/\s+/g, " ")}`));
}

/** Sends a case to both, reports whether status and body differ, and collects the headers that do. */
async function compareCase(testCase: Case, isRecorded: boolean, resource: Resource, emulator: Resource) {
  const actual = comparable(await sendCase(resource, testCase.request, existing));
  const emulated = comparable(await sendCase(emulator, testCase.request));
  const [text, emulatedText] = [actual, emulated].map(({ status, body }) => `${status} ${body}`.trim());
  if (text === emulatedText) report("same", isRecorded, testCase.name);
  else report("differs", isRecorded, `${testCase.name}: ${text} (emulator: ${emulatedText})`);
  if (actual.status !== emulated.status) return; // The headers depend on the status.
  for (const name of Object.keys({ ...emulated.headers, ...actual.headers })) {
    const [value, expected] = [actual, emulated].map(({ headers }) => headers[name] ?? "missing");
    const text = `${name}: ${value} (emulator: ${expected})`;
    const key = expected === "<valid>" ? name : text; // Another form has another value each time.
    if (value !== expected) headers.set(key, { text, found: [...(headers.get(key)?.found ?? []), testCase] });
  }
}

/** Compares the cases, one request after the other, then reports each difference in the headers once. */
async function compareCases(resource: Resource, emulator: Resource) {
  for (const testCase of cases) {
    if (process.exitCode !== undefined) return;
    const isRecorded = !testCase.source.startsWith("chosen");
    const reason = testCase.emulatorOnly ?? (testCase.needsAccessKey && !resource.accessKey && "needs an access key");
    if (reason) report("skipped", isRecorded, `${testCase.name}: ${reason}`);
    else await compareCase(testCase, isRecorded, resource, emulator);
  }
  for (const { text, found } of headers.values()) {
    // Only recordings show the headers. The list of versions depends on the age of the service.
    const isRecorded = found.some(({ source }) => source.startsWith("recorded")) && !/^api-supported-v/.test(text);
    const names = found.length > 3 ? `${found.length} cases` : found.map(({ name }) => name).join(", ");
    report("differs", isRecorded, `${text} in ${names}`);
  }
  console.log(`${counts.same} same, ${counts.differs} different, ${counts.skipped} skipped`);
  process.exitCode ??= Number(hasRecordedDifference);
}

/** Deletes the identities that exist, within 30 seconds. Those that can't be deleted remain in the list. */
async function deleteExisting(resource: Resource) {
  const limited = { ...resource, signal: AbortSignal.timeout(30_000) };
  for (const id of existing) {
    const response = await send(limited, { method: "DELETE", path: `/identities/${id}` }).catch(() => undefined);
    if (response?.status === 204 || response?.status === 404) existing.delete(id);
  }
  if (existing.size === 0) return;
  process.exitCode ||= 1;
  console.error(`Couldn't delete these identities: ${[...existing].join(", ")}`);
}

/** Returns a signal that ends the request in progress 5 seconds after an interruption: it might create an identity. */
function handleInterruptions(): AbortSignal {
  const interrupted = new AbortController();
  const interrupt = (exitCode: number) => {
    process.exitCode ??= exitCode;
    setTimeout(() => interrupted.abort(), 5000).unref();
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(name, (_, number) => interrupt(128 + number));
  process.stdout.on("error", () => interrupt(1));
  return interrupted.signal;
}

const emulator = await startEmulator();
try {
  const resource = { ...(await readSettings()), agent: https.globalAgent, signal: handleInterruptions() };
  const ca = await readFile(emulator.certificateFile, "utf8");
  const authentication = resource.accessKey ? { accessKey } : { entraToken: signIn(audience).access_token };
  const emulated = { endpoint: emulator.endpoint, ca, agent: https.globalAgent, ...authentication };
  await compareCases(resource, emulated).finally(() => deleteExisting(resource));
} catch (error) {
  process.exitCode ??= 1;
  console.error(mask(`The comparison couldn't finish: ${(error as Error).message}`));
}
await emulator.stop();
