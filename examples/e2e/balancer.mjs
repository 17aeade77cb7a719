// A small HTTP balancer, as one stands in front of several servers. It spreads users over
// them, and keeps each on one, for long-polling must stay with the server that it began on.
// What that one refuses with 503, or cannot take, goes to the next.

import { once } from "node:events";
import http from "node:http";
import { buffer } from "node:stream/consumers";

const HOST = "127.0.0.1";

export class Balancer {
  #servers;
  #http = http.createServer();
  #seats = new Map(); // user → index of the server

  constructor(servers) {
    this.#servers = servers;
    this.#http.on("request", (request, response) => this.#pass(request, response));
    this.#http.on("upgrade", (request, socket) => this.#join(request, socket));
  }

  static async start(t, ...servers) {
    const balancer = new Balancer(servers);
    balancer.#http.listen(0, HOST);
    await once(balancer.#http, "listening");
    t.after(() => {
      balancer.#http.close();
      balancer.#http.closeAllConnections();
    });
    const host = `${HOST}:${balancer.#http.address().port}`;
    balancer.http = `http://${host}`;
    balancer.ws = `ws://${host}`;
    return balancer;
  }

  // The servers, in the order in which a request tries them.
  #order({ url }) {
    const user = new URL(url, this.http).searchParams.get("user_id");
    if (!this.#seats.has(user)) this.#seats.set(user, this.#seats.size % this.#servers.length);
    const seat = this.#seats.get(user);
    return [...this.#servers.slice(seat), ...this.#servers.slice(0, seat)];
  }

  // ask gives the answer of the first server that takes the request.
  async #ask(request, body) {
    for (const server of this.#order(request)) {
      const answer = await ask(server, request, body).catch(() => null);
      if (answer !== null && answer.response.statusCode !== 503) return answer;
      answer?.response.resume();
    }
    return null;
  }

  async #pass(request, response) {
    const body = await buffer(request).catch(() => null);
    if (body === null) return; // the client has gone
    const answer = await this.#ask(request, body);
    if (answer === null) return response.writeHead(502).end();
    response.on("close", () => answer.response.destroy());
    response.writeHead(answer.response.statusCode, answer.response.rawHeaders);
    answer.response.on("error", () => response.destroy()).pipe(response);
  }

  async #join(request, client) {
    client.on("error", () => {}); // the close that follows is what counts
    const { response, socket } = (await this.#ask(request)) ?? {};
    if (!socket) return client.end(`HTTP/1.1 ${response?.statusCode ?? 502} -\r\nConnection: close\r\n\r\n`);
    const headers = Object.entries(response.headers).map(([name, value]) => `${name}: ${value}\r\n`);
    client.write(`HTTP/1.1 101 Switching Protocols\r\n${headers.join("")}\r\n`);
    socket.on("error", () => client.destroy());
    client.on("close", () => socket.destroy());
    socket.pipe(client).pipe(socket);
  }
}

function ask({ port }, { method, url, headers }, body) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: HOST, port, method, path: url, headers, agent: false });
    request.on("response", (response) => resolve({ response }));
    request.on("upgrade", (response, socket, head) => {
      socket.unshift(head);
      resolve({ response, socket });
    });
    request.on("error", reject);
    request.end(body);
  });
}
