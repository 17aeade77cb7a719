// What the tests need around a websocket: queues to wait on instead of sleeping,
// and a bare connection that speaks frames by hand.

import { once } from "node:events";
import { WebSocket } from "ws";

/** A queue that is filled by callbacks and read with await. */
export class Inbox {
  #items = [];
  #waiting = [];
  #ended = null;

  put(item) {
    const reader = this.#waiting.shift();
    if (reader) reader.resolve(item);
    else this.#items.push(item);
  }

  /** After end(error), what is queued can still be read; then reads fail. */
  end(error) {
    this.#ended = error;
    for (const reader of this.#waiting.splice(0)) reader.reject(error);
  }

  next() {
    if (this.#items.length > 0) return Promise.resolve(this.#items.shift());
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  async take(n) {
    const items = [];
    while (items.length < n) items.push(await this.next());
    return items;
  }

  /** What is queued now, without waiting. */
  drain() {
    return this.#items.splice(0);
  }
}

/** A connection without the phoenix client. Reads are in order and miss nothing. */
export class Raw {
  #inbox = new Inbox();

  constructor(ws) {
    this.ws = ws;
    ws.on("message", (data, isBinary) => this.#inbox.put(isBinary ? data : data.toString("utf8")));
    ws.on("error", () => {}); // the close that follows is what tests look at
    this.closed = new Promise((resolve) => {
      ws.on("close", (code, reason) => {
        this.#inbox.end(new Error(`the connection closed with ${code} ${reason}`));
        resolve({ code, reason: reason.toString() });
      });
    });
  }

  static async open(t, server, { path = "/socket", query = "vsn=2.0.0", ...options } = {}) {
    const ws = new WebSocket(`${server.ws}${path}/websocket?${query}`, options);
    t.after(() => ws.terminate());
    const raw = new Raw(ws);
    await once(ws, "open");
    return raw;
  }

  /** Sends a frame given as an array. */
  send(...frame) {
    this.ws.send(JSON.stringify(frame));
  }

  /** Sends bytes as they are, in a text message or a binary one. */
  sendBytes(bytes, { binary }) {
    this.ws.send(bytes, { binary });
  }

  /** The next message: a string, or a Buffer when it was binary. */
  nextRaw() {
    return this.#inbox.next();
  }

  async next() {
    const message = await this.nextRaw();
    if (typeof message !== "string") throw new Error(`a text frame was expected, got ${message.length} bytes`);
    return JSON.parse(message);
  }

  async join(topic, ref, params = {}) {
    this.send(ref, ref, topic, "phx_join", params);
    const [joinRef, answered, on, event, payload] = await this.next();
    if (joinRef !== ref || answered !== ref || on !== topic || event !== "phx_reply" || payload.status !== "ok") {
      throw new Error(`join of ${topic} failed: ${JSON.stringify([joinRef, answered, on, event, payload])}`);
    }
    return payload.response;
  }
}

/** Tries to upgrade and tells the HTTP status: 101 when it worked. */
export function upgradeStatus(server, { path = "/socket", query = "vsn=2.0.0", ...options } = {}) {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(`${server.ws}${path}/websocket?${query}`, options);
    ws.on("open", () => {
      resolve(101);
      ws.terminate();
    });
    ws.on("unexpected-response", (request, response) => {
      resolve(response.statusCode);
      request.destroy();
    });
    ws.on("error", reject); // after resolve it says nothing new
  });
}
