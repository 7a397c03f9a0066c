// What the tests of failures share.

import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { pipeline } from "node:stream";
import { expect } from "vitest";
import { accessKey } from "../emulator/authentication.ts";
import type { TestEmulator } from "./fixtures.ts";
import type { Started } from "./processes.ts";

/** Waits for the end of a program, checks what must hold for every failure, and returns the lines of stderr. */
export async function failureOf({ ended }: Started): Promise<string[]> {
  const { stderr, stdout, exitCode } = await ended;
  expect(stderr).not.toMatch(/^\s+at |eyJ|\n\n|[^\P{Cc}\n]/mu); // no stack, token, empty line, or control character
  const partsOfKey = Array.from({ length: accessKey.length - 7 }, (_, start) => accessKey.slice(start, start + 8));
  expect(partsOfKey.filter((part) => (stdout + stderr).includes(part))).toEqual([]);
  expect(exitCode).toBe(1);
  const lines = stderr.trim().split("\n");
  expect(lines.length).toBeLessThanOrEqual(15);
  return lines;
}

/** Starts a proxy whose URL contains a password. It connects each client to the emulator, whatever host it requests. */
export async function startProxy(emulator: TestEmulator) {
  const proxy = createServer().on("connect", (_request, client) => {
    const server = connect(Number(new URL(emulator.endpoint).port), "127.0.0.1");
    client.write("HTTP/1.1 200 OK\r\n\r\n");
    pipeline(client, server, client, () => {}); // Either side can close the connection at any time.
  });
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  const url = `http://user:PASSWORD@127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  return { url, close: () => void proxy.close() };
}
