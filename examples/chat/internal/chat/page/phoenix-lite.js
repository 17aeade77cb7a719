// A small client of the Phoenix Channels protocol, version 2, for this page.
//
// It is here so that the chat needs no build step and no download, and so that the protocol
// can be read in one sitting. An application takes the npm package "phoenix". What is here
// has the same names and does the same as there, as far as the page goes, so that the page
// runs with either: see client.js.
//
// Every frame is one JSON array: [join_ref, ref, topic, event, payload].
//
//   ref       chosen by the sender of a request, echoed in its reply
//   join_ref  the ref of the phx_join that started this stay in the topic; it
//             tells what belongs to the present stay from what is left of an
//             earlier one

const DEFAULTS = {
  transport: globalThis.WebSocket,
  timeout: 10_000, // for a reply
  heartbeatIntervalMs: 30_000,
  reconnectAfterMs: (tries) => [10, 50, 100, 150, 200, 250, 500, 1000, 2000][tries - 1] ?? 5000,
  rejoinAfterMs: (tries) => [1000, 2000, 5000][tries - 1] ?? 10_000,
};

/** Retry does something again and again, after pauses that depend on how often it was tried. */
class Retry {
  #again;
  #afterMs;
  #tries = 0;
  #timer = 0;

  constructor(again, afterMs) {
    this.#again = again;
    this.#afterMs = afterMs;
  }

  schedule() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#tries += 1;
      this.#again();
    }, this.#afterMs(this.#tries + 1));
  }

  /** Calls off what is scheduled, and no more. */
  cancel() {
    clearTimeout(this.#timer);
  }

  reset() {
    clearTimeout(this.#timer);
    this.#tries = 0;
  }
}

/**
 * Socket is one connection which any number of channels share. From connect() until
 * disconnect() it reconnects by itself.
 */
export class Socket {
  #url;
  #options;
  #conn = null;
  #wanted = false; // between connect() and disconnect()
  #channels = new Set();
  #onOpen = [];
  #lastRef = 0;
  #reconnect;
  #heartbeatTimer = 0;
  #heartbeatRef = null; // of the heartbeat which is not answered yet

  /** Options are as in DEFAULTS. */
  constructor(endpoint, options = {}) {
    this.#url = `${endpoint}/websocket?vsn=2.0.0`;
    this.#options = { ...DEFAULTS, ...options };
    this.#reconnect = new Retry(() => this.#open(), this.#options.reconnectAfterMs);
    // Timers of a hidden page are slow, and a device that wakes up is not to wait for them.
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible" && this.#wanted && this.#conn === null) this.#open();
    });
  }

  isConnected() {
    return this.#conn?.readyState === WebSocket.OPEN;
  }

  onOpen(f) {
    this.#onOpen.push(f);
  }

  connect() {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#open();
  }

  disconnect() {
    this.#wanted = false;
    this.#reconnect.reset();
    this.#drop();
  }

  channel(topic, params = {}) {
    const channel = new Channel(topic, params, this, this.#options);
    this.#channels.add(channel);
    return channel;
  }

  // What follows is for Channel.

  makeRef() {
    this.#lastRef += 1;
    return String(this.#lastRef);
  }

  send(...frame) {
    if (this.isConnected()) this.#conn.send(JSON.stringify(frame));
  }

  remove(channel) {
    this.#channels.delete(channel);
  }

  #open() {
    this.#reconnect.cancel();
    const conn = new this.#options.transport(this.#url);
    this.#conn = conn;
    // A connection that was given up may still report things: it is not ours any more.
    const ours = (f) => (event) => {
      if (this.#conn === conn) f(event);
    };
    conn.onopen = ours(() => {
      this.#reconnect.reset();
      this.#beatLater();
      for (const f of this.#onOpen) f();
      for (const channel of this.#channels) channel.opened();
    });
    conn.onmessage = ours((event) => this.#receive(event.data));
    conn.onclose = ours(() => this.#lost());
    // An error is always followed by a close, which says all that a page may know.
  }

  // drop lets go of the connection and tells the channels.
  #drop() {
    clearTimeout(this.#heartbeatTimer);
    this.#heartbeatRef = null;
    const conn = this.#conn;
    this.#conn = null;
    conn?.close();
    for (const channel of [...this.#channels]) channel.lost();
  }

  #lost() {
    this.#drop();
    if (this.#wanted) this.#reconnect.schedule();
  }

  #beatLater() {
    this.#heartbeatTimer = setTimeout(() => {
      // The last one was never answered: the line is dead even if nothing closed it.
      if (this.#heartbeatRef !== null) return this.#lost();
      this.#heartbeatRef = this.makeRef();
      this.send(null, this.#heartbeatRef, "phoenix", "heartbeat", {});
      this.#beatLater();
    }, this.#options.heartbeatIntervalMs);
  }

  #receive(text) {
    if (typeof text !== "string") return; // binary frames: this page never asks for any
    const [joinRef, ref, topic, event, payload] = JSON.parse(text);
    if (topic === "phoenix") {
      if (ref === this.#heartbeatRef) this.#heartbeatRef = null;
      return;
    }
    for (const channel of [...this.#channels]) {
      if (channel.topic === topic) channel.receive(joinRef, ref, event, payload);
    }
  }
}

/** Push is a request and its reply: "ok", "error", or "timeout" if none comes in time. */
class Push {
  #hooks = [];
  #answer = null;
  #timer = 0;

  /** Calls f(response) when there is a reply of that status, now or later. */
  receive(status, f) {
    this.#hooks.push([status, f]);
    if (this.#answer?.status === status) f(this.#answer.response);
    return this;
  }

  // What follows is for Channel.

  awaitReply(ms) {
    this.cancel();
    this.#answer = null;
    this.#timer = setTimeout(() => this.settle("timeout", {}), ms);
  }

  cancel() {
    clearTimeout(this.#timer);
  }

  settle(status, response) {
    if (this.#answer !== null) return; // it comes too late
    this.cancel();
    this.#answer = { status, response };
    for (const [wanted, f] of this.#hooks) if (wanted === status) f(response);
  }
}

/**
 * Channel is one topic on a socket. After join() it stays joined: it joins again when the
 * connection is back, and, with back-off, after a crash or a refusal. It ends with leave(),
 * or when the server closes it.
 */
export class Channel {
  state = "closed"; // or "joining", "joined", "errored"

  #params;
  #socket;
  #timeout;
  #handlers = []; // [event, f]
  #requests = new Map(); // ref → Push, of this stay, without a reply
  #joinRef = null;
  #join = new Push();
  #rejoin;

  constructor(topic, params, socket, options) {
    this.topic = topic;
    this.#params = params;
    this.#socket = socket;
    this.#timeout = options.timeout;
    this.#rejoin = new Retry(() => this.#sendJoin(), options.rejoinAfterMs);
    this.#join
      .receive("ok", () => {
        this.state = "joined";
        this.#rejoin.reset();
      })
      .receive("error", () => this.#errored())
      .receive("timeout", () => {
        // The server may yet be at it, so withdraw before the next try.
        socket.send(this.#joinRef, socket.makeRef(), topic, "phx_leave", {});
        this.#errored();
      });
  }

  joinRef() {
    return this.#joinRef;
  }

  /** Calls f(payload) for each such event that the server pushes or broadcasts. */
  on(event, f) {
    this.#handlers.push([event, f]);
  }

  /** Sees what the server sends or broadcasts, before the functions of on(), and returns what they get. */
  onMessage(event, payload, _ref) {
    return payload;
  }

  onError(f) {
    this.on("phx_error", f);
  }

  onClose(f) {
    this.on("phx_close", f);
  }

  join() {
    this.state = "joining";
    this.#sendJoin();
    return this.#join;
  }

  /** Sends an event; the channel must be "joined". */
  push(event, payload, timeout = this.#timeout) {
    return this.#request(new Push(), event, payload, timeout);
  }

  leave() {
    this.#socket.send(this.#joinRef, this.#socket.makeRef(), this.topic, "phx_leave", {});
    this.#closed("leave");
  }

  // What follows is for Socket.

  opened() {
    this.#rejoin.reset();
    if (this.state !== "closed") this.#sendJoin();
  }

  lost() {
    this.#rejoin.reset();
    if (this.state !== "joining" && this.state !== "joined") return;
    this.#errored();
    this.#trigger("phx_error", { source: "transport" });
  }

  receive(joinRef, ref, event, payload) {
    if (joinRef !== null && joinRef !== this.#joinRef) return; // of an earlier stay
    switch (event) {
      case "phx_reply":
        this.#requests.get(ref)?.settle(payload.status, payload.response);
        this.#requests.delete(ref);
        break;
      case "phx_error":
        this.#errored();
        this.#trigger(event, payload);
        break;
      case "phx_close":
        this.#closed(payload);
        break;
      default:
        // The subscription starts before the join is answered, so a broadcast may overtake
        // that answer.
        this.#trigger(event, this.onMessage(event, payload, ref));
    }
  }

  #trigger(event, payload) {
    for (const [wanted, f] of this.#handlers) if (wanted === event) f(payload);
  }

  #request(push, event, payload, timeout) {
    const ref = this.#socket.makeRef();
    if (event === "phx_join") this.#joinRef = ref;
    this.#requests.set(ref, push);
    push.awaitReply(timeout);
    this.#socket.send(this.#joinRef, ref, this.topic, event, payload);
    return push;
  }

  #sendJoin() {
    if (!this.#socket.isConnected()) return;
    this.state = "joining";
    const params = typeof this.#params === "function" ? this.#params() : this.#params;
    this.#request(this.#join, "phx_join", params, this.#timeout);
  }

  #errored() {
    this.state = "errored";
    this.#join.cancel();
    this.#requests.clear(); // no reply comes to those of this stay
    if (this.#socket.isConnected()) this.#rejoin.schedule();
  }

  #closed(payload) {
    this.#rejoin.reset();
    this.#join.cancel();
    this.#socket.remove(this);
    this.state = "closed";
    this.#trigger("phx_close", payload);
  }
}

/**
 * Presence is who is on a channel: the server sends a state after each join, and then
 * diffs. A key, a user for instance, may be there several times; each time has a ref.
 */
export class Presence {
  #refs = new Map(); // key → Set of refs
  #early = []; // diffs that came before the state
  #joinRef = null; // of the stay that the state is of
  #onSync = () => {};

  constructor(channel) {
    channel.on("presence_state", (state) => {
      this.#joinRef = channel.joinRef();
      this.#refs.clear();
      for (const diff of [{ joins: state, leaves: {} }, ...this.#early]) this.#apply(diff);
      this.#early = [];
      this.#onSync();
    });
    channel.on("presence_diff", (diff) => {
      if (this.#joinRef !== channel.joinRef()) return this.#early.push(diff);
      this.#apply(diff);
      this.#onSync();
    });
  }

  /** Calls f() after each change. */
  onSync(f) {
    this.#onSync = f;
  }

  /** What by(key) makes of each key, in no order. */
  list(by) {
    return [...this.#refs.keys()].map((key) => by(key));
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
