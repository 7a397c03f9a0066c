// Imitates the ACS Identity service over HTTPS: creating an identity, issuing and revoking its access tokens, and deleting it,
// with the real authentication, JSON, headers and errors. It does not imitate the exchange of Teams tokens, the first preview, rate
// limits, or the 15 minutes that revoking may take to reach every service.
//
// What it answers is known from recordings of the real service that the Azure SDKs publish with their own tests ("recorded"),
// from the API description in Azure/azure-rest-api-specs ("specified"), and from GitHub issues that quote the service ("reported").
// What nothing public shows is marked "chosen"; the README lists these choices.

import { createHash, createHmac, generateKeyPair, randomBytes, randomInt, randomUUID, sign } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { generate as generateCertificate } from "selfsigned";

/** The access key of the emulator's resource, in base64. Like Azurite's it is well known, and protects nothing. */
export const accessKey = Buffer.from("This access key of the emulator is public and protects nothing.").toString("base64");

/** The list that the service sent last, recorded in October 2023. */
const listedVersions = ["2020-07-20-preview2", "2021-02-22-preview1", "2021-03-07", "2021-10-31-preview", "2021-11-01", "2022-06-01", "2022-10-01", "2023-10-01"];
/** The oldest one had other paths and other JSON, and was reported to be refused although it is listed. */
const acceptedVersions = listedVersions.slice(1);
const knownScopes = ["chat", "voip", "chat.join", "chat.join.limited", "voip.join"]; // specified
const largestBody = 64 * 1024; // bytes, chosen

export type Operation = "create" | "issue" | "revoke" | "delete";

/** A request as it arrived. The first has the `number` 1. A client's retries share the `call` of the request that they repeat. */
export interface ReceivedRequest {
  number: number;
  call: number;
  operation?: Operation;
  method: string;
  path: string;
  body: string;
  signedBy?: "access key" | "Microsoft Entra ID";
}

/** An access token that was issued, with times in milliseconds since 1970, and the number of the request that ended it. */
export interface IssuedToken {
  identity: string;
  token: string;
  issuedAt: number;
  expiresAt: number;
  endedBy?: number;
}

/** Takes over an answer: writes to the response itself, or lets the service `proceed` with its own. faults.ts has them. */
export type Fault = (response: ServerResponse, proceed: () => Promise<void>) => unknown;

/** What a fault disturbs: an operation, the sign-in to Microsoft Entra ID, or the call with this number, counted from 1 and without retries. */
export type Target = Operation | "sign-in" | number;

type Answer = { status: number; body?: object; listsVersions?: boolean };
type Body = { createTokenWithScopes?: unknown; scopes?: unknown; expiresInMinutes?: unknown };
export type Emulator = Awaited<ReturnType<typeof startEmulator>>;

// Both serve as long as the process lives. Nothing can be accepted without the certificate. The RSA key takes up to half a
// second, which nobody has to wait for before the first token is issued.
const certificate = generateCertificate([{ name: "commonName", value: "localhost" }], {
  keyType: "ec",
  algorithm: "sha256",
  extensions: [
    { name: "basicConstraints", cA: true, critical: true },
    { name: "keyUsage", digitalSignature: true, keyCertSign: true, critical: true },
    { name: "subjectAltName", altNames: [{ type: 2, value: "localhost" }, { type: 7, ip: "127.0.0.1" }] },
  ],
});
const signingKeys = promisify(generateKeyPair)("rsa", { modulusLength: 2048 });

/**
 * Starts an emulator that has one ACS resource and listens on the loopback interface only.
 * @param options.port The port; 0, the default, takes a free one. A port in use rejects with the code `EADDRINUSE`.
 * @param options.onAnswer Is called after each answer with the request, the status, and the milliseconds that it took.
 * @returns What clients need to reach it, what it holds and what it received, and the ways to disturb and to stop it.
 */
export async function startEmulator(options: { port?: number; onAnswer?: (request: ReceivedRequest, status: number, milliseconds: number) => void } = {}) {
  const resourceId = randomUUID();
  const identities = new Set<string>();
  const tokens: IssuedToken[] = [];
  const requests: ReceivedRequest[] = [];
  const calls = new Map<string, number>();
  const faults: { target: Target; fault: Fault; times: number }[] = [];
  const entraTokens = new Set<string>();
  const entraSecret = randomUUID();

  // The operations, in the order in which the program calls them.

  async function createIdentity(_id: string, body: Body): Promise<Answer> {
    const scopes = body.createTokenWithScopes ?? []; // recorded: absent and null both mean no token; chosen: so does []
    const refusal = refuseScopes(scopes, "CreateTokenWithScopes") ?? refuseLifetime(body);
    if (refusal) return refusal;
    const id = `8:acs:${resourceId}_${randomUUID()}`;
    identities.add(id);
    const accessToken = (scopes as string[]).length > 0 ? await issueToken(id, body) : undefined;
    return { status: 201, body: { identity: { id }, accessToken } };
  }

  async function issueAccessToken(id: string, body: Body): Promise<Answer> {
    if (body.scopes == null) return modelError("Scopes: The Scopes field is required.", "Scopes"); // recorded
    if (Array.isArray(body.scopes) && !body.scopes.length) return error(400, "ValidationError", "Invalid scopes - Scopes field is required.", "scopes"); // recorded
    const refusal = refuseScopes(body.scopes, "Scopes") ?? refuseLifetime(body) ?? refuseIdentity(id);
    return refusal ?? { status: 200, body: await issueToken(id, body) };
  }

  async function revokeAccessTokens(id: string, _body: Body, requestNumber: number): Promise<Answer> {
    const refusal = refuseIdentity(id);
    if (refusal) return refusal;
    for (const token of tokens) if (token.identity === id) token.endedBy ??= requestNumber;
    return { status: 204 };
  }

  async function deleteIdentity(id: string, body: Body, requestNumber: number): Promise<Answer> {
    const answer = await revokeAccessTokens(id, body, requestNumber);
    identities.delete(id);
    return answer;
  }

  // `/:verb` is literal: slash, colon, verb. [specified] Clients send the id percent-encoded or with raw colons. [recorded]
  const routes = [
    { operation: "create", method: "POST", path: /^\/identities$/, handle: createIdentity },
    { operation: "issue", method: "POST", path: /^\/identities\/([^/]+)\/:issueAccessToken$/, handle: issueAccessToken },
    { operation: "revoke", method: "POST", path: /^\/identities\/([^/]+)\/:revokeAccessTokens$/, handle: revokeAccessTokens },
    { operation: "delete", method: "DELETE", path: /^\/identities\/([^/]+)$/, handle: deleteIdentity },
  ] as const;

  /** Signs a token for an identity. The form of the JWT is that of the newest published sample; Microsoft says that it may change. */
  async function issueToken(identity: string, body: Body) {
    const { privateKey, publicKey } = await signingKeys;
    const scopes = (body.scopes ?? body.createTokenWithScopes) as string[];
    const minutes = (body.expiresInMinutes ?? 1440) as number;
    const issuedAt = Date.now();
    const expiresAt = issuedAt + minutes * 60_000;
    const exp = Math.round(expiresAt / 1000);
    const iat = exp - minutes * 60;
    const thumbprint = createHash("sha1").update(publicKey.export({ type: "spki", format: "der" }));
    const kid = thumbprint.copy().digest("hex").toUpperCase();
    const header = { alg: "RS256", kid, x5t: thumbprint.digest("base64url"), typ: "JWT" };
    const claims = {
      skypeid: identity.replace(/^8:/, ""),
      scp: 1792,
      csi: String(iat),
      exp,
      rgn: "amer",
      acsScope: scopes.join(","),
      resourceId,
      resourceLocation: "unitedstates",
      iat,
    };
    const content = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
    const token = `${content}.${sign("RSA-SHA256", Buffer.from(content), privateKey).toString("base64url")}`;
    tokens.push({ identity, token, issuedAt, expiresAt });
    return { token, expiresOn: serviceTime(expiresAt) };
  }

  function refuseIdentity(id: string): Answer | undefined {
    const owner = /^8:acs:([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})_[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/.exec(id)?.[1];
    if (!owner) return error(400, "ValidationError", "Provided identity is not valid.", "id"); // chosen
    if (owner !== resourceId) return error(401, "IdentityNotOwned", "Provided identity doesn't belong to the resource."); // recorded
    if (!identities.has(id)) return error(404, "IdentityNotFound", "Provided identity doesn't exist."); // the message is documented, the rest chosen
  }

  /** Tells who signed a request, or how it is refused. */
  function authenticate(request: IncomingMessage, body: Buffer): ReceivedRequest["signedBy"] | Answer {
    const denied = error(401, "Denied", "Denied by the resource provider.", undefined, false); // reported
    const [scheme, credentials = ""] = (request.headers.authorization ?? "").split(/ (.*)/s);
    if (scheme === "Bearer") return entraTokens.has(credentials) ? "Microsoft Entra ID" : denied;
    const [, names, signature] = /^SignedHeaders=([^&]+)&Signature=(.+)$/.exec(credentials) ?? [];
    if (scheme !== "HMAC-SHA256" || !names) return denied;

    const contentHash = createHash("sha256").update(body).digest("base64");
    if (request.headers["x-ms-content-sha256"] !== contentHash) {
      return error(401, "Denied", "Request 'x-ms-content-sha256' differs from generated content hash.", undefined, false); // reported
    }
    // The list is honoured as one: older SDKs sign `date` in place of `x-ms-date`. [source of the SDKs]
    const signedNames = names.toLowerCase().split(";");
    if (!["host", "x-ms-content-sha256"].every((name) => signedNames.includes(name)) || !/(^|;)(x-ms-)?date(;|$)/i.test(names)) return denied;
    // The Java SDK signs the host without its port. [source of the SDK]
    const host = request.headers.host ?? "";
    const signatures = [host, host.replace(/:\d+$/, "")].map((signedHost) => {
      const values = signedNames.map((name) => (name === "host" ? signedHost : request.headers[name]));
      const text = `${request.method}\n${request.url}\n${values.join(";")}`;
      return createHmac("sha256", Buffer.from(accessKey, "base64")).update(text).digest("base64");
    });
    return signatures.includes(signature!) ? "access key" : denied;
  }

  /** Answers one request as the service would. */
  async function answer(request: IncomingMessage, received: ReceivedRequest, body: Buffer): Promise<Answer> {
    const signedBy = authenticate(request, body);
    if (typeof signedBy !== "string") return signedBy!;
    received.signedBy = signedBy;

    const [path, query] = split(request.url!);
    const version = new URLSearchParams(query).get("api-version");
    if (!version) return error(400, "ApiVersionUnspecified", "An API version is required, but was not specified."); // chosen
    if (!acceptedVersions.includes(version)) {
      const uri = `https://${request.headers.host}${request.url!.split("?")[0]}`;
      return error(400, "UnsupportedApiVersion", `The HTTP resource that matches the request URI '${uri}' does not support the API version '${version}'.`); // reported
    }

    const route = routes.find(({ operation }) => operation === received.operation);
    if (!route) {
      const known = routes.some((other) => other.path.test(path));
      return known ? error(405, "MethodNotAllowed", "The method is not allowed for this path.") : error(404, "NotFound", "There is nothing at this path."); // chosen
    }

    const json = body.length > 0 ? parseObject(body.toString()) : {};
    if (!json) return modelError("The request body is not a JSON object."); // chosen
    return route.handle(route.path.exec(path)![1] ?? "", json, received.number);
  }

  async function serve(request: IncomingMessage, response: ServerResponse) {
    const started = performance.now();
    const [path] = split(request.url!);
    const requestId = request.headers["x-ms-client-request-id"] as string | undefined;
    const callId = requestId ?? randomUUID();
    if (!calls.has(callId)) calls.set(callId, calls.size + 1);
    const received: ReceivedRequest = {
      number: requests.length + 1,
      call: calls.get(callId)!,
      operation: routes.find((route) => route.method === request.method && route.path.test(path))?.operation,
      method: request.method!,
      path: request.url!,
      body: "",
    };
    requests.push(received);
    response.on("finish", () => options.onAnswer?.(received, response.statusCode, performance.now() - started));

    const body = await readBody(request);
    received.body = body?.toString() ?? "";
    const proceed = async () => {
      const result = body ? await answer(request, received, body) : error(413, "RequestTooLarge", `The body is larger than ${largestBody} bytes.`); // chosen
      send(response, result, requestId, performance.now() - started);
    };
    await disturb([received.operation, received.call], response, proceed);
  }

  /** Has the first fault that is meant for one of these targets answer in place of the service. */
  async function disturb(targets: (Target | undefined)[], response: ServerResponse, proceed: () => Promise<void>) {
    const disturbance = faults.find(({ target, times }) => times > 0 && targets.includes(target));
    if (!disturbance) return proceed();
    disturbance.times--;
    await disturbance.fault(response, proceed);
  }

  const { private: key, cert } = await certificate;
  const service = createHttpsServer({ key, cert }, (request, response) => {
    // A client that goes away in the middle of its request ends up here. So would a fault of the emulator's own, which it survives.
    serve(request, response).catch(() => response.destroy());
  });
  // What App Service offers to a program with a managed identity: the one credential of DefaultAzureCredential that needs no internet.
  const entra = createHttpServer((request, response) => {
    if (request.headers["x-identity-header"] !== entraSecret) return response.writeHead(401).end();
    void disturb(["sign-in"], response, async () => {
      const token = randomUUID();
      entraTokens.add(token);
      const expires_on = String(Math.round(Date.now() / 1000) + 3600);
      const resource = new URLSearchParams(split(request.url!)[1]).get("resource");
      response.writeHead(200, { "Content-Type": "application/json" });
      response.end(JSON.stringify({ access_token: token, expires_on, resource, token_type: "Bearer" }));
    });
  });
  const port = await listen(service, options.port);
  const entraPort = await listen(entra);
  const folder = await mkdtemp(join(tmpdir(), "acs-identity-emulator-"));
  const certificateFile = join(folder, "certificate.pem");
  await writeFile(certificateFile, cert);
  const endpoint = `https://localhost:${port}/`;
  const trust = { NODE_EXTRA_CA_CERTS: certificateFile };

  return {
    identities: identities as ReadonlySet<string>,
    tokens: tokens as readonly IssuedToken[],
    requests: requests as readonly ReceivedRequest[],
    /** A folder of the emulator's own, which goes when it stops. */
    folder,
    /** The environment variables that point a program to the emulator, with the access key. */
    settings: { COMMUNICATION_SERVICES_CONNECTION_STRING: `endpoint=${endpoint};accesskey=${accessKey}`, ...trust },
    /** The same for Microsoft Entra ID, with a managed identity in place of a person's sign-in. */
    entraSettings: {
      COMMUNICATION_SERVICES_ENDPOINT: endpoint,
      IDENTITY_ENDPOINT: `http://127.0.0.1:${entraPort}/token`,
      IDENTITY_HEADER: entraSecret,
      ...trust,
    },
    /** Disturbs the next answer to a target. */
    once: (target: Target, fault: Fault) => void faults.push({ target, fault, times: 1 }),
    /** Disturbs every answer to a target. */
    always: (target: Target, fault: Fault) => void faults.push({ target, fault, times: Infinity }),
    /** Stops at once, and removes the emulator's folder. */
    async stop() {
      for (const server of [service, entra]) {
        server.close();
        server.closeAllConnections();
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function error(status: number, code: string, message: string, target?: string, listsVersions = true): Answer {
  return { status, body: { error: { code, message, target } }, listsVersions };
}

/** What is wrong with the JSON before an operation looks at it: recorded without `api-supported-versions`. */
function modelError(message: string, target?: string): Answer {
  return error(400, "ValidationError", message, target, false);
}

function refuseScopes(scopes: unknown, target: string): Answer | undefined {
  if (!Array.isArray(scopes)) return modelError(`${target}: The ${target} field is not a list.`, target); // chosen
  const unknown = scopes.find((scope) => !knownScopes.includes(scope));
  if (unknown !== undefined) return error(400, "ValidationError", "Invalid scopes - A scope is not known.", "scopes"); // chosen
}

function refuseLifetime({ expiresInMinutes: minutes }: Body): Answer | undefined {
  if (minutes == null) return;
  if (!Number.isInteger(minutes)) return modelError("ExpiresInMinutes: The value is not an integer.", "ExpiresInMinutes"); // chosen
  if ((minutes as number) < 60 || (minutes as number) > 1440) {
    return error(400, "ValidationError", `ExpiresInMinutes value ${minutes} is invalid. Value must be within the [60, 1440] interval.`, "ExpiresInMinutes"); // recorded
  }
}

/** A time as the service writes it, recorded: seven digits of a second without trailing zeros, and never a Z. The last four are made up. */
function serviceTime(milliseconds: number): string {
  const digits = String(randomInt(10_000)).padStart(4, "0");
  return `${new Date(milliseconds).toISOString().replace("Z", digits).replace(/\.?0+$/, "")}+00:00`;
}

/** Sends an answer with the headers that were recorded: a length and a charset on success, neither on errors, and no `Server`. */
function send(response: ServerResponse, { status, body, listsVersions = true }: Answer, requestId: string | undefined, milliseconds: number) {
  response.setHeader("Request-Context", "appId=");
  response.setHeader("MS-CV", `${randomBytes(17).toString("base64").slice(0, 22)}.0`);
  response.setHeader("Strict-Transport-Security", "max-age=2592000");
  if (requestId) response.setHeader("x-ms-client-request-id", requestId);
  if (listsVersions) response.setHeader("api-supported-versions", listedVersions.join(", "));
  response.setHeader("X-Processing-Time", `${Math.ceil(milliseconds)}ms`);
  response.setHeader("X-Cache", "CONFIG_NOCACHE");
  response.setHeader("X-Azure-Ref", `0${randomBytes(39).toString("base64")}`);
  response.statusCode = status;
  if (!body) return response.end();
  const json = JSON.stringify(body);
  response.setHeader("Content-Type", status < 300 ? "application/json; charset=utf-8" : "application/json");
  if (status < 300) return response.end(json); // Node adds the length
  response.write(json); // and sends in chunks what does not come with the end
  response.end();
}

/** The body of a request, or undefined if it is larger than is accepted; what is too much is let go by. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += chunk.length;
    if (size > largestBody) return void request.resume();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Path, percent-decoded if it can be, and query. */
function split(url: string): [path: string, query: string] {
  const [path = "", query = ""] = url.split("?", 2);
  try {
    return [decodeURIComponent(path), query];
  } catch {
    return [path, query];
  }
}

function parseObject(text: string): Body | undefined {
  try {
    const value: unknown = JSON.parse(text) ?? {};
    return typeof value === "object" && !Array.isArray(value) ? (value as Body) : undefined;
  } catch {
    return undefined;
  }
}

/** Listens on the loopback interface, and gives the port. */
async function listen(server: Server, port = 0): Promise<number> {
  server.listen({ port, host: "127.0.0.1", backlog: 4096 });
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}
