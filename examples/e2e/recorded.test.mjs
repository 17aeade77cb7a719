// The official phoenix client on topics that the server records: it misses nothing when its
// connection is lost, or has ended with its token. The server is the conformance server.
//
// Nothing here waits for a time to pass but for a token's end, and while a line is cut for five seconds.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { LongPoll } from "phoenix";
import { WebSocket } from "ws";

import { recorded } from "../chat/internal/chat/page/recorded.mjs";
import { Line } from "./line.mjs";
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

const MINUTE = 60_000;
const tokenFor = (ms) => `until:${Date.now() + ms}`;
const numbers = (first, last) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

function connect(t, at, options = {}) {
  const socket = newSocket(t, `${at.ws}/socket`, options);
  socket.connect();
  return socket;
}

/** Joins, is told of a position, and collects the numbers that are shouted. */
async function joined(channel) {
  const inbox = { joins: new Inbox(), numbers: new Inbox(), recoveries: new Inbox(), positions: new Inbox() };
  channel.on("phx_position", () => inbox.positions.put(true));
  channel.on("shout", ({ n }) => inbox.numbers.put(n));
  channel.on("phx_recovery", (recovery) => inbox.recoveries.put(recovery));
  channel.join().receive("ok", (response) => inbox.joins.put(response));
  await inbox.joins.next();
  await inbox.positions.next();
  return inbox;
}

/** Somebody on the topic who does not lose the connection, and counts. */
async function counter(t, topic) {
  const channel = recorded(connect(t, server), topic);
  await joined(channel);
  let n = 0;
  return async (times) => {
    const pushes = numbers(1, times).map(() => channel.push("shout", { n: (n += 1) }));
    await new Promise((resolve) => pushes.at(-1).receive("ok", resolve));
  };
}

test("a join names the last position, or that it is not known, and what brings the channel back", () => {
  const socket = { channel: (_, params) => ({ params }) };
  const channel = recorded(socket, "kept:none", { own: 1 });
  const names = (since, got, resume_token) => assert.deepEqual(channel.params(), { own: 1, since, got, resume_token });
  names(null, null, null);
  const answer = (status, response) => ["phx_reply", { status, response }, "1"];
  for (const [[since, got, token], ...message] of [
    [[null, null, null], ...answer("error", { reason: "busy" })],
    [["unknown", null, null], ...answer("ok", {})], // and the position is cut off
    [["@a:7", null, null], "phx_position", {}, "@a:7"],
    [["@a:7", null, "t"], ...answer("ok", { resume_token: "t" })],
    [["@a:7", null, "t"], "typing", {}, null],
    [["@a:7", null, "t"], ...answer("ok", new ArrayBuffer(1))],
    [["@b:1", null, "t"], "news", {}, "@b:1"],
    [["@b:1", "~a:1", "t"], "pushed", {}, "~a:1"],
    [["@b:1", "~a:1", "u"], ...answer("ok", { resume_token: "u" })],
  ]) {
    assert.equal(channel.onMessage(...message), message[1]);
    names(since, got, token);
  }
});

for (const [how, lose, transport] of [
  ["was cut off", (line) => line.cut(), WebSocket],
  ["is away while the server does not know it", (line) => line.swallow(), WebSocket],
  ["was cut off while it polled", (line) => line.cut(), LongPoll],
]) {
  it(`a client that ${how} gets 500 of 500 messages, in order`, async (t) => {
    const line = await Line.start(t, server);
    const count = await counter(t, `kept:${how}`);
    const ann = await joined(recorded(connect(t, line, { transport }), `kept:${how}`));
    const begun = count(250);
    assert.deepEqual(await ann.numbers.take(100), numbers(1, 100));
    lose(line);
    await begun;
    await count(250);
    line.mend();
    assert.deepEqual(await ann.numbers.take(400), numbers(101, 500));
    const { complete, missed } = await ann.recoveries.next();
    assert.ok(complete && missed >= 250, `missed ${missed}`);
    await count(1);
    assert.deepEqual(await ann.numbers.next(), 501);
  });
}

it("a client that was cut off for five seconds gets 500 of 500 messages, in order", async (t) => {
  const line = await Line.start(t, server);
  const count = await counter(t, "kept:long");
  const ann = await joined(recorded(connect(t, line), "kept:long"));
  await count(100);
  assert.deepEqual(await ann.numbers.take(100), numbers(1, 100));
  line.cut();
  for (let i = 0; i < 50; i++) {
    await count(6);
    await pause(100);
  }
  line.mend();
  await count(100);
  assert.deepEqual(await ann.numbers.take(400), numbers(101, 500));
  const { complete, missed } = await ann.recoveries.next();
  assert.ok(complete && missed >= 300, `missed ${missed}`);
  await count(1);
  assert.deepEqual(await ann.numbers.next(), 501);
});

it("a client is told what it cannot get any more", async (t) => {
  const line = await Line.start(t, server);
  const count = await counter(t, "kept:few");
  const ann = await joined(recorded(connect(t, line), "kept:few", () => ({ own: true })));
  line.cut();
  await count(501);
  line.mend();
  assert.deepEqual((await ann.joins.next()).params.own, true);
  assert.equal((await ann.recoveries.next()).complete, false);
  await count(1);
  assert.deepEqual(await ann.numbers.next(), 502);
});

it("a page that misses too much loads all anew", async (t) => {
  const line = await Line.start(t, server);
  const count = await counter(t, "kept:room");
  const socket = connect(t, line);
  const shown = new Inbox();
  const reloads = new Inbox();
  const show = ({ n }) => shown.put(n);
  const reload = () => reloads.put(true);

  const room = recorded(socket, "kept:room");
  room.on("phx_recovery", ({ complete }) => complete || reload());
  room.on("shout", show);
  room.join();

  await count(1); // it may be in by then, or not
  await new Promise((resolve) => room.push("echo", {}).receive("ok", resolve));
  shown.drain();
  for (const [n, reloaded] of [[1, []], [501, [true]]]) {
    line.cut();
    await count(n);
    line.mend();
    await new Promise((resolve) => room.push("shout", { n: -n }).receive("ok", resolve));
    while ((await shown.next()) !== -n);
    assert.deepEqual(reloads.drain(), reloaded);
  }
});

it("a client whose token has ended comes back with another one, and has lost nothing", async (t) => {
  const line = await Line.start(t, server);
  const count = await counter(t, "kept:brief");
  const ended = new Inbox();
  let ttl = 400;
  const socket = connect(t, line, { authToken: () => tokenFor(ttl) });
  let isIn = false;
  socket.onClose(({ code }) => {
    if (code !== 3000) return; // a token may have ended before the server has seen it
    if (!isIn) return void (ttl *= 2); // and before the join, on a slow machine
    line.cut();
    ended.put(code);
  });
  const ann = await joined(recorded(socket, "kept:brief"));
  isIn = true;
  await count(1);
  await ended.next();
  ttl = 10 * MINUTE;
  ended.drain();
  await count(10);
  line.mend();
  await ann.joins.next();
  await count(1);
  assert.deepEqual(await ann.numbers.take(12), numbers(1, 12));
  assert.deepEqual(ended.drain(), []);
});

it("a client that is asked for another token outlives the one that it came with", async (t) => {
  const answers = new Inbox();
  const closes = new Inbox();
  let ttl = 300;
  let end = 0;
  const freshToken = async () => tokenFor(10 * MINUTE);
  const authToken = () => {
    ttl *= 2; // should this machine be too slow for the last one
    end = Date.now() + ttl;
    return tokenFor(ttl);
  };
  const socket = connect(t, server, { authToken });
  socket.onClose(({ code }) => closes.put(code));
  socket.onMessage(({ topic, event, payload }) => {
    if (topic === "phoenix" && event === "phx_reply") answers.put(payload);
  });

  socket.onMessage(async ({ topic, event }) => {
    if (topic !== "phoenix" || event !== "phx_refresh") return;
    const token = await freshToken();
    socket.push({ topic, event, payload: { token, params: {} }, ref: socket.makeRef() });
  });

  const { status, response } = await answers.next();
  assert.equal(status, "ok");
  assert.ok(response.expires_in > 60, `expires in ${response.expires_in} s`);
  closes.drain();
  await new Promise((resolve) => setTimeout(resolve, end + 50 - Date.now()));
  await new Promise((resolve) => assert.ok(socket.ping(resolve)));
  assert.deepEqual(closes.drain(), []);
});
