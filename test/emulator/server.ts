// Serves an ACS resource over HTTPS, on the loopback interface only.

import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generate as generateCertificate } from "selfsigned";
import { accessKey, authenticate, signIn } from "./authentication.ts";
import { failure, type Request, type Response } from "./messages.ts";
import { Service } from "./service.ts";

const largestBody = 64 * 1024; // bytes [chosen]

// Shared by all emulators of a process.
const certificate = generateCertificate([{ name: "commonName", value: "localhost" }], {
  keyType: "ec",
  algorithm: "sha256",
  extensions: [
    { name: "basicConstraints", cA: true, critical: true },
    { name: "keyUsage", digitalSignature: true, keyCertSign: true, critical: true },
    {
      name: "subjectAltName",
      altNames: [
        { type: 2, value: "localhost" },
        { type: 7, ip: "127.0.0.1" },
      ],
    },
  ],
});

export interface EmulatorOptions {
  /** The port; 0, the default, picks a free one. */
  port?: number;
  /** Called for each request, or with undefined for a sign-in to Microsoft Entra ID. Responds, or calls `proceed`. */
  intercept?: (request: Request | undefined, response: ServerResponse, proceed: () => Promise<void>) => unknown;
  /** Called after each response with its duration in milliseconds. */
  onResponse?: (request: Request, response: Response, milliseconds: number) => void;
}

export type Emulator = Awaited<ReturnType<typeof startEmulator>>;

/**
 * Starts an emulator of one ACS resource. Rejects with `EADDRINUSE` if the port is in use.
 * @returns The settings for clients, the existing identities, a temporary folder, and a function to stop the emulator.
 */
export async function startEmulator({
  port = 0,
  intercept = (_request, _response, proceed) => proceed(),
  onResponse,
}: EmulatorOptions = {}) {
  const resource = new Service();

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse) {
    const started = performance.now();
    const body = await readBody(incoming);
    const request = toRequest(incoming, body);
    const respond = async () => {
      const tooLarge = failure(413, "RequestTooLarge", `The body is larger than ${largestBody} bytes.`); // [chosen]
      const response = body ? (authenticate(request) ?? (await resource.respond(request))) : tooLarge;
      const milliseconds = performance.now() - started;
      outgoing.on("finish", () => onResponse?.(request, response, milliseconds));
      send(outgoing, response, request.headers["x-ms-client-request-id"], milliseconds);
    };
    await intercept(request, outgoing, respond);
  }

  async function serveSignIn(incoming: IncomingMessage, outgoing: ServerResponse) {
    if (incoming.headers["x-identity-header"] !== signInSecret) return outgoing.writeHead(401).end();
    const { query } = toRequest(incoming);
    await intercept(undefined, outgoing, async () => {
      outgoing.writeHead(200, { "Content-Type": "application/json" });
      outgoing.end(JSON.stringify(signIn(new URLSearchParams(query).get("resource") ?? "")));
    });
  }

  const { private: key, cert } = await certificate;
  const service = createHttpsServer({ key, cert }, (request, response) => {
    // Reached when a client disconnects during its request, or by a bug in the emulator, which then keeps running.
    serve(request, response).catch(() => response.destroy());
  });
  const signInService = createHttpServer((request, response) => void serveSignIn(request, response));
  const signInSecret = randomUUID();
  const endpoint = `https://127.0.0.1:${await listen(service, port)}/`;
  const signInEndpoint = `http://127.0.0.1:${await listen(signInService, 0)}/token`;
  const folder = await mkdtemp(join(tmpdir(), "acs-identity-emulator-"));
  const certificateFile = join(folder, "certificate.pem");
  await writeFile(certificateFile, cert);

  return {
    identities: resource.identities as ReadonlyMap<string, number>,
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
      for (const server of [service, signInService]) {
        server.close();
        server.closeAllConnections();
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function toRequest({ method = "", url = "", headers }: IncomingMessage, body: Buffer = Buffer.alloc(0)): Request {
  const [, path = "", query = ""] = /^([^?]*)(.*)$/s.exec(url) ?? [];
  const single = Object.entries(headers).map(([name, value]) => [name, value?.toString()]);
  return { method, path, query, headers: Object.fromEntries(single), body };
}

/** Reads a request body. Returns undefined, and discards the rest, if it is too large. */
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

/** Sends a response with the recorded headers: a length and a charset on success, neither on errors, never `Server`. */
function send(outgoing: ServerResponse, response: Response, requestId: string | undefined, milliseconds: number) {
  const { status, headers, body } = response;
  outgoing.statusCode = status;
  outgoing.setHeader("Request-Context", "appId=");
  outgoing.setHeader("MS-CV", `${randomBytes(17).toString("base64").slice(0, 22)}.0`);
  outgoing.setHeader("Strict-Transport-Security", "max-age=2592000");
  if (requestId) outgoing.setHeader("x-ms-client-request-id", requestId);
  for (const [name, value] of Object.entries(headers)) outgoing.setHeader(name, value);
  outgoing.setHeader("X-Processing-Time", `${Math.ceil(milliseconds)}ms`);
  outgoing.setHeader("X-Cache", "CONFIG_NOCACHE");
  outgoing.setHeader("X-Azure-Ref", `0${randomBytes(39).toString("base64")}`);
  if (!body) return outgoing.end();

  const isSuccess = status < 300;
  outgoing.setHeader("Content-Type", isSuccess ? "application/json; charset=utf-8" : "application/json");
  if (!isSuccess) outgoing.flushHeaders(); // Without the body, Node does not know its length and sends it in chunks.
  outgoing.end(JSON.stringify(body));
}

/** Listens on the loopback interface and returns the port. */
async function listen(server: Server, port: number): Promise<number> {
  server.listen({ port, host: "127.0.0.1", backlog: 4096 });
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}
