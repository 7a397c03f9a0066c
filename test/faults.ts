// What can go wrong on the way, for `emulator.once` and `emulator.always`. No operation takes place, except after a `delay`
// and for `lostAnswer`.

import { setTimeout as wait } from "node:timers/promises";
import type { Fault } from "./emulator.ts";

/** Answers with this status, this body, as JSON unless it is a text, and these headers. */
export const answer = (status: number, body: object | string, headers: Record<string, string> = {}): Fault => (response) => {
  const [text, type] = typeof body === "string" ? [body, "text/plain"] : [JSON.stringify(body), "application/json"];
  response.writeHead(status, { "Content-Type": type, ...headers }).end(text);
};

/** Answers with an error as the service words it. */
export const error = (status: number, code: string, message: string, headers?: Record<string, string>) => answer(status, { error: { code, message } }, headers);

/** Answers with a page for people, as a proxy or a gateway does. */
export const htmlPage = (status = 503): Fault => answer(status, "<html>\n<body>Our services are not available right now.</body>\n</html>", { "Content-Type": "text/html" });

/** Answers 200 with a text that claims to be JSON. */
export const notJson = answer(200, "Not {JSON", { "Content-Type": "application/json" });

/** Hangs up before answering. */
export const reset: Fault = (response) => response.destroy();

/** Hangs up in the middle of its answer. */
export const cutOff: Fault = (response) => {
  response.writeHead(201, { "Content-Type": "application/json", "Content-Length": 200 });
  response.write('{"identity":{"id":"8:acs:', () => response.destroy());
};

/** Lets the operation take place, and hangs up before its answer. */
export const lostAnswer: Fault = (response, proceed) => {
  response.end = () => response.destroy();
  return proceed();
};

/** Never answers. */
export const silence: Fault = () => {};

/** Lets the operation take place so many milliseconds later. */
export const delay = (milliseconds: number): Fault => (_response, proceed) => wait(milliseconds).then(proceed);

/** Sends a blank every so many milliseconds, and never comes to an end. */
export const drip = (milliseconds: number): Fault => (response) => {
  response.writeHead(201, { "Content-Type": "application/json" });
  const timer = setInterval(() => response.write(" "), milliseconds);
  response.on("close", () => clearInterval(timer));
};
