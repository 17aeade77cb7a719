// The network between a client and a server, of which a test can make a bad one.

import { once } from "node:events";
import net from "node:net";

const HOST = "127.0.0.1";

export class Line {
  #port; // of the server
  #listener = net.createServer();
  #pairs = new Set();
  #broken = false;

  constructor({ port }) {
    this.#port = port;
    this.#listener.on("connection", (client) => (this.#broken ? client.destroy() : this.#join(client)));
  }

  /** A line to a server; it stands in the server's place for clients. */
  static async start(t, server) {
    const line = new Line(server);
    line.#listener.listen(0, HOST);
    await once(line.#listener, "listening");
    t.after(() => {
      line.#listener.close();
      line.cut();
    });
    line.ws = `ws://${HOST}:${line.#listener.address().port}`;
    return line;
  }

  /** Ends all connections for both, and lets none through until it is mended. */
  cut() {
    this.#break(({ client, server }) => [client, server].forEach((end) => end.destroy()));
  }

  /** Ends all connections for the clients only: the server goes on, and nobody gets it. */
  swallow() {
    this.#break((pair) => {
      pair.swallows = true;
      pair.client.unpipe(pair.server).destroy();
      pair.server.unpipe(pair.client).resume();
    });
  }

  #break(end) {
    this.#broken = true;
    for (const pair of this.#pairs) end(pair);
  }

  mend() {
    this.#broken = false;
  }

  #join(client) {
    const server = net.connect(this.#port, HOST);
    const pair = { client, server, swallows: false };
    this.#pairs.add(pair);
    client.on("error", () => {}); // the close that follows is what counts
    server.on("error", () => {});
    client.on("close", () => pair.swallows || server.destroy());
    server.on("close", () => {
      this.#pairs.delete(pair);
      client.destroy();
    });
    client.pipe(server).pipe(client);
  }
}
