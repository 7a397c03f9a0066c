// What the service receives and sends.
//
// Each response is known from recordings of the real service that the Azure SDKs publish with their tests [recorded],
// the API description in Azure/azure-rest-api-specs [specified], a GitHub issue that quotes the service [reported], or
// the source code of an SDK [source]. [inferred] follows from these. [chosen] has no public source: see README.md.

/** A request as it arrived. */
export interface Request {
  method: string;
  /** The path as it was sent, which may be percent-encoded. */
  path: string;
  /** The query as it was sent, with its question mark. */
  query: string;
  /** The headers, with names in lower case. */
  headers: Record<string, string | undefined>;
  body: Buffer;
}

/** A response, without the headers that `server.ts` adds to every one. */
export interface Response {
  status: number;
  headers: Record<string, string>;
  body?: object;
}

/** A regular expression for a GUID, as it occurs in an ID. */
export const guid = "[\\da-f]{8}(?:-[\\da-f]{4}){3}-[\\da-f]{12}";

// The list in the most recent recording, from October 2023. Whether the service lists newer versions today is unknown.
const listedVersions =
  "2020-07-20-preview2, 2021-02-22-preview1, 2021-03-07, 2021-10-31-preview, " +
  "2021-11-01, 2022-06-01, 2022-10-01, 2023-10-01";
const versionHeader = { "api-supported-versions": listedVersions };

/** Returns the response of an operation, with JSON or empty. */
export function success(status: number, body?: object): Response {
  return { status, headers: versionHeader, body };
}

/** Returns the error response of an operation. */
export function failure(status: number, code: string, message: string, target?: string): Response {
  return { status, headers: versionHeader, body: { error: { code, message, target } } };
}

/** Returns an error response from before the operation: without `api-supported-versions`. [recorded] */
export function rejection(status: number, code: string, message: string, target?: string): Response {
  return { status, headers: {}, body: { error: { code, message, target } } };
}
