// Serves an ACS resource over HTTPS, on the loopback interface only.

import { randomBytes, randomUUID, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { accessKey, authenticate, signIn } from "./authentication.ts";
import { rejection, type Request, type Response } from "./messages.ts";
import { Service } from "./service.ts";

const bodyLimit = 1024 * 1024; // bytes [assumed]
const tooLarge = rejection(413, "PayloadTooLarge", "The request body is larger than 1 MiB."); // [assumed]
tooLarge.headers.Connection = "close";

let newCertificate: Promise<string> | undefined; // shared by all emulators of a process

/** Generates a certificate for 127.0.0.1, valid for a year. Returns it in PEM format, followed by its private key. */
export async function generateCertificate(): Promise<string> {
  const selfsigned = (await import("selfsigned")).default; // Loading it takes time.
  const localhost = [{ name: "commonName", value: "localhost" }]; // With this name, it's also for 127.0.0.1.
  const { cert, private: key } = await selfsigned.generate(localhost, { keyType: "ec", algorithm: "sha256" });
  return `${cert}\n${key}`;
}

export interface EmulatorOptions {
  /** The port; 0, the default, picks a free one. */
  port?: number;
  /** A certificate with its private key; by default, a new one, which is kept only in memory. */
  certificate?: string;
  /**
   * Returns the response to a request, or undefined to close the connection without a response.
   * @param respond Carries out the operation and returns the emulator's response.
   * @param request The request, or undefined for a sign-in to Microsoft Entra ID.
   */
  intercept?: (respond: () => Response, request?: Request) => Response | undefined | Promise<Response | undefined>;
  /** Receives an error that took the place of a request: TLS failed, or what arrived isn't HTTP. */
  onClientError?: (error: NodeJS.ErrnoException) => void;
}

/**
 * Starts an emulator of one ACS resource. Rejects with `EADDRINUSE` if the port is in use.
 * @returns The settings for clients, the existing identities, a temporary folder, and a function to stop the emulator.
 */
export async function startEmulator(options: EmulatorOptions = {}) {
  const { port = 0, intercept = (respond) => respond(), onClientError = () => {} } = options;
  const service = new Service();

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse) {
    const started = performance.now();
    const body = await readBody(incoming);
    const request = toRequest(incoming, body);
    const respond = () => {
      const response = body ? (authenticate(request) ?? service.respond(request)) : tooLarge;
      return withCommonHeaders(response, request, performance.now() - started);
    };
    sendResponse(outgoing, await intercept(respond, request));
  }

  async function serveSignIn(incoming: IncomingMessage, outgoing: ServerResponse) {
    if (incoming.headers["x-identity-header"] !== signInSecret) return outgoing.writeHead(401).end();
    const audience = new URLSearchParams(toRequest(incoming).query).get("resource") ?? "";
    const headers = { "Content-Type": "application/json" };
    const respond = () => ({ status: 200, headers, body: JSON.stringify(signIn(audience)) });
    sendResponse(outgoing, await intercept(respond));
  }

  const cert = options.certificate ?? (await (newCertificate ??= generateCertificate()));
  // If a client disconnects or the emulator has a bug, only this connection ends.
  // Without a time limit for idle connections, Node doesn't send `Keep-Alive`, nor does the service.
  const httpsServer = createHttpsServer({ key: cert, cert, keepAliveTimeout: 0 }, (request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  httpsServer.on("tlsClientError", onClientError);
  httpsServer.on("clientError", (error, socket) => {
    if (!socket.writable) return socket.destroy(); // TLS failed, or the client has reset the connection.
    onClientError(error);
    socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", () => socket.destroy());
  });
  const signInServer = createHttpServer((request, response) => {
    serveSignIn(request, response).catch(() => response.destroy());
  });
  const signInSecret = randomUUID();
  const endpoint = `https://127.0.0.1:${await listen(httpsServer, port)}/`;
  const signInEndpoint = `http://127.0.0.1:${await listen(signInServer, 0)}/token`;
  const folder = await mkdtemp(join(tmpdir(), "acs-identity-emulator-"));
  const certificateFile = join(folder, "certificate.pem");
  await writeFile(certificateFile, new X509Certificate(cert).toString()); // without the key

  return {
    identities: service.identities as ReadonlyMap<string, number>,
    endpoint,
    certificateFile,
    /** A temporary folder, removed when the emulator stops. */
    folder,
    /** Environment variables that point a program at the emulator, with the access key. */
    settings: {
      COMMUNICATION_SERVICES_CONNECTION_STRING: `endpoint=${endpoint};accesskey=${accessKey}`,
      NODE_EXTRA_CA_CERTS: certificateFile,
    },
    /** The same for Microsoft Entra ID, with a managed identity. */
    entraSettings: {
      COMMUNICATION_SERVICES_ENDPOINT: endpoint,
      IDENTITY_ENDPOINT: signInEndpoint,
      IDENTITY_HEADER: signInSecret,
      NODE_EXTRA_CA_CERTS: certificateFile,
    },
    /** Stops immediately and removes the temporary folder. */
    async stop() {
      for (const server of [httpsServer, signInServer]) {
        server.close();
        server.closeAllConnections();
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Reads a body, and returns undefined for one over the limit, which it reads to its end without keeping it. */
async function readBody(incoming: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) if ((size += chunk.length) <= bodyLimit) chunks.push(chunk);
  return size <= bodyLimit ? Buffer.concat(chunks) : undefined;
}

function toRequest({ method = "", url = "", headers }: IncomingMessage, body: Buffer = Buffer.alloc(0)): Request {
  const [, path = "", query = ""] = /^([^?]*)(.*)$/s.exec(url) ?? [];
  const single = Object.entries(headers).map(([name, value]) => [name, value?.toString()]);
  return { method, path, query, headers: Object.fromEntries(single), body };
}

/** Returns a response with the headers that every response of the service has. [recorded] */
function withCommonHeaders(response: Response, request: Request, milliseconds: number): Response {
  const requestId = request.headers["x-ms-client-request-id"];
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const headers = {
    "Request-Context": "appId=",
    "MS-CV": `${randomBytes(17).toString("base64").slice(0, 22)}.2.0`,
    "Strict-Transport-Security": "max-age=31536000;includeSubDomains",
    ...(requestId && { "x-ms-client-request-id": requestId }),
    ...response.headers,
    "X-Processing-Time": `${Math.ceil(milliseconds)}ms`,
    "X-Cache": "CONFIG_NOCACHE",
    "x-azure-ref": `${time}-${randomBytes(24).toString("hex")}`,
  };
  return { ...response, headers };
}

/** Sends a response, or closes the connection. */
function sendResponse(outgoing: ServerResponse, response: Response | undefined) {
  if (!response) return outgoing.destroy();
  outgoing.statusCode = response.status;
  outgoing.setHeaders(new Map(Object.entries(response.headers)));
  outgoing.end(response.body);
}

/** Listens on the loopback interface and returns the port. */
async function listen(server: Server, port: number): Promise<number> {
  server.listen({ port, host: "127.0.0.1", backlog: 4096 });
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}
