// Faults to inject into the responses of the emulator.

import { setTimeout as wait } from "node:timers/promises";
import type { EmulatorOptions } from "../emulator/server.ts";

export type Fault = NonNullable<EmulatorOptions["intercept"]>;

/** Responds with this status, body (a string as plain text, otherwise JSON), and headers. */
export function respondWith(status: number, body: object | string, headers: Record<string, string> = {}): Fault {
  const [text, type] = typeof body === "string" ? [body, "text/plain"] : [JSON.stringify(body), "application/json"];
  return () => ({ status, headers: { "Content-Type": type, ...headers }, body: text });
}

/** Responds with an error in the format of the service. */
export function error(status: number, code: string, message: string, headers?: Record<string, string>): Fault {
  return respondWith(status, { error: { code, message } }, headers);
}

/** Responds with an HTML page, like a proxy or gateway. */
export function htmlPage(status: number): Fault {
  const page = "<html>\n<body>Our services are not available right now.</body>\n</html>";
  return respondWith(status, page, { "Content-Type": "text/html" });
}

/** Never responds. */
export const silence: Fault = () => new Promise(() => {});

/** Carries out the operation after this many milliseconds. */
export function delay(milliseconds: number): Fault {
  return (respond) => wait(milliseconds).then(respond);
}
