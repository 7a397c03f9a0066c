// What the service receives and sends.
//
// A mark names the source of a fact: [recorded] in the tests of the Azure SDKs, [specified] in the API description in
// Azure/azure-rest-api-specs, [reported] in a GitHub issue, [source] in the code of an SDK, [inferred] from these, or
// [assumed] without a public source (see README.md).

/** A request as it arrived. */
export interface Request {
  method: string;
  /** The path as it was sent, which can be percent-encoded. */
  path: string;
  /** The query as it was sent, with its question mark. */
  query: string;
  /** The headers, with names in lower case. */
  headers: Record<string, string | undefined>;
  body: Buffer;
}

/** A response with all its headers, except those of the connection: Node adds `Date`, `Connection`, and a length. */
export interface Response {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** A regular expression for a GUID, as it occurs in an ID. */
export const guid = "[\\da-f]{8}(?:-[\\da-f]{4}){3}-[\\da-f]{12}";

/** The API versions that the service listed in the newest recordings, from June to September 2025. */
export const listedVersions =
  "2020-07-20-preview2, 2021-03-07, 2021-10-31-preview, 2021-11-01, 2022-06-01, 2022-10-01, 2023-10-01, " +
  "2025-03-02-preview, 2025-06-30";
const versionHeader = { "api-supported-versions": listedVersions };

/** Returns the response of an operation, with JSON or empty. [recorded] */
export function success(status: number, value?: object): Response {
  const type = value && { "Content-Type": "application/json; charset=utf-8" };
  const ranges = status === 200 && { "Accept-Ranges": "bytes" };
  return { status, headers: { ...versionHeader, ...type, ...ranges }, body: value ? JSON.stringify(value) : "" };
}

/** Returns the error response of an operation. */
export function failure(status: number, code: string, message: string, target?: string): Response {
  const response = rejection(status, code, message, target);
  return { ...response, headers: { ...versionHeader, ...response.headers } };
}

/** Returns an error response from before the operation: without `api-supported-versions`. [recorded] */
export function rejection(status: number, code: string, message: string, target?: string): Response {
  const headers = { "Content-Type": "application/json", "Transfer-Encoding": "chunked" };
  return { status, headers, body: JSON.stringify({ error: { code, message, target } }) };
}
