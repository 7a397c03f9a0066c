// Compares a real ACS resource with the emulator, case by case: npm run compare
//
// It takes the settings of the walkthrough. stdout is a report to paste into an issue: it contains no token, no access
// key, and neither the host nor the GUIDs of the resource. Exit codes: 0 no difference in what is recorded, 1 a
// difference there, or it couldn't finish, 2 invalid settings (nothing was sent), 130 interrupted with Ctrl+C.

import { readFile } from "node:fs/promises";
import https from "node:https";
import { setTimeout as wait } from "node:timers/promises";
import dotenv from "dotenv";
import { accessKey, signIn } from "../emulator/authentication.ts";
import { type Case, cases, type Expected } from "../emulator/cases.ts";
import { guid } from "../emulator/messages.ts";
import { startEmulator } from "../emulator/server.ts";
import { comparable, decode, type RawResponse, type Resource, send, sendCase } from "../support/requests.ts";

const audience = "https://communication.azure.com/";

/** The IDs of the identities that exist. The service can't list them. */
const existing = new Set<string>();
const counts = { same: 0, differs: 0, skipped: 0 };
/** The headers that differ, each with the cases in which it does, and whether a recording shows otherwise. */
const headers = new Map<string, { text: string; names: string[]; isRecorded: boolean }>();
let hasRecordedDifference = false;
let host = "<host>"; // of the resource, once it is known

/** Returns the resource that the settings name, or undefined if they are invalid. */
async function readSettings(): Promise<Resource | undefined> {
  dotenv.config({ quiet: true });
  const { COMMUNICATION_SERVICES_CONNECTION_STRING, COMMUNICATION_SERVICES_ENDPOINT = "" } = process.env;
  if (COMMUNICATION_SERVICES_CONNECTION_STRING) {
    const form = /^["' ]*endpoint=(https:\/\/[\w.:-]+\/?);accesskey=([\w+/]+=*);?["' ]*$/i;
    const [, endpoint, key] = form.exec(COMMUNICATION_SERVICES_CONNECTION_STRING) ?? [];
    return endpoint ? { endpoint, accessKey: key } : undefined;
  }
  const [, endpoint] = /^["' ]*(https:\/\/[\w.:-]+\/?)["' ]*$/i.exec(COMMUNICATION_SERVICES_ENDPOINT) ?? [];
  if (!endpoint) return undefined;
  host = new URL(endpoint).host;
  const { DefaultAzureCredential } = await import("@azure/identity");
  const { token } = await new DefaultAzureCredential().getToken(`${audience}/.default`);
  return { endpoint, entraToken: token };
}

/** Returns a text without what could identify the resource or authenticate. */
function mask(text: string): string {
  return text
    .replaceAll(new RegExp(host.replaceAll(".", "\\."), "gi"), "<host>")
    .replaceAll(new RegExp(guid, "gi"), "<guid>")
    .replaceAll(/eyJ[\w.-]+/g, "<token>");
}

/** Prints a line of the report. */
function report(result: keyof typeof counts, isRecorded: boolean, text: string) {
  counts[result]++;
  if (result === "differs" && isRecorded) hasRecordedDifference = true;
  console.log(mask(`${result.padEnd(8)} ${isRecorded ? "recorded" : "chosen  "}  ${text.replaceAll(/\s+/g, " ")}`));
}

/** Returns a value of the resource that differs from the emulator's, and the latter. */
function difference(actual = "missing", emulated = "missing"): string {
  return `${actual} (emulator: ${emulated})`;
}

/** Returns whether the source of a case shows this part of its response: only recordings show the headers. */
function isKnown({ source }: Case, part: "body" | "headers" = "body"): boolean {
  return source.startsWith("recorded") || (part === "body" && !source.startsWith("chosen"));
}

/** Sends a case to both, reports whether status and body differ, and collects the headers that do. */
async function compareCase(testCase: Case, resource: Resource, emulator: Resource) {
  const actual = comparable(await sendCase(resource, testCase.request, existing));
  const emulated = comparable(await sendCase(emulator, testCase.request));
  const show = ({ status, body }: Expected) => `${status} ${body}`.trim();
  const isSame = show(actual) === show(emulated);
  const text = isSame ? testCase.name : `${testCase.name}: ${difference(show(actual), show(emulated))}`;
  report(isSame ? "same" : "differs", isKnown(testCase), text);
  if (actual.status !== emulated.status) return; // The headers depend on the status.
  for (const name of Object.keys({ ...emulated.headers, ...actual.headers })) {
    const [value, emulatedValue] = [actual.headers[name], emulated.headers[name]];
    if (value === emulatedValue) continue;
    const text = `${name}: ${difference(value, emulatedValue)}`;
    const key = emulatedValue === "<valid>" ? name : text; // Another form has another value each time.
    const found = headers.get(key) ?? { text, names: [], isRecorded: false };
    found.names.push(testCase.name);
    // The list of versions depends on the age of the service.
    const isDated = name === "api-supported-versions" && value && emulatedValue;
    if (!isDated && isKnown(testCase, "headers")) found.isRecorded = true;
    headers.set(key, found);
  }
}

/** Compares the cases, one request after the other, then reports each difference in the headers once. */
async function compareCases(resource: Resource, emulator: Resource) {
  for (const testCase of cases) {
    if (process.exitCode !== undefined) break;
    const needsKey = testCase.needsAccessKey && !resource.accessKey && "it needs an access key";
    const reason = testCase.emulatorOnly ?? needsKey;
    if (reason) report("skipped", isKnown(testCase), `${testCase.name}: ${reason}`);
    else await compareCase(testCase, resource, emulator);
  }
  for (const { text, names, isRecorded } of headers.values()) {
    report("differs", isRecorded, `${text} in ${names.length > 3 ? `${names.length} cases` : names.join(", ")}`);
  }
  if (headers.size === 0 && process.exitCode === undefined) report("same", true, "the headers");
}

/** Reports how `exp` is rounded. The difference depends on the fraction of a second in which a token is issued. */
async function compareRounding(resource: Resource) {
  const roundings: number[] = [];
  for (const delay of [0, 250, 250, 250]) {
    await wait(delay);
    roundings.push(...rounding(await sendCase(resource, { body: '{"createTokenWithScopes":["chat"]}' }, existing)));
  }
  const isNearest = roundings.length > 0 && roundings.every((seconds) => Math.abs(seconds) <= 0.5);
  const differences = roundings.map((seconds) => `${seconds.toFixed(3)} s`).join(", ") || "not readable";
  report(isNearest ? "same" : "differs", false, `exp minus expiresOn, at most half a second: ${differences}`);
}

/** Returns by how many seconds `exp` differs from `expiresOn` in the token of a response, if the claims are readable. */
function rounding({ body }: RawResponse): number[] {
  const [, claims, expiresOn] = /"eyJ[\w-]+\.([\w-]+)\.[\w-]+","expiresOn":"([^"]+)"/.exec(body) ?? [];
  return claims && expiresOn ? [Number(decode(claims).exp) - Date.parse(expiresOn) / 1000] : [];
}

/** Deletes the identities that exist, within 30 seconds. Those that can't be deleted remain in the list. */
async function deleteExisting(resource: Resource) {
  const signal = AbortSignal.timeout(30_000);
  for (const id of existing) {
    const request = { method: "DELETE", path: `/identities/${encodeURIComponent(id)}` };
    const response = await send({ ...resource, signal }, request).catch(() => undefined);
    if (response?.status === 204 || response?.status === 404) existing.delete(id);
  }
  if (existing.size === 0) return;
  process.exitCode ||= 1;
  console.error(`Couldn't delete these identities: ${[...existing].join(", ")}`);
}

/** Runs the comparison from start to end. */
async function run(settings: Resource) {
  host = new URL(settings.endpoint).host;
  const interrupted = new AbortController();
  const interrupt = (exitCode: number) => {
    process.exitCode ??= exitCode;
    setTimeout(() => interrupted.abort(), 5000).unref(); // The response may contain the ID of a new identity.
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(name, (_, number) => interrupt(128 + number));
  process.stdout.on("error", () => interrupt(1));

  const agent = new https.Agent({ keepAlive: true });
  const resource = { ...settings, agent, signal: interrupted.signal };
  const emulator = await startEmulator();
  const ca = await readFile(emulator.certificateFile, "utf8");
  const authentication = resource.accessKey ? { accessKey } : { entraToken: signIn(audience).access_token };
  try {
    await compareCases(resource, { endpoint: emulator.endpoint, ca, agent, ...authentication });
    if (process.exitCode === undefined) await compareRounding(resource);
  } catch (error) {
    process.exitCode ??= 1;
    console.error(mask(`The comparison couldn't finish: ${(error as Error).message}`));
  }
  const summary = `${counts.same} same, ${counts.differs} different, ${counts.skipped} skipped`;
  console.log(process.exitCode === undefined ? summary : `Incomplete: ${summary}`);
  process.exitCode ??= Number(hasRecordedDifference);
  await deleteExisting(resource);
  agent.destroy();
  await emulator.stop();
}

try {
  const settings = await readSettings();
  if (settings) await run(settings);
  else {
    process.exitCode = 2;
    const names = "COMMUNICATION_SERVICES_CONNECTION_STRING or COMMUNICATION_SERVICES_ENDPOINT";
    console.error(`Set ${names}, as for the walkthrough.`);
  }
} catch (error) {
  process.exitCode ??= 1;
  console.error(mask(`The comparison couldn't finish: ${(error as Error).message}`));
}
