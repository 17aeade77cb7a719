// A client of the Phoenix Channels protocol, version 2, for one channel: requests are
// promises, and after a loss it comes back by itself.
//
// Every frame is one JSON array: [join_ref, ref, topic, event, payload]. A ref is chosen by
// the sender of a request and echoed in its reply; join_ref is the ref of the join, and
// tells what belongs to this stay from what is left of an earlier one.

const HEARTBEAT_MS = 15_000;
const REPLY_MS = 10_000;
const PAUSES_MS = [100, 250, 500, 1000, 2000];
const LONGEST_PAUSE_MS = 5000;

/** Refused is what the server answered in place of a result. */
class Refused extends Error {
  constructor({ reason = "error", message = "" } = {}) {
    super(message || REASONS[reason] || reason);
    this.reason = reason;
  }
}

const REASONS = {
  forbidden: "You have no right to it.",
  gone: "It has ended.",
  busy: "It did not answer in time.",
  invalid: "The server did not understand.",
  unavailable: "This program does not offer it.",
  lost: "The connection was lost.",
  timeout: "The server did not answer in time.",
};

/**
 * Connection is a joined channel, or the way to one. Its state, told to onState(state,
 * detail), is "connecting", "live" (detail: the join's response), "refused" (detail: the
 * refusal), or "waiting" (detail: when the next try is, as of Date.now()).
 */
export class Connection {
  state = "connecting";
  onState = () => {};

  #url;
  #topic;
  #conn = null;
  #lastRef = 0;
  #joinRef = null;
  #requests = new Map(); // ref → { resolve, reject, timer }
  #listeners = new Map(); // event → function
  #tries = 0;
  #retry = 0;
  #beat = 0;

  constructor(url, topic) {
    this.#url = `${url}?vsn=2.0.0`;
    this.#topic = topic;
    // Timers of a hidden page are slow, and who looks at it again is not to wait for them.
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.retry());
    addEventListener("online", () => this.retry());
  }

  /** Calls f(payload) for each such event that the server pushes. */
  on(event, f) {
    this.#listeners.set(event, f);
  }

  connect() {
    clearTimeout(this.#retry);
    this.#tell("connecting");
    const conn = new WebSocket(this.#url);
    let opened = false;
    this.#conn = conn;
    // One that was given up may still report things: it is not ours any more.
    const ours = (f) => (event) => this.#conn === conn && f(event);
    conn.onopen = ours(() => {
      opened = true;
      this.#join();
    });
    conn.onmessage = ours(({ data }) => this.#receive(data));
    conn.onclose = ours(() => (opened ? this.#lost() : this.#unopened(conn)));
  }

  /** Does not wait any longer, if it waits. */
  retry() {
    if (this.state === "waiting" || this.state === "refused") this.connect();
  }

  /** Sends a request. The promise is of the response; it is rejected with a Refused. */
  request(event, payload = {}) {
    if (this.state !== "live") return Promise.reject(new Refused({ reason: "lost" }));
    return this.#send(this.#topic, event, payload);
  }

  /** Takes it that the server is about to close the connection, for this reason. */
  refuse(refusal) {
    this.#lost(new Refused(refusal));
  }

  #send(topic, event, payload) {
    const ref = String((this.#lastRef += 1));
    if (event === "phx_join") this.#joinRef = ref;
    const joinRef = topic === this.#topic ? this.#joinRef : null;
    return new Promise((resolve, reject) => {
      const late = () => this.#settle(ref, "error", { reason: "timeout" });
      this.#requests.set(ref, { resolve, reject, timer: setTimeout(late, REPLY_MS) });
      this.#conn.send(JSON.stringify([joinRef, ref, topic, event, payload]));
    });
  }

  async #join() {
    const conn = this.#conn;
    this.#beatLater();
    try {
      const response = await this.#send(this.#topic, "phx_join", {});
      this.#tries = 0;
      this.#tell("live", response);
    } catch (error) {
      if (this.#conn !== conn) return; // it is lost, and that has been said
      this.#lost(error);
    }
  }

  #beatLater() {
    const conn = this.#conn;
    clearTimeout(this.#beat);
    this.#beat = setTimeout(async () => {
      try {
        await this.#send("phoenix", "heartbeat", {});
        this.#beatLater();
      } catch {
        // The line is dead even if nothing closed it.
        if (this.#conn === conn) this.#lost();
      }
    }, HEARTBEAT_MS);
  }

  #receive(text) {
    const [joinRef, ref, topic, event, payload] = JSON.parse(text);
    if (event === "phx_reply") return this.#settle(ref, payload.status, payload.response);
    if (topic !== this.#topic || (joinRef !== null && joinRef !== this.#joinRef)) return;
    if (event === "phx_error" || event === "phx_close") return this.#lost();
    this.#listeners.get(event)?.(payload);
  }

  #settle(ref, status, response) {
    const request = this.#requests.get(ref);
    if (!request) return; // it comes too late
    this.#requests.delete(ref);
    clearTimeout(request.timer);
    if (status === "ok") request.resolve(response);
    else request.reject(new Refused(response));
  }

  // A browser does not say why a connection was not made. The page itself is refused for
  // the same reasons.
  async #unopened(conn) {
    let refusal;
    try {
      const { status } = await fetch("./", { method: "HEAD", cache: "no-store" });
      if (status === 401 || status === 403) refusal = new Refused({ reason: "forbidden" });
    } catch {
      // Nothing is there: that is a loss like any other.
    }
    if (this.#conn === conn) this.#lost(refusal);
  }

  // The next try is spread by a quarter: many pages shall not come back at once.
  #lost(refusal) {
    const conn = this.#conn;
    this.#conn = null;
    conn?.close();
    clearTimeout(this.#beat);
    for (const ref of [...this.#requests.keys()]) this.#settle(ref, "error", { reason: "lost" });
    const pause = (PAUSES_MS[this.#tries] ?? LONGEST_PAUSE_MS) * (0.75 + Math.random() / 2);
    this.#tries += 1;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.connect(), pause);
    if (refusal) this.#tell("refused", refusal);
    else this.#tell("waiting", Date.now() + pause);
  }

  #tell(state, detail) {
    this.state = state;
    this.onState(state, detail);
  }
}
