// Compares a real ACS resource with the emulator, case by case: npm run compare
//
// It takes the settings of the walkthrough. stdout is a report to paste into an issue: it contains no token, no access
// key, and neither the host nor the GUIDs of the resource. Exit codes: 0 no difference in what is recorded, 1 a
// difference there, or it could not finish, 2 invalid settings (nothing was sent), 130 interrupted with Ctrl+C.

import { readFile } from "node:fs/promises";
import https from "node:https";
import dotenv from "dotenv";
import { accessKey, signIn } from "../emulator/authentication.ts";
import { startEmulator } from "../emulator/server.ts";
import { type Case, cases } from "../recorded-cases.ts";
import { comparable, decode, type RawResponse, type Resource, send, sendCase } from "../support/requests.ts";

const audience = "https://communication.azure.com/";

/** The IDs of the identities that exist. The service cannot list them. */
const existing = new Set<string>();
const counts = { same: 0, differs: 0, skipped: 0 };
let hasRecordedDifference = false;
let isInterrupted = false;

/** Returns the resource that the settings name, or undefined if they are invalid. */
async function readSettings(): Promise<Resource | undefined> {
  dotenv.config({ quiet: true });
  const { COMMUNICATION_SERVICES_CONNECTION_STRING: connectionString, COMMUNICATION_SERVICES_ENDPOINT } = process.env;
  if (connectionString) {
    const [, endpoint, key] = /endpoint=(https:\/\/[\w.:-]+\/?);accesskey=([\w+/]+=*)/i.exec(connectionString) ?? [];
    return endpoint ? { endpoint, accessKey: key } : undefined;
  }
  const [endpoint] = /https:\/\/[\w.:-]+\/?/i.exec(COMMUNICATION_SERVICES_ENDPOINT ?? "") ?? [];
  if (!endpoint) return undefined;
  const { DefaultAzureCredential } = await import("@azure/identity");
  const { token } = await new DefaultAzureCredential().getToken(`${audience}/.default`);
  return { endpoint, entraToken: token };
}

/** Returns why a case is not sent, if so. */
function reasonToSkip({ request, emulatorOnly }: Case, { accessKey: key }: Resource): string | undefined {
  if (emulatorOnly) return emulatorOnly;
  const isSigned =
    request.signedHeaders ??
    request.accessKey ??
    Object.keys(request.headers ?? {})
      .join()
      .includes("x-ms-");
  if (isSigned && !key) return "it needs an access key";
}

/** Returns the parts of a response that are compared, by name. */
function parts(response: RawResponse, resource: Resource): Record<string, unknown> {
  const { status, headers, body } = comparable(response, resource);
  const { code, message, target } = parseError(body);
  // Which versions a service lists depends on its age. The list has a line of its own in the report.
  const versions = headers["api-supported-versions"] && "<list>";
  return {
    status,
    code,
    message,
    target,
    body: code ? undefined : body,
    ...headers,
    "api-supported-versions": versions,
  };
}

function parseError(body: string): { code?: string; message?: string; target?: string } {
  try {
    return JSON.parse(body).error ?? {};
  } catch {
    return {};
  }
}

/** Prints a line of the report, without what could identify the resource or authenticate. */
function report(result: keyof typeof counts, source: string, text: string, { endpoint }: Resource) {
  counts[result]++;
  const mark = source.startsWith("chosen") ? "chosen" : "recorded";
  if (result === "differs" && mark === "recorded") hasRecordedDifference = true;
  const masked = text
    .replaceAll(new URL(endpoint).host, "<host>")
    .replaceAll(/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/gi, "<guid>")
    .replaceAll(/eyJ[\w.-]+/g, "<token>");
  console.log(`${result.padEnd(8)} ${mark.padEnd(9)} ${masked}`);
}

function differences(actual: Record<string, unknown>, emulated: Record<string, unknown>): string {
  const names = Object.keys(actual).filter((name) => actual[name] !== emulated[name]);
  return names.map((name) => `${name} ${show(actual[name])} (emulator: ${show(emulated[name])})`).join(", ");
}

function show(value: unknown): string {
  return value === undefined ? "missing" : JSON.stringify(value);
}

/** Returns by how many seconds `exp` differs from `expiresOn` in the token of a response. */
function rounding({ body }: RawResponse): number[] {
  const [, claims, expiresOn] = /"eyJ[\w-]+\.([\w-]+)\.[\w-]+","expiresOn":"([^"]+)"/.exec(body) ?? [];
  return claims && expiresOn ? [Number(decode(claims).exp) - Date.parse(expiresOn) / 1000] : [];
}

/** Sends the cases to both, one request after the other, and reports the differences. */
async function compare(resource: Resource, emulator: Resource) {
  const roundings: number[] = [];
  const lists = new Set<string>();
  for (const testCase of cases) {
    if (isInterrupted) return;
    const { name, source, request } = testCase;
    const reason = reasonToSkip(testCase, resource);
    if (reason) {
      report("skipped", source, `${name}: ${reason}`, resource);
      continue;
    }
    const actual = await sendCase(resource, request, existing);
    const emulated = await sendCase(emulator, request);
    const found = differences(parts(actual, resource), parts(emulated, emulator));
    report(found ? "differs" : "same", source, found ? `${name}: ${found}` : name, resource);
    roundings.push(...rounding(actual));
    const [list, emulatedList] = [actual, emulated].map(({ headers }) => headers["api-supported-versions"]);
    if (list !== emulatedList && list && emulatedList) lists.add(String(list));
  }
  report(
    lists.size ? "differs" : "same",
    "chosen",
    `the list of API versions${lists.size ? `: ${[...lists]}` : ""}`,
    resource,
  );
  const isNearest = roundings.every((seconds) => Math.abs(seconds) <= 0.5);
  const range = `by ${Math.min(...roundings).toFixed(3)} to ${Math.max(...roundings).toFixed(3)} s`;
  report(
    isNearest ? "same" : "differs",
    "chosen",
    `exp is expiresOn, rounded to the nearest second: ${range}`,
    resource,
  );
}

/** Deletes the identities that exist. Those that cannot be deleted remain in the list. */
async function deleteExisting(resource: Resource) {
  for (const id of existing) {
    const { status } = await send(resource, { method: "DELETE", path: `/identities/${encodeURIComponent(id)}` });
    if (status === 204 || status === 404) existing.delete(id);
  }
}

let resource: Resource | undefined;
process.on("SIGINT", () => (isInterrupted = true));
try {
  resource = await readSettings();
  if (resource) {
    const emulator = await startEmulator();
    const ca = await readFile(emulator.certificateFile, "utf8");
    const authentication = resource.accessKey ? { accessKey } : { entraToken: signIn(audience).access_token };
    const agent = new https.Agent({ keepAlive: true });
    resource = { ...resource, agent };
    await compare(resource, { endpoint: emulator.endpoint, ca, agent, ...authentication }).finally(emulator.stop);
    console.log(`${counts.same} same, ${counts.differs} different, ${counts.skipped} skipped`);
    process.exitCode = isInterrupted ? 130 : Number(hasRecordedDifference);
  } else {
    process.exitCode = 2;
    console.error(
      "Set COMMUNICATION_SERVICES_CONNECTION_STRING or COMMUNICATION_SERVICES_ENDPOINT, as for the walkthrough.",
    );
  }
} catch (error) {
  process.exitCode = 1;
  console.error(`The comparison could not finish: ${error instanceof Error ? error.message.split("\n", 1) : error}`);
} finally {
  if (resource) await deleteExisting(resource).catch(() => {});
  if (existing.size > 0) console.error(`These identities could not be deleted: ${[...existing].join(", ")}`);
}
