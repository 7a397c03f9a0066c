// Responses that differ from those of the emulator, for the tests of npm run compare.

import type { Request, Response } from "../emulator/messages.ts";

/** A response before it is sent. */
interface Draft {
  /** The host of the resource. */
  host: string;
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** Changes the response to the requests that match, and what the report says of the change, without backslashes. */
export const changes: [matches: (request: Request) => boolean, alter: (draft: Draft) => void, line: string][] = [
  [
    ({ path }) => path.endsWith(":revokeAccessTokens"),
    (draft) => (draft.status = 200),
    "recorded  revoke: status 200 (emulator: 204)",
  ],
  [
    ({ body }) => body.includes("1441") && body.includes("createToken"),
    (draft) => (draft.body = draft.body.replace("ValidationError", "Invalid")),
    'recorded  create with a token for 1441 minutes: code "Invalid" (emulator: "ValidationError")',
  ],
  [
    ({ query }) => query.includes("2020-07-20-preview2"),
    (draft) => (draft.body = draft.body.replace("'https:", "'http:").replace("does not", "doesn't")),
    'recorded  API version 2020-07-20-preview2: message "The HTTP resource ',
  ],
  [
    ({ body }) => body.includes("59") && body.includes('"scopes"'),
    (draft) => (draft.body = draft.body.replace(',"target":"ExpiresInMinutes"', "")),
    'recorded  issue for 59 minutes: target missing (emulator: "ExpiresInMinutes")',
  ],
  [
    ({ query }) => query.includes("2021-11-01"),
    (draft) => delete draft.headers["api-supported-versions"],
    'recorded  API version 2021-11-01: api-supported-versions missing (emulator: "<list>")',
  ],
  [
    ({ query }) => query.includes("2021-10-31-preview"),
    (draft) => (draft.headers["api-supported-versions"] += ", 2030-01-01"),
    "chosen    the list of API versions: 2020-07-20-preview2",
  ],
  [
    ({ query }) => query.includes("2022-06-01"),
    (draft) => (draft.headers["ms-cv"] = "short"),
    'recorded  API version 2022-06-01: ms-cv "short" (emulator: "<valid>")',
  ],
  [
    ({ query }) => query.includes("2022-10-01"),
    (draft) => (draft.headers.server = "Kestrel"),
    'recorded  API version 2022-10-01: server "Kestrel" (emulator: missing)',
  ],
  [
    ({ query }) => query.includes("2025-06-30"),
    (draft) => {
      const link = `https://${draft.host.toUpperCase()}/5DC4A2F4-1111-2222-3333-444444444444?eyJhbGciOi`;
      draft.body = draft.body.replace("}}", `,"link":"${link}"}}`);
    },
    'recorded  API version 2025-06-30: body "{"identity":{"id":"<id>","link":"https://<host>/<guid>?<token>"}}"',
  ],
  [
    ({ body }) => body.includes('"expiresInMinutes":1440'),
    (draft) => (draft.body = draft.body.replace("+00:00", "Z")),
    "recorded  issue for 1440 minutes: body ",
  ],
  [
    ({ body }) => body.includes('"chat","voip"') && body.includes("createToken"),
    (draft) => (draft.body = draft.body.replace(/"eyJ[\w-]+/, `"${encode({ alg: "RS256", typ: "JWT" })}`)),
    'recorded  create with a token: body "{"identity":{"id":"<id>"},"accessToken":{"token":"<JWT: alg string, typ ',
  ],
  [
    ({ body }) => body.includes('["chat"], "expires'),
    (draft) => (draft.body = draft.body.replace(/(?<="token":")[^"]+/, "UNREADABLE")),
    'recorded  create with a token, in JSON with spaces: body "{"identity":{"id":"<id>"},"accessToken":{"token":"<not',
  ],
  [
    ({ query }) => query.includes("2026-07-22"),
    (draft) => (draft.headers["x-ms-client-request-id"] = "5dc4a2f4-1111-2222-3333-444444444444"),
    'chosen    API version 2026-07-22: x-ms-client-request-id "<another>" (emulator: "<valid>")',
  ],
  [
    ({ headers }) => headers["x-ms-content-sha256"] === "c29tZXRoaW5nIGVsc2U=",
    (draft) => (draft.body = draft.body.replace("}}", '},"traceId":"x"}')),
    'recorded  a body that does not match its hash: body "{"traceId":"x"}" (emulator: missing)',
  ],
  [
    ({ body }) => body.toString() === '{"createTokenWithScopes":["chat"]}',
    (draft) => (draft.body = draft.body.replace(/(\.\d+)?\+00:00/, ".9+00:00")),
    "chosen    exp minus expiresOn, at most half a second: -0.900 s, -0.900 s",
  ],
];

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}

/** Lets the emulator respond, with the changes that match. */
export async function change(respond: () => Promise<Response>, request?: Request): Promise<Response> {
  const response = await respond();
  const [, alter] = changes.find(([matches]) => request && matches(request)) ?? [];
  const headers = Object.entries(response.headers).map(([name, value]) => [name.toLowerCase(), value]);
  const draft = { ...response, headers: Object.fromEntries(headers), body: String(response.body) };
  const changed = { ...draft, host: request?.headers.host ?? "" };
  alter?.(changed);
  return changed;
}
