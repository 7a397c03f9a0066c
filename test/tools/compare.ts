// Compares a real ACS resource with the emulator, case by case: npm run compare
//
// It takes the settings of the walkthrough. stdout is a report to paste into an issue: it contains no token, no access
// key, and neither the host nor the GUIDs of the resource. Exit codes: 0 no difference in what is recorded, 1 a
// difference there, or it could not finish, 2 invalid settings (nothing was sent), 130 interrupted with Ctrl+C.

import { readFile } from "node:fs/promises";
import https from "node:https";
import { setTimeout as wait } from "node:timers/promises";
import dotenv from "dotenv";
import { accessKey, signIn } from "../emulator/authentication.ts";
import { guid } from "../emulator/messages.ts";
import { startEmulator } from "../emulator/server.ts";
import { cases } from "../recorded-cases.ts";
import { comparable, decode, type RawResponse, type Resource, send, sendCase } from "../support/requests.ts";

const audience = "https://communication.azure.com/";

/** The IDs of the identities that exist. The service cannot list them. */
const existing = new Set<string>();
const counts = { same: 0, differs: 0, skipped: 0 };
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
  console.log(mask(`${result.padEnd(8)} ${isRecorded ? "recorded" : "chosen  "}  ${text}`));
}

/** Returns the parts of a response that are compared, by name. */
function parts(response: RawResponse): Record<string, unknown> {
  const { status, headers, body } = comparable(response);
  // Which versions a service lists depends on its age. The list has a line of its own in the report.
  const versions = headers["api-supported-versions"] && "<list>";
  return { status, ...bodyParts(body), ...headers, "api-supported-versions": versions };
}

function bodyParts(body: string): Record<string, unknown> {
  if (!body.includes('"error"')) return { body: body || undefined };
  try {
    const { error, ...others } = JSON.parse(body);
    const { code, message, target, ...details } = error;
    const rest = { ...others, ...details };
    return { code, message, target, body: Object.keys(rest).length > 0 ? JSON.stringify(rest) : undefined };
  } catch {
    return { body };
  }
}

/** Returns whether the source of a case shows this part of the response: only recordings show all headers. */
function isKnown(source: string, part: string): boolean {
  if (source.startsWith("recorded")) return true;
  return !source.startsWith("chosen") && ["status", "code", "message", "target", "body"].includes(part);
}

/** Sends a case to both, and reports the differences. Returns the response of the resource and of the emulator. */
async function compareCase({ name, source, request }: (typeof cases)[number], resource: Resource, emulator: Resource) {
  const responses = [await sendCase(resource, request, existing), await sendCase(emulator, request)] as const;
  const [actual, emulated] = [parts(responses[0]), parts(responses[1])];
  const show = (value: unknown) => (value === undefined ? "missing" : JSON.stringify(value));
  const names = Object.keys({ ...emulated, ...actual }).filter((part) => actual[part] !== emulated[part]);
  const found = names.map((part) => `${part} ${show(actual[part])} (emulator: ${show(emulated[part])})`).join(", ");
  const isRecorded = found ? names.some((part) => isKnown(source, part)) : !source.startsWith("chosen");
  report(found ? "differs" : "same", isRecorded, found ? `${name}: ${found}` : name);
  return responses;
}

/** Compares the cases, one request after the other, then the lists of API versions in their responses. */
async function compareCases(resource: Resource, emulator: Resource) {
  const lists = new Set<unknown>();
  let emulatedList: unknown;
  for (const testCase of cases) {
    if (process.exitCode !== undefined) return;
    const reason =
      testCase.emulatorOnly ?? (testCase.needsAccessKey && !resource.accessKey && "it needs an access key");
    if (reason) {
      report("skipped", !testCase.source.startsWith("chosen"), `${testCase.name}: ${reason}`);
      continue;
    }
    const [actual, emulated] = await compareCase(testCase, resource, emulator);
    lists.add(actual.headers["api-supported-versions"]);
    emulatedList ??= emulated.headers["api-supported-versions"];
  }
  lists.delete(undefined);
  const isSameList = lists.size === 1 && lists.has(emulatedList);
  report(isSameList ? "same" : "differs", false, `the list of API versions: ${[...lists].join(" or ") || "missing"}`);
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

/** Deletes the identities that exist, within 30 seconds. Those that cannot be deleted remain in the list. */
async function deleteExisting(resource: Resource) {
  const signal = AbortSignal.timeout(30_000);
  for (const id of existing) {
    const request = { method: "DELETE", path: `/identities/${encodeURIComponent(id)}` };
    const response = await send({ ...resource, signal }, request).catch(() => undefined);
    if (response?.status === 204 || response?.status === 404) existing.delete(id);
  }
  if (existing.size === 0) return;
  process.exitCode ||= 1;
  console.error(`These identities could not be deleted: ${[...existing].join(", ")}`);
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
    console.error(mask(`The comparison could not finish: ${(error as Error).message}`));
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
  console.error(mask(`The comparison could not finish: ${(error as Error).message}`));
}
