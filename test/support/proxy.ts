// A forward proxy that asks for no password, but gets one in its URL.

import { once } from "node:events";
import { createServer, request as sendRequest } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { pipeline } from "node:stream";

/** Starts the proxy on the loopback interface. */
export async function startProxy() {
  const proxy = createServer((request, response) => {
    const { url = "", method, headers } = request;
    const forwarded = sendRequest(url, { method, headers }, (received) => {
      response.writeHead(received.statusCode!, received.headers);
      received.pipe(response);
    });
    request.pipe(forwarded);
  });
  proxy.on("connect", ({ url = "" }, client) => {
    const server = connect(Number(new URL(`http://${url}`).port), "127.0.0.1");
    client.write("HTTP/1.1 200 OK\r\n\r\n");
    pipeline(client, server, client, () => {}); // Either side can close the connection at any time.
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  return {
    url: `http://user:PASSWORD@127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    stop() {
      proxy.close();
      proxy.closeAllConnections();
    },
  };
}
