// A small client of the Phoenix Channels protocol, version 2, for this page.
//
// It is here so that the chat needs no build step and no download, and so that
// the protocol can be read in one sitting. An application would use the npm
// package "phoenix", which talks to the same server and can do much more.
//
// Every frame is one JSON array: [join_ref, ref, topic, event, payload].
//
//   ref       chosen by the sender of a request, echoed in its reply
//   join_ref  the ref of the phx_join that started this stay in the topic; it
//             tells what belongs to the present stay from what is left of an
//             earlier one

const RECONNECT_MS = [250, 500, 1000, 2000, 5000, 10000];
const REJOIN_MS = [1000, 2000, 5000, 10000];

// delay picks the waiting time before attempt n (from 0), and spreads it by
// a quarter: after a server restart a thousand pages shall not come at once.
function delay(table, n) {
  const base = table[Math.min(n, table.length - 1)];
  return Math.round(base * (0.75 + Math.random() / 2));
}

/**
 * Why a push got no "ok". With `refused` it was not done: the server says so, in `response`,
 * or it was not even sent. Without, nobody knows.
 */
export class PushError extends Error {
  constructor(reason, response = {}, refused = false) {
    super(reason);
    this.name = "PushError";
    this.response = response;
    this.refused = refused;
  }
}

/**
 * Socket is one connection which any number of channels share. It reconnects
 * by itself until disconnect() is called.
 *
 * Set these before connect():
 *   onstate(state, info)   "connecting", "open", "waiting" (info.retryInMs) or "closed"
 *   onframe(way, text)     every frame, way is "out" or "in"
 */
export class Socket {
  onstate = () => {};
  onframe = () => {};

  #url;
  #options;
  #ws = null;
  #wanted = false; // between connect() and disconnect()
  #channels = new Map(); // topic → Channel
  #lastRef = 0;
  #attempts = 0;
  #retryTimer = 0;
  #heartbeatTimer = 0;
  #heartbeatRef = null; // of the heartbeat which is not answered yet

  constructor(url, { heartbeatMs = 30000, timeoutMs = 10000 } = {}) {
    this.#url = url;
    this.#options = { heartbeatMs, timeoutMs };
  }

  get timeoutMs() {
    return this.#options.timeoutMs;
  }

  get isOpen() {
    return this.#ws !== null && this.#ws.readyState === WebSocket.OPEN;
  }

  connect() {
    this.#wanted = true;
    if (this.#ws === null) this.#open();
  }

  disconnect() {
    this.#wanted = false;
    this.#drop();
    this.onstate("closed", {});
  }

  /** Cuts a waiting time short, for instance when the network is back. */
  retryNow() {
    if (this.#wanted && this.#ws === null) this.#open();
  }

  /** Makes the channel of a topic. At most one at a time for each topic. */
  channel(topic, params = {}) {
    const channel = new Channel(this, topic, params);
    this.#channels.set(topic, channel);
    return channel;
  }

  // What follows is for Channel.

  nextRef() {
    this.#lastRef += 1;
    return String(this.#lastRef);
  }

  send(joinRef, ref, topic, event, payload) {
    if (!this.isOpen) return false;
    const text = JSON.stringify([joinRef, ref, topic, event, payload]);
    this.#ws.send(text);
    this.onframe("out", text);
    return true;
  }

  forget(channel) {
    if (this.#channels.get(channel.topic) === channel) this.#channels.delete(channel.topic);
  }

  #open() {
    clearTimeout(this.#retryTimer);
    this.onstate("connecting", {});
    const ws = new WebSocket(this.#url);
    this.#ws = ws;
    // A socket that was given up may still report things: it is not ours any more.
    const ours = (f) => (event) => {
      if (this.#ws === ws) f(event);
    };
    ws.onopen = ours(() => {
      this.#attempts = 0;
      this.#beatLater();
      this.onstate("open", {});
      for (const channel of this.#channels.values()) channel.socketOpened();
    });
    ws.onmessage = ours((event) => this.#receive(event.data));
    ws.onclose = ours(() => this.#lost());
    // An error is always followed by a close, which says all that a page may know.
  }

  // drop lets go of the connection and tells the channels.
  #drop() {
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#heartbeatTimer);
    this.#heartbeatRef = null;
    const ws = this.#ws;
    this.#ws = null;
    if (ws !== null && ws.readyState <= WebSocket.OPEN) ws.close();
    for (const channel of [...this.#channels.values()]) channel.socketLost();
  }

  #lost() {
    this.#drop();
    if (!this.#wanted) return;
    const retryInMs = delay(RECONNECT_MS, this.#attempts);
    this.#attempts += 1;
    this.#retryTimer = setTimeout(() => this.#open(), retryInMs);
    this.onstate("waiting", { retryInMs });
  }

  #beatLater() {
    clearTimeout(this.#heartbeatTimer);
    this.#heartbeatTimer = setTimeout(() => {
      // The last one was never answered: the line is dead even if nothing closed it.
      if (this.#heartbeatRef !== null) return this.#lost();
      this.#heartbeatRef = this.nextRef();
      this.send(null, this.#heartbeatRef, "phoenix", "heartbeat", {});
      this.#beatLater();
    }, this.#options.heartbeatMs);
  }

  #receive(text) {
    if (typeof text !== "string") return; // binary frames: this page never asks for any
    this.onframe("in", text);
    const [joinRef, ref, topic, event, payload] = JSON.parse(text);
    if (topic === "phoenix") {
      if (ref === this.#heartbeatRef) this.#heartbeatRef = null;
      return;
    }
    this.#channels.get(topic)?.receive(joinRef, ref, event, payload);
  }
}

/**
 * Channel is one topic on a socket. After join() it stays joined: it joins again
 * when the connection is back, and, with back-off, after the server reported a
 * crash. It ends with leave(), with a refusal, or when the server closes it.
 *
 * Set these before join():
 *   onstate(state, info)   "joining", "joined" (info.response, info.again), "crashed"
 *                          (info.retryInMs), "offline", "refused" (info.error) or "closed"
 *   on(event, f)           f(payload) for what the server pushes and broadcasts
 */
export class Channel {
  onstate = () => {};

  #socket;
  #params;
  #handlers = new Map();
  #state = "new";
  #joinRef = null;
  #joinedBefore = false;
  #attempts = 0;
  #rejoinTimer = 0;
  #pending = new Map(); // ref → settle(status, response)

  constructor(socket, topic, params) {
    this.topic = topic;
    this.#socket = socket;
    this.#params = params;
  }

  get state() {
    return this.#state;
  }

  on(event, f) {
    this.#handlers.set(event, f);
    return this;
  }

  join() {
    if (this.#socket.isOpen) this.#sendJoin();
    else this.#enter("offline");
  }

  /**
   * Sends an event. The promise holds the reply's payload, or fails with a PushError. Without
   * a reply in time it fails, too; with `onslow`, that is called, and the promise waits on.
   */
  push(event, payload, onslow = null) {
    if (this.#state !== "joined") return Promise.reject(new PushError("not joined", {}, true));
    return this.#request(event, payload, onslow);
  }

  leave() {
    clearTimeout(this.#rejoinTimer);
    if (this.#state === "joined" || this.#state === "joining") {
      this.#socket.send(this.#joinRef, this.#socket.nextRef(), this.topic, "phx_leave", {});
    }
    this.#end();
  }

  // What follows is for Socket.

  socketOpened() {
    if (this.#state === "offline") this.#sendJoin();
  }

  socketLost() {
    clearTimeout(this.#rejoinTimer);
    this.#failPending("connection lost");
    this.#enter("offline");
  }

  receive(joinRef, ref, event, payload) {
    if (joinRef !== null && joinRef !== this.#joinRef) return; // of an earlier stay
    switch (event) {
      case "phx_reply":
        this.#pending.get(ref)?.(payload.status, payload.response, true);
        break;
      case "phx_error":
        this.#crashed("the channel crashed");
        break;
      case "phx_close":
        this.#end();
        break;
      default:
        // The subscription starts before the join is answered, so a broadcast may overtake
        // that answer.
        if (this.#state === "joined" || this.#state === "joining") {
          this.#handlers.get(event)?.(payload);
        }
    }
  }

  #enter(state, info = {}) {
    this.#state = state;
    this.onstate(state, info);
  }

  #request(event, payload, onslow = null) {
    const ref = this.#socket.nextRef();
    if (event === "phx_join") this.#joinRef = ref;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(onslow ?? (() => settle("timeout", {})), this.#socket.timeoutMs);
      const settle = (status, response, certain = false) => {
        clearTimeout(timer);
        this.#pending.delete(ref);
        if (status === "ok") resolve(response);
        else reject(new PushError(response?.reason ?? status, response, certain));
      };
      this.#pending.set(ref, settle);
      if (!this.#socket.send(this.#joinRef, ref, this.topic, event, payload)) {
        settle("not connected", {}, true);
      }
    });
  }

  #failPending(reason) {
    for (const settle of [...this.#pending.values()]) settle("error", { reason });
  }

  async #sendJoin() {
    clearTimeout(this.#rejoinTimer);
    this.#enter("joining");
    const request = this.#request("phx_join", this.#params);
    const stay = this.#joinRef;
    let response;
    try {
      response = await request;
    } catch (error) {
      if (this.#state !== "joining" || this.#joinRef !== stay) return; // overtaken
      if (error.message === "timeout") {
        // The server may yet be at it, so withdraw before the next try.
        this.#socket.send(stay, this.#socket.nextRef(), this.topic, "phx_leave", {});
        this.#crashed("the server did not answer the join");
      } else if (error.message === "join crashed") {
        this.#crashed(error.message);
      } else {
        this.#socket.forget(this);
        this.#enter("refused", { error });
      }
      return;
    }
    if (this.#state !== "joining" || this.#joinRef !== stay) return;
    const again = this.#joinedBefore;
    this.#joinedBefore = true;
    this.#attempts = 0;
    this.#enter("joined", { response, again });
  }

  #crashed(reason) {
    const retryInMs = delay(REJOIN_MS, this.#attempts);
    this.#attempts += 1;
    this.#enter("crashed", { reason, retryInMs });
    this.#failPending(reason);
    clearTimeout(this.#rejoinTimer);
    this.#rejoinTimer = setTimeout(() => {
      if (this.#state === "crashed" && this.#socket.isOpen) this.#sendJoin();
    }, retryInMs);
  }

  #end() {
    clearTimeout(this.#rejoinTimer);
    if (this.#state === "closed") return;
    this.#socket.forget(this);
    this.#enter("closed");
    this.#failPending("the channel is closed");
  }
}

/**
 * Presence is who is on a channel: the server sends a state after each join, and then
 * diffs. A key, a user for instance, may be there several times; each time has a ref.
 *
 * Call restart() whenever the channel is "joining".
 */
export class Presence {
  #refs = new Map(); // key → Set of refs
  #early = []; // diffs that came before the state; null once that is there

  constructor(channel, onchange) {
    channel.on("presence_state", (state) => {
      this.#refs.clear();
      for (const diff of [{ joins: state, leaves: {} }, ...(this.#early ?? [])]) this.#apply(diff);
      this.#early = null;
      onchange(this.keys());
    });
    channel.on("presence_diff", (diff) => {
      if (this.#early !== null) return this.#early.push(diff);
      this.#apply(diff);
      onchange(this.keys());
    });
  }

  restart() {
    this.#early = [];
  }

  /** In no order. */
  keys() {
    return [...this.#refs.keys()];
  }

  // Joins first: an updated key is in both, and must not be gone in between.
  #apply({ joins, leaves }) {
    for (const [key, { metas }] of Object.entries(joins)) {
      const refs = this.#refs.get(key) ?? new Set();
      for (const { phx_ref } of metas) refs.add(phx_ref);
      this.#refs.set(key, refs);
    }
    for (const [key, { metas }] of Object.entries(leaves)) {
      const refs = this.#refs.get(key);
      for (const { phx_ref } of metas) refs?.delete(phx_ref);
      if (refs?.size === 0) this.#refs.delete(key);
    }
  }
}
