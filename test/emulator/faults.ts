// Faults to inject into the responses of the emulator. Only `delay` and `lostResponse` carry out the operation.

import type { ServerResponse } from "node:http";
import { setTimeout as wait } from "node:timers/promises";

/** Responds instead of the emulator, or calls `proceed` for the response of the emulator. */
export type Fault = (response: ServerResponse, proceed: () => Promise<void>) => unknown;

/** Responds with this status, body (a string as plain text, otherwise JSON), and headers. */
export function respondWith(status: number, body: object | string, headers: Record<string, string> = {}): Fault {
  const [text, type] = typeof body === "string" ? [body, "text/plain"] : [JSON.stringify(body), "application/json"];
  return (response) => response.writeHead(status, { "Content-Type": type, ...headers }).end(text);
}

/** Responds with an error in the format of the service. */
export function error(status: number, code: string, message: string, headers?: Record<string, string>): Fault {
  return respondWith(status, { error: { code, message } }, headers);
}

/** Responds with an HTML page, like a proxy or gateway. */
export function htmlPage(status: number, headers?: Record<string, string>): Fault {
  const page = "<html>\n<body>Our services are not available right now.</body>\n</html>";
  return respondWith(status, page, { "Content-Type": "text/html", ...headers });
}

/** Responds 200 with text that is labeled as JSON but is not. */
export const notJson = respondWith(200, "Not {JSON", { "Content-Type": "application/json" });

/** Closes the connection before responding. */
export const reset: Fault = (response) => response.destroy();

/** Closes the connection in the middle of the response. */
export const cutOff: Fault = (response) => {
  response.writeHead(201, { "Content-Type": "application/json", "Content-Length": 200 });
  response.write('{"identity":{"id":"8:acs:', () => response.destroy());
};

/** Carries out the operation, then closes the connection before responding. */
export const lostResponse: Fault = (response, proceed) => {
  response.flushHeaders = () => {};
  response.end = () => response.destroy();
  return proceed();
};

/** Never responds. */
export const silence: Fault = () => {};

/** Carries out the operation after this many milliseconds. */
export function delay(milliseconds: number): Fault {
  return (_response, proceed) => wait(milliseconds).then(proceed);
}

/** Sends a space at this interval, in milliseconds, and never finishes. */
export function drip(milliseconds: number): Fault {
  return (response) => {
    response.writeHead(201, { "Content-Type": "application/json" });
    const timer = setInterval(() => response.write(" "), milliseconds);
    response.on("close", () => clearInterval(timer));
  };
}
