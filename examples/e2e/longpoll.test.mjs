// The official phoenix client with its long-poll transport, against the conformance
// server: the same channels, over plain HTTP.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { LongPoll } from "phoenix";
import { WebSocket } from "ws";

import { LIMIT } from "./patience.mjs";
import { Server, binaryFrom } from "./server.mjs";
import { newSocket } from "./sockets.mjs";
import { Inbox } from "./wire.mjs";

const binary = binaryFrom("TROUPE_CONFORMANCE_BIN");

let server;
before(async () => {
  server = await Server.start(binary);
});
after(() => server?.stop());

const it = (name, f) => test(name, LIMIT, (t) => server.during(() => f(t)));

function connect(t, transport, options = {}) {
  const socket = newSocket(t, `${server.ws}/socket`, { transport, ...options });
  socket.connect();
  return socket;
}

function join(socket, topic) {
  const channel = socket.channel(topic, { hello: "there" });
  const inbox = { joins: new Inbox(), errors: new Inbox(), shouts: new Inbox() };
  channel.onError(() => inbox.errors.put(true));
  channel.on("shout", (payload) => inbox.shouts.put(payload));
  channel.join().receive("ok", (response) => inbox.joins.put(response));
  return { channel, ...inbox };
}

function ok(push) {
  return new Promise((resolve, reject) => {
    push.receive("ok", resolve);
    for (const status of ["error", "timeout"]) {
      push.receive(status, (response) => reject(new Error(`${status}: ${JSON.stringify(response)}`)));
    }
  });
}

it("joins, echoes, and hears broadcasts from a websocket", async (t) => {
  const poll = join(connect(t, LongPoll), "room:lp1");
  const socket = join(connect(t, WebSocket), "room:lp1");
  assert.deepEqual(await poll.joins.next(), { joined: "room:lp1", params: { hello: "there" } });
  await socket.joins.next();
  assert.deepEqual(await ok(poll.channel.push("echo", { text: "héllo" })), { text: "héllo" });
  await ok(socket.channel.push("shout", { n: 1 }));
  assert.deepEqual(await poll.shouts.next(), { n: 1 });
  await ok(poll.channel.push("shout", { n: 2 }));
  assert.deepEqual(await socket.shouts.next(), { n: 1 });
  assert.deepEqual(await socket.shouts.next(), { n: 2 });
});

it("keeps the order of 300 messages in both directions", async (t) => {
  const { channel, joins, shouts } = join(connect(t, LongPoll), "room:lp2");
  await joins.next();
  for (let n = 0; n < 300; n++) channel.push("shout", { n });
  for (let n = 0; n < 300; n++) assert.deepEqual(await shouts.next(), { n });
});

it("rejoins after a crash of its channel", async (t) => {
  const { channel, joins, errors } = join(connect(t, LongPoll), "room:lp3");
  await joins.next();
  await ok(channel.push("assign", { a: 1 }));
  channel.push("crash", {});
  await errors.next();
  await joins.next();
  assert.deepEqual(await ok(channel.push("assigns", {})), {});
});

it("stays connected over idle windows", async (t) => {
  const { channel, joins } = join(connect(t, LongPoll), "room:lp4");
  await joins.next();
  // The server answers it after 2 s, which is more than a window of 1.5 s.
  await ok(channel.push("slow", { ms: 2000 }));
  await ok(channel.push("echo", {}));
});

it("is refused as a websocket is", async (t) => {
  const errors = new Inbox();
  const socket = connect(t, LongPoll, { params: { token: "bad" } });
  socket.onError((error) => errors.put(error));
  await errors.next();
  assert.equal(socket.isConnected(), false);
});

it("passes the auth token", async (t) => {
  const { channel, joins } = join(connect(t, LongPoll, { authToken: "s3cret", params: { user_id: "ann" } }), "room:lp5");
  await joins.next();
  assert.deepEqual(await ok(channel.push("whoami", {})), { user_id: "ann", auth_token: "s3cret" });
});

it("comes back after a drain", async (t) => {
  const refusals = new Inbox();
  const socket = connect(t, LongPoll);
  const { channel, joins } = join(socket, "room:lp7");
  await joins.next();
  await server.drain();
  socket.onError((error) => refusals.put(error));
  for (let n = 0; n < 3; n++) await refusals.next(); // it tries, again and again
  assert.equal(socket.isConnected(), false);
  await server.restart();
  await joins.next();
  assert.deepEqual(await ok(channel.push("echo", { x: 1 })), { x: 1 });
});

// LP-8
it("is what the client falls back to when a websocket cannot be had", async (t) => {
  class Broken {
    constructor() {
      setTimeout(() => {
        this.onerror?.(new Error("no websocket here"));
        this.onclose?.({ code: 1006 });
      }, 0);
    }
    close() {}
  }
  const { channel, joins } = join(connect(t, Broken, { longPollFallbackMs: 500, sessionStorage: storage() }), "room:lp6");
  await joins.next();
  assert.deepEqual(await ok(channel.push("echo", { x: 1 })), { x: 1 });
});

function storage() {
  const items = new Map();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => items.set(key, String(value)),
    removeItem: (key) => items.delete(key),
  };
}
