// The official phoenix client, unmodified, against the conformance server; and the
// same server met by hand where the client would never send such a thing.
//
// Nothing here sleeps. "Nothing arrives" is checked by waiting for something that
// was sent later on the same path.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { LIMIT } from "./patience.mjs";
import { Server, binaryFrom } from "./server.mjs";
import * as sockets from "./sockets.mjs";
import { Inbox, Raw, upgradeStatus } from "./wire.mjs";

const binary = binaryFrom("TROUPE_CONFORMANCE_BIN");

let server;
before(async () => {
  server = await Server.start(binary);
});
after(() => server?.stop());

// Every test has its own topics, so that none sees another's broadcasts.
let topics = 0;
const newTopic = () => `room:t${++topics}`;

const it = (name, f) => test(name, LIMIT, (t) => server.during(() => f(t)));

// ---------------------------------------------------------------- helpers

/** A socket of the official client that goes away with the test. */
function newSocket(t, { at = server, path = "/socket", ...options } = {}) {
  return sockets.newSocket(t, `${at.ws}${path}`, options);
}

function connect(t, options) {
  const socket = newSocket(t, options);
  socket.connect();
  return socket;
}

/** How a push ends: { status, response }. */
function outcome(push) {
  return new Promise((resolve) => {
    for (const status of ["ok", "error", "timeout"]) {
      push.receive(status, (response) => resolve({ status, response }));
    }
  });
}

async function ok(push) {
  const { status, response } = await outcome(push);
  assert.equal(status, "ok", `reply: ${JSON.stringify(response)}`);
  return response;
}

/** Makes a channel and joins. `joins` collects the answers of the join and each rejoin. */
async function joined(socket, topic, params) {
  const channel = socket.channel(topic, params);
  const joins = new Inbox();
  const errors = new Inbox();
  const closes = new Inbox();
  channel.onError((reason) => errors.put(reason));
  channel.onClose((reason) => closes.put(reason));
  channel.join().receive("ok", (response) => joins.put(response));
  const response = await joins.next();
  return { channel, joins, errors, closes, response };
}

function record(channel, ...events) {
  const inbox = new Inbox();
  for (const event of events) channel.on(event, (payload) => inbox.put({ event, payload }));
  return inbox;
}

const bytes = (...values) => new Uint8Array(values).buffer;

function assertBytes(actual, expected) {
  assert.ok(actual instanceof ArrayBuffer, `binary expected, got ${JSON.stringify(actual)}`);
  assert.deepEqual([...new Uint8Array(actual)], [...new Uint8Array(expected)]);
}

/** Fails unless the connection and the channel still work. */
async function alive(channel) {
  const payload = { still: "here" };
  assert.deepEqual(await ok(channel.push("echo", payload)), payload);
}

// ---------------------------------------------------------------- the official client

describe("connect and join", () => {
  it("a join is answered with the topic and the join parameters", async (t) => {
    const topic = newTopic();
    const params = { since: 17, tags: ["a", "b"], nested: { ok: true } };
    const { channel, response } = await joined(connect(t), topic, params);
    assert.deepEqual(response, { joined: topic, params });
    assert.equal(channel.state, "joined");
  });

  it("join parameters may be a function and default to an empty object", async (t) => {
    const socket = connect(t);
    const a = await joined(socket, newTopic(), () => ({ n: 1 }));
    assert.deepEqual(a.response.params, { n: 1 });
    const b = await joined(socket, newTopic());
    assert.deepEqual(b.response.params, {});
  });

  it("a socket that connects after the join was asked for sends it then", async (t) => {
    const socket = newSocket(t);
    const topic = newTopic();
    const join = joined(socket, topic);
    socket.connect();
    assert.equal((await join).response.joined, topic);
  });

  it("pushes made before the join is answered are sent after it, in order", async (t) => {
    const channel = connect(t).channel(newTopic());
    channel.join();
    const replies = await Promise.all([1, 2, 3].map((n) => ok(channel.push("echo", { n }))));
    assert.deepEqual(replies, [{ n: 1 }, { n: 2 }, { n: 3 }]);
  });

  it("a refused connect never opens and calls onError", async (t) => {
    const socket = newSocket(t, { params: { token: "bad" } });
    const errors = new Inbox();
    let opened = 0;
    socket.onOpen(() => opened++);
    socket.onError((error) => errors.put(error));
    socket.connect();
    await errors.take(3); // it tries again, and is refused again
    assert.equal(opened, 0);
    assert.equal(await upgradeStatus(server, { query: "vsn=2.0.0&token=bad" }), 403);
  });

  it("a refused join is answered with the reason, as is each further try", async (t) => {
    const socket = connect(t);
    const channel = socket.channel("room:private");
    const refusals = new Inbox();
    channel.join().receive("error", (response) => refusals.put(response));
    assert.deepEqual(await refusals.take(2), [{ reason: "unauthorized" }, { reason: "unauthorized" }]);
    channel.leave();
    await alive((await joined(socket, newTopic())).channel);
  });

  it("a panic in join is answered with an error and costs nothing else", async (t) => {
    const socket = connect(t);
    const other = await joined(socket, newTopic());
    const channel = socket.channel("room:crashjoin");
    assert.deepEqual(await outcome(channel.join()), { status: "error", response: { reason: "join crashed" } });
    channel.leave();
    await alive(other.channel);
    assert.deepEqual(other.errors.drain(), []);
  });

  it("a topic without a route is answered with unmatched topic", async (t) => {
    const socket = connect(t);
    const channel = socket.channel("nowhere:1");
    assert.deepEqual(await outcome(channel.join()), { status: "error", response: { reason: "unmatched topic" } });
    channel.leave();
    await alive((await joined(socket, newTopic())).channel);
  });
});

describe("messages", () => {
  it("echo keeps unicode, nesting, and every kind of JSON value", async (t) => {
    const { channel } = await joined(connect(t), newTopic());
    for (const payload of [
      {},
      { text: "naïve 日本語 🎭 \u0000 \" \\ \u2028 </script> é e\u0301" },
      { "": "empty key", "a.b": 1, "ключ": "значение" },
      { deep: { list: [1, [2, [3, { four: [null, true, false] }]]], empty: [], none: {} } },
      { n: 0.1, big: 1e300, neg: -7, exact: Number.MAX_SAFE_INTEGER },
    ]) {
      assert.deepEqual(await ok(channel.push("echo", payload)), payload);
    }
  });

  it("echo of a large payload", async (t) => {
    const { channel } = await joined(connect(t), newTopic());
    const payload = { text: "0123456789abcdef".repeat(32 * 1024) }; // 512 KiB
    assert.deepEqual(await ok(channel.push("echo", payload)), payload);
  });

  // BIN-2, BIN-3, CLI-10: what the client sends as an ArrayBuffer comes back as one.
  it("a binary payload is echoed as binary", async (t) => {
    const { channel } = await joined(connect(t), newTopic());
    for (const payload of [bytes(), bytes(0), bytes(0, 1, 2, 253, 254, 255), new Uint8Array(100_000).fill(7).buffer]) {
      assertBytes(await ok(channel.push("echo", payload)), payload);
    }
  });

  it("an error reply carries its reason", async (t) => {
    const { channel } = await joined(connect(t), newTopic());
    assert.deepEqual(await outcome(channel.push("fail", {})), { status: "error", response: { reason: "failed" } });
  });

  it("an unknown event is an error reply and not a crash", async (t) => {
    const { channel, errors } = await joined(connect(t), newTopic());
    assert.deepEqual(await outcome(channel.push("no_such_event", {})), {
      status: "error",
      response: { reason: "unknown event" },
    });
    await alive(channel);
    assert.deepEqual(errors.drain(), []);
  });

  it("noreply is not answered", async (t) => {
    const { channel } = await joined(connect(t), newTopic());
    let answered = false;
    outcome(channel.push("noreply", {})).then(() => (answered = true));
    await alive(channel);
    assert.equal(answered, false);
  });

  it("a push by the server comes before the reply that follows it", async (t) => {
    const { channel } = await joined(connect(t), newTopic());
    const order = new Inbox();
    channel.on("pushed", (payload) => order.put(payload));
    channel.push("push_me", { n: 1 }).receive("ok", () => order.put("reply"));
    assert.deepEqual(await order.take(2), [{ n: 1 }, "reply"]);
    channel.push("push_me", bytes(9, 8)).receive("ok", () => order.put("reply"));
    const [pushed, reply] = await order.take(2);
    assertBytes(pushed, bytes(9, 8));
    assert.equal(reply, "reply");
  });

  it("a deferred reply arrives, and does not hold up what comes after it", async (t) => {
    const { channel } = await joined(connect(t), newTopic());
    // The 50 ms of the server are long for an echo, but this machine may be busy: one
    // overtaking is the proof, and a server that blocks never shows one.
    let overtaken = false;
    for (let n = 0; n < 10 && !overtaken; n++) {
      const order = new Inbox();
      channel.push("later", { n }).receive("ok", (response) => order.put({ later: response }));
      channel.push("echo", { n }).receive("ok", (response) => order.put({ echo: response }));
      const both = await order.take(2);
      overtaken = "echo" in both[0];
      assert.deepEqual(overtaken ? both : both.reverse(), [{ echo: { n } }, { later: { n } }]);
    }
    assert.ok(overtaken);
  });

  it("a slow handler delays neither the heartbeat nor another channel", async (t) => {
    const socket = connect(t);
    const slow = await joined(socket, newTopic());
    const quick = await joined(socket, newTopic());
    const order = new Inbox();
    slow.channel.push("slow", { ms: 1500 }).receive("ok", () => order.put("slow"));
    assert.ok(socket.ping(() => order.put("heartbeat")));
    quick.channel.push("echo", {}).receive("ok", () => order.put("echo"));
    const all = await order.take(3);
    assert.equal(all[2], "slow");
    assert.deepEqual(all.slice(0, 2).sort(), ["echo", "heartbeat"]);
  });

  it("heartbeats are answered and keep the socket open", async (t) => {
    const socket = connect(t, { heartbeatIntervalMs: 400 });
    let closes = 0;
    socket.onClose(() => closes++);
    const beats = new Inbox();
    socket.onMessage((message) => {
      if (message.topic === "phoenix") beats.put(message);
    });
    for (const { join_ref, ref, event, payload } of await beats.take(3)) {
      assert.equal(join_ref, null);
      assert.equal(typeof ref, "string");
      assert.equal(event, "phx_reply");
      assert.deepEqual(payload, { status: "ok", response: {} });
    }
    assert.equal(closes, 0);
    assert.ok(socket.isConnected());
  });
});

describe("broadcasts", () => {
  async function three(t, topic) {
    const members = await Promise.all([1, 2, 3].map(() => joined(connect(t), topic)));
    return members.map(({ channel }) => ({ channel, inbox: record(channel, "shout", "shout_others") }));
  }

  it("shout reaches all three members, the sender included, once", async (t) => {
    const [a, b, c] = await three(t, newTopic());
    assert.deepEqual(await ok(a.channel.push("shout", { n: 1 })), {});
    assert.deepEqual(await ok(a.channel.push("shout", { n: 2 })), {});
    for (const { inbox } of [a, b, c]) {
      assert.deepEqual(await inbox.take(2), [
        { event: "shout", payload: { n: 1 } },
        { event: "shout", payload: { n: 2 } },
      ]);
    }
  });

  it("shout may be binary", async (t) => {
    const [a, b, c] = await three(t, newTopic());
    assert.deepEqual(await ok(a.channel.push("shout", bytes(1, 2, 3))), {});
    for (const { inbox } of [a, b, c]) assertBytes((await inbox.next()).payload, bytes(1, 2, 3));
  });

  it("shout_others reaches all but the sender", async (t) => {
    const [a, b, c] = await three(t, newTopic());
    assert.deepEqual(await ok(a.channel.push("shout_others", { n: 1 })), {});
    assert.deepEqual(await ok(a.channel.push("shout", { n: 2 })), {});
    for (const { inbox } of [b, c]) {
      assert.deepEqual(await inbox.take(2), [
        { event: "shout_others", payload: { n: 1 } },
        { event: "shout", payload: { n: 2 } },
      ]);
    }
    assert.deepEqual(await a.inbox.next(), { event: "shout", payload: { n: 2 } });
  });

  it("a broadcast stays in its topic", async (t) => {
    const socket = connect(t);
    const here = await joined(socket, newTopic());
    const there = await joined(socket, newTopic());
    const inbox = record(there.channel, "shout");
    await ok(here.channel.push("shout", { n: 1 }));
    await ok(there.channel.push("shout", { n: 2 }));
    assert.deepEqual(await inbox.next(), { event: "shout", payload: { n: 2 } });
  });

  it("1,000 messages of one client reach another in order", async (t) => {
    const topic = newTopic();
    const sender = await joined(connect(t), topic);
    const receiver = await joined(connect(t), topic);
    const inbox = record(receiver.channel, "shout");
    const replies = [];
    for (let n = 0; n < 1000; n++) replies.push(ok(sender.channel.push("shout", { n })));
    const got = (await inbox.take(1000)).map(({ payload }) => payload.n);
    assert.deepEqual(got, Array.from({ length: 1000 }, (_, n) => n));
    await Promise.all(replies);
  });
});

describe("the end of a channel", () => {
  it("a crash is seen as onError, and the channel rejoins with fresh state", async (t) => {
    const topic = newTopic();
    const socket = connect(t);
    let closes = 0;
    socket.onClose(() => closes++);
    const { channel, joins, errors } = await joined(socket, topic, { p: 1 });
    assert.deepEqual(await ok(channel.push("assign", { a: 1 })), {});
    assert.deepEqual(await ok(channel.push("assign", { b: 2 })), {});
    assert.deepEqual(await ok(channel.push("assigns", {})), { a: 1, b: 2 });

    const crash = channel.push("crash", {});
    let answered = false;
    outcome(crash).then(() => (answered = true));
    const reason = await errors.next();
    assert.ok(
      ["{}", '{"reason":"channel_crash"}'].includes(JSON.stringify(reason)),
      `payload of phx_error: ${JSON.stringify(reason)}`,
    );
    assert.deepEqual(await joins.next(), { joined: topic, params: { p: 1 } });
    assert.deepEqual(await ok(channel.push("assigns", {})), {});
    assert.equal(answered, false, "the message that crashed the channel has no reply");
    assert.equal(closes, 0, "the connection stays");
  });

  it("a channel survives many crashes", async (t) => {
    const { channel, joins, errors } = await joined(connect(t), newTopic());
    for (let n = 0; n < 10; n++) {
      channel.push("crash", {});
      await errors.next();
      await joins.next();
    }
    await alive(channel);
  });

  it("a crash leaves the socket's other channel and everybody else alone", async (t) => {
    const topic = newTopic();
    const socket = connect(t);
    const crashing = await joined(socket, topic);
    const neighbour = await joined(socket, newTopic());
    const stranger = await joined(connect(t), topic);
    await ok(crashing.channel.push("assign", { who: "crashing" }));
    await ok(neighbour.channel.push("assign", { who: "neighbour" }));
    await ok(stranger.channel.push("assign", { who: "stranger" }));
    const heard = record(crashing.channel, "shout");

    crashing.channel.push("crash", {});
    await crashing.errors.next();
    // Between the crash and the rejoin, and after it.
    assert.deepEqual(await ok(neighbour.channel.push("assigns", {})), { who: "neighbour" });
    assert.deepEqual(await ok(stranger.channel.push("assigns", {})), { who: "stranger" });
    await crashing.joins.next();
    assert.deepEqual(await ok(crashing.channel.push("assigns", {})), {});
    assert.deepEqual(await ok(neighbour.channel.push("assigns", {})), { who: "neighbour" });
    assert.deepEqual(await ok(stranger.channel.push("assigns", {})), { who: "stranger" });

    // The crashed one is subscribed once again, not twice.
    await ok(stranger.channel.push("shout", { n: 1 }));
    await ok(stranger.channel.push("shout", { n: 2 }));
    assert.deepEqual((await heard.take(2)).map(({ payload }) => payload.n), [1, 2]);

    for (const { errors, closes, joins } of [neighbour, stranger]) {
      assert.deepEqual([errors.drain(), closes.drain(), joins.drain()], [[], [], []]);
    }
  });

  it("a stop is answered, then onClose; the client does not rejoin", async (t) => {
    const topic = newTopic();
    const sent = [];
    const socket = connect(t, {
      rejoinAfterMs: () => 1,
      logger: (kind, message) => {
        if (kind === "push") sent.push(message);
      },
    });
    const other = await joined(socket, newTopic());
    const { channel, closes, errors } = await joined(socket, topic);
    assert.deepEqual(await ok(channel.push("stop", {})), {});
    await closes.next();
    assert.equal(channel.state, "closed");
    // The server takes 50 ms for this: a rejoin after 1 ms would be sent by then.
    await ok(other.channel.push("later", {}));
    assert.equal(sent.filter((message) => message.startsWith(`${topic} phx_join `)).length, 1);
    assert.deepEqual(errors.drain(), []);
  });

  it("after leave, pushes are not answered as joined and broadcasts do not arrive", async (t) => {
    const topic = newTopic();
    const elsewhere = newTopic();
    const socket = connect(t);
    const { channel, closes } = await joined(socket, topic);
    const stays = await joined(socket, elsewhere);
    const heard = new Inbox();
    socket.onMessage((message) => {
      if (message.event === "shout") heard.put(message.topic);
    });
    const other = connect(t);
    const there = await joined(other, topic);
    const too = await joined(other, elsewhere);

    const left = new Inbox();
    socket.onMessage((message) => {
      if (message.topic === topic && message.event === "phx_close") left.put();
    });
    assert.deepEqual(await ok(channel.leave()), {});
    await closes.next();
    assert.equal(channel.state, "closed");
    // The client calls all this done without the server. What it sends before the
    // server is done may go unanswered, so wait for the server's word.
    await left.next();

    const replies = new Inbox();
    socket.onMessage((message) => {
      if (message.ref === "by-hand") replies.put(message);
    });
    socket.push({ join_ref: null, ref: "by-hand", topic, event: "echo", payload: {} });
    assert.deepEqual(await replies.next(), {
      join_ref: null,
      ref: "by-hand",
      topic,
      event: "phx_reply",
      payload: { status: "error", response: { reason: "unmatched topic" } },
    });

    await ok(there.channel.push("shout", {}));
    await ok(too.channel.push("shout", {}));
    assert.equal(await heard.next(), elsewhere);
    await alive(stays.channel);
  });

  it("leave and join again starts afresh", async (t) => {
    const topic = newTopic();
    const socket = connect(t);
    const first = await joined(socket, topic);
    await ok(first.channel.push("assign", { a: 1 }));
    first.channel.leave(); // not waiting for the answer
    const second = await joined(socket, topic, { second: true });
    assert.deepEqual(second.response.params, { second: true });
    assert.deepEqual(await ok(second.channel.push("assigns", {})), {});
    assert.deepEqual(second.errors.drain(), []);
  });

  it("a second channel object for a topic replaces the first", async (t) => {
    const topic = newTopic();
    const socket = connect(t);
    const first = await joined(socket, topic, { first: true });
    await ok(first.channel.push("assign", { a: 1 }));
    const second = await joined(socket, topic, { second: true });
    assert.deepEqual(second.response, { joined: topic, params: { second: true } });
    await first.closes.next();
    assert.equal(first.channel.state, "closed");
    assert.deepEqual(await ok(second.channel.push("assigns", {})), {});

    const heard = record(second.channel, "shout");
    await ok(second.channel.push("shout", { n: 1 }));
    await ok(second.channel.push("shout", { n: 2 }));
    assert.deepEqual((await heard.take(2)).map(({ payload }) => payload.n), [1, 2]);
    assert.deepEqual([first.errors.drain(), second.errors.drain()], [[], []]);
  });
});

describe("the end of the server", () => {
  it("after a restart the client reconnects, rejoins and goes on", async (t) => {
    const own = await Server.start(binary);
    t.after(() => own.stop());
    const socket = newSocket(t, { at: own });
    const opens = new Inbox();
    const closes = new Inbox();
    socket.onOpen(() => opens.put());
    socket.onClose((event) => closes.put(event));
    socket.connect();
    await opens.next();
    const topic = newTopic();
    const a = await joined(socket, topic, { a: 1 });
    const b = await joined(socket, newTopic());
    await ok(a.channel.push("assign", { before: true }));

    await own.stop();
    await closes.next();
    await Promise.all([a.errors.next(), b.errors.next()]);
    await own.up();
    await opens.next();
    assert.deepEqual(await a.joins.next(), { joined: topic, params: { a: 1 } });
    await b.joins.next();
    assert.deepEqual(await ok(a.channel.push("assigns", {})), {});
    const heard = record(a.channel, "shout");
    await ok(a.channel.push("shout", { n: 1 }));
    assert.deepEqual(await heard.next(), { event: "shout", payload: { n: 1 } });
    await alive(b.channel);
  });
});

// ---------------------------------------------------------------- by hand

describe("raw frames", () => {
  it("join, heartbeat and echo, frame for frame", async (t) => {
    const raw = await Raw.open(t, server);
    const topic = newTopic();
    raw.send("1", "1", topic, "phx_join", { p: 1 });
    assert.deepEqual(await raw.next(), [
      "1", "1", topic, "phx_reply", { status: "ok", response: { joined: topic, params: { p: 1 } } },
    ]);
    raw.send(null, "2", "phoenix", "heartbeat", {});
    assert.deepEqual(await raw.next(), [null, "2", "phoenix", "phx_reply", { status: "ok", response: {} }]);
    raw.send("1", "3", topic, "echo", { x: 1 });
    assert.deepEqual(await raw.next(), ["1", "3", topic, "phx_reply", { status: "ok", response: { x: 1 } }]);
    raw.send("1", "4", topic, "push_me", { y: 1 });
    assert.deepEqual(await raw.next(), ["1", null, topic, "pushed", { y: 1 }]);
    assert.deepEqual(await raw.next(), ["1", "4", topic, "phx_reply", { status: "ok", response: {} }]);
  });

  it("a broadcast carries no refs", async (t) => {
    const topic = newTopic();
    const a = await Raw.open(t, server);
    const b = await Raw.open(t, server);
    await a.join(topic, "1");
    await b.join(topic, "7");
    a.send("1", "2", topic, "shout", { n: 1 });
    assert.deepEqual(await b.next(), [null, null, topic, "shout", { n: 1 }]);
  });

  it("refs come back as they were, and a push without a join_ref is accepted", async (t) => {
    const raw = await Raw.open(t, server);
    const topic = newTopic();
    await raw.join(topic, "0012");
    raw.send("0012", "été 7", topic, "echo", {});
    assert.deepEqual(await raw.next(), ["0012", "été 7", topic, "phx_reply", { status: "ok", response: {} }]);
    raw.send(null, "8", topic, "echo", {});
    assert.deepEqual(await raw.next(), ["0012", "8", topic, "phx_reply", { status: "ok", response: {} }]);
  });

  it("integers beyond 2^53 survive an echo", async (t) => {
    const raw = await Raw.open(t, server);
    const topic = newTopic();
    await raw.join(topic, "1");
    raw.sendBytes(`["1","2","${topic}","echo",{"n":9007199254740993,"m":-123456789012345678901234567890,"f":1.10}]`, {
      binary: false,
    });
    const text = await raw.nextRaw();
    for (const digits of [/"n":\s*9007199254740993\b/, /"m":\s*-123456789012345678901234567890\b/]) {
      assert.match(text, digits);
    }
    assert.deepEqual(JSON.parse(text).slice(0, 4), ["1", "2", topic, "phx_reply"]);
  });

  it("binary frames, byte for byte", async (t) => {
    const raw = await Raw.open(t, server);
    const topic = newTopic();
    await raw.join(topic, "1");
    const frame = (kind, fields, ...data) =>
      Buffer.concat([
        Buffer.from([kind, ...fields.map((field) => Buffer.byteLength(field))]),
        Buffer.from(fields.join("")),
        Buffer.from(data),
      ]);
    const push = (ref, event) => raw.sendBytes(frame(0, ["1", ref, topic, event], 1, 2, 255), { binary: true });

    push("2", "echo");
    assert.deepEqual(await raw.nextRaw(), frame(1, ["1", "2", topic, "ok"], 1, 2, 255));
    push("3", "push_me");
    assert.deepEqual(await raw.nextRaw(), frame(0, ["1", topic, "pushed"], 1, 2, 255));
    assert.deepEqual(await raw.next(), ["1", "3", topic, "phx_reply", { status: "ok", response: {} }]);
    push("4", "shout");
    const two = [await raw.nextRaw(), await raw.nextRaw()];
    const broadcast = two.find((message) => typeof message !== "string");
    assert.deepEqual(broadcast, frame(2, [topic, "shout"], 1, 2, 255));
  });

  it("a push to a topic that is not joined", async (t) => {
    const raw = await Raw.open(t, server);
    const topic = newTopic();
    raw.send("1", "2", topic, "echo", {});
    assert.deepEqual(await raw.next(), [
      null, "2", topic, "phx_reply", { status: "error", response: { reason: "unmatched topic" } },
    ]);
    raw.send(null, "3", "phoenix", "no_heartbeat", {});
    assert.deepEqual(await raw.next(), [
      null, "3", "phoenix", "phx_reply", { status: "error", response: { reason: "unmatched topic" } },
    ]);
  });

  it("a stale join_ref is ignored, in pushes and in leaves", async (t) => {
    const raw = await Raw.open(t, server);
    const topic = newTopic();
    await raw.join(topic, "1");
    raw.send("1", "2", topic, "phx_leave", {});
    await raw.next(); // the reply
    await raw.next(); // phx_close
    await raw.join(topic, "3");
    raw.send("1", "4", topic, "assign", { stale: true });
    raw.send("1", "5", topic, "phx_leave", {});
    raw.send("3", "6", topic, "assigns", {});
    assert.deepEqual(await raw.next(), ["3", "6", topic, "phx_reply", { status: "ok", response: {} }]);
  });

  it("a leave is answered, then phx_close; a leave of nothing is ok as well", async (t) => {
    const raw = await Raw.open(t, server);
    const topic = newTopic();
    await raw.join(topic, "1");
    raw.send("1", "2", topic, "phx_leave", {});
    assert.deepEqual(await raw.next(), ["1", "2", topic, "phx_reply", { status: "ok", response: {} }]);
    assert.deepEqual(await raw.next(), ["1", "1", topic, "phx_close", {}]);
    raw.send("1", "3", topic, "phx_leave", {});
    assert.deepEqual(await raw.next(), ["1", "3", topic, "phx_reply", { status: "ok", response: {} }]);
  });

  it("a stop is answered, then phx_close", async (t) => {
    const raw = await Raw.open(t, server);
    const topic = newTopic();
    await raw.join(topic, "1");
    raw.send("1", "2", topic, "stop", {});
    assert.deepEqual(await raw.next(), ["1", "2", topic, "phx_reply", { status: "ok", response: {} }]);
    assert.deepEqual(await raw.next(), ["1", "1", topic, "phx_close", {}]);
  });

  it("a crash is phx_error and nothing else", async (t) => {
    const raw = await Raw.open(t, server);
    const topic = newTopic();
    await raw.join(topic, "1");
    raw.send("1", "2", topic, "crash", {});
    const error = await raw.next();
    assert.deepEqual(error.slice(0, 4), ["1", "1", topic, "phx_error"]);
    raw.send("1", "3", topic, "echo", {});
    assert.deepEqual(await raw.next(), [
      null, "3", topic, "phx_reply", { status: "error", response: { reason: "unmatched topic" } },
    ]);
  });

  it("a second join without a leave closes the first", async (t) => {
    const raw = await Raw.open(t, server);
    const topic = newTopic();
    await raw.join(topic, "1");
    raw.send("1", "2", topic, "assign", { a: 1 });
    await raw.next();
    raw.send("3", "3", topic, "phx_join", {});
    const two = [await raw.next(), await raw.next()];
    const close = two.find(([, , , event]) => event === "phx_close");
    const reply = two.find(([, , , event]) => event === "phx_reply");
    assert.deepEqual(close, ["1", "1", topic, "phx_close", {}]);
    assert.deepEqual(reply, [
      "3", "3", topic, "phx_reply", { status: "ok", response: { joined: topic, params: {} } },
    ]);
    raw.send("3", "4", topic, "assigns", {});
    assert.deepEqual(await raw.next(), ["3", "4", topic, "phx_reply", { status: "ok", response: {} }]);
  });
});

describe("broken input", () => {
  const text = (s) => [Buffer.from(s), { binary: false }];
  const data = (...values) => [Buffer.from(values), { binary: true }];

  for (const [name, message] of Object.entries({
    "no JSON": text("hello"),
    "JSON cut short": text('["1","1","room:x"'),
    "an object": text('{"topic":"room:x","event":"phx_join","payload":{},"ref":"1"}'),
    "a number": text("42"),
    "null": text("null"),
    "an empty message": text(""),
    "an empty array": text("[]"),
    "four elements": text('["1","1","room:x","phx_join"]'),
    "a topic that is no string": text('["1","1",7,"phx_join",{}]'),
    "something after the frame": text('["1","1","room:x","phx_join",{}] x'),
    "invalid UTF-8": text(Buffer.from([0x5b, 0x22, 0xff, 0xfe, 0x22, 0x5d])),
    "an empty binary message": data(),
    "an unknown kind": data(9, 1, 1, 1, 1, 49, 50, 51, 52),
    "sizes that overrun the frame": data(0, 255, 255, 255, 255, 49),
    "a header cut short": data(0, 1),
  })) {
    it(`${name} closes that connection only`, async (t) => {
      const witness = await joined(connect(t), newTopic());
      const raw = await Raw.open(t, server);
      raw.sendBytes(...message);
      const { code } = await raw.closed;
      assert.notEqual(code, 1000);
      await alive(witness.channel);
      assert.deepEqual(witness.errors.drain(), []);
    });
  }

  const MiB = 1 << 20;
  const frameOf = (size, topic) => {
    const frame = (fill) => `["1","2","${topic}","echo",{"x":"${fill}"}]`;
    return frame("x".repeat(size - frame("").length));
  };

  it("a message of exactly 1 MiB is taken", async (t) => {
    const raw = await Raw.open(t, server);
    const topic = newTopic();
    await raw.join(topic, "1");
    raw.sendBytes(frameOf(MiB, topic), { binary: false });
    const [, ref, , , { status }] = await raw.next();
    assert.deepEqual([ref, status], ["2", "ok"]);
  });

  it("a message of one byte more closes with 1009, and others live", async (t) => {
    const topic = newTopic();
    const witness = await joined(connect(t), topic);
    const raw = await Raw.open(t, server);
    await raw.join(topic, "1");
    raw.sendBytes(frameOf(MiB + 1, topic), { binary: false });
    assert.equal((await raw.closed).code, 1009);
    await alive(witness.channel);
    assert.deepEqual(witness.errors.drain(), []);
  });
});

describe("the handshake", () => {
  const status = (headers, more) => upgradeStatus(server, { headers, ...more });

  it("an Origin of another site is refused with 403", async () => {
    for (const origin of [
      "http://evil.example",
      `http://${server.host}.evil.example`,
      `http://127.0.0.1:${server.port + 1}`,
      "null",
    ]) {
      assert.equal(await status({ origin }), 403, origin);
    }
  });

  it("no Origin, and the server's own, are accepted", async () => {
    assert.equal(await status({}), 101);
    assert.equal(await status({ origin: server.http }), 101);
  });

  it("an unknown protocol version is refused with 403", async () => {
    for (const vsn of ["3.0.0", "2.1.0", "0.9.0", "two", ""]) {
      assert.equal(await upgradeStatus(server, { query: `vsn=${vsn}` }), 403, vsn);
    }
  });

  it("the serializer's whole 2.0 series is accepted", async () => {
    for (const vsn of ["2.0.0", "2.0.7"]) {
      assert.equal(await upgradeStatus(server, { query: `vsn=${vsn}` }), 101, vsn);
    }
  });

  it("another path is 404", async () => {
    assert.equal(await upgradeStatus(server, { path: "/elsewhere" }), 404);
  });

  it("a plain GET on the websocket's path is refused politely", async () => {
    const response = await fetch(`${server.http}/socket/websocket?vsn=2.0.0`);
    assert.ok([400, 426].includes(response.status), String(response.status));
  });

  it("an idle connection is closed, a busy one is not", async (t) => {
    const busy = await Raw.open(t, server, { path: "/socket-short" });
    const topic = newTopic();
    await busy.join(topic, "1");
    const idle = await Raw.open(t, server, { path: "/socket-short" });
    const since = performance.now();
    let closed = null;
    idle.closed.then((how) => (closed = { ...how, after: performance.now() - since }));
    // The server answers this after 50 ms each, so that there is traffic but no rush.
    for (let n = 0; closed === null || performance.now() - since < 2000; n++) {
      busy.send("1", String(n), topic, "later", {});
      assert.equal((await busy.next())[1], String(n));
    }
    assert.ok(closed.after > 900, `closed after ${closed.after} ms`);
    assert.notEqual(closed.code, 1000);
  });
});
