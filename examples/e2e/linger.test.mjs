// The official phoenix client loses its connection, comes back, and finds its channel as it was.
// The server is the conformance server.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { LongPoll, Presence } from "phoenix";
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

const OUTAGE_MS = 3000;
const numbers = (first, last) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** A client that has joined, what it has heard, and whom it sees. */
async function enter(t, at, topic, user, options = {}) {
  const socket = newSocket(t, `${at.ws}/socket`, { params: { user_id: user }, ...options });
  const channel = recorded(socket, topic);
  const client = { channel, joins: new Inbox(), pushed: new Inbox(), told: new Inbox() };
  Object.assign(client, { ended: new Inbox(), diffs: new Inbox(), syncs: new Inbox() });
  const presence = new Presence(channel);
  presence.onSync(() => client.syncs.put(presence.list((key) => key).sort()));
  channel.on("presence_diff", (diff) => client.diffs.put(diff));
  channel.on("pushed", ({ n }) => client.pushed.put(n));
  channel.on("told", ({ n }) => client.told.put(n));
  channel.on("ended", (end) => client.ended.put(end));
  client.ask = (event, payload = {}) =>
    new Promise((resolve, reject) => {
      channel.push(event, payload).receive("ok", resolve).receive("error", reject).receive("timeout", reject);
    });
  client.tell = async (first, last) => {
    for (const n of numbers(first, last)) await client.ask("tell", { n });
  };
  client.sees = async (...users) => {
    while ((await client.syncs.next()).join() !== users.join());
  };
  socket.connect();
  channel.join().receive("ok", (answer) => client.joins.put(answer));
  client.stay = await client.joins.next();
  return client;
}

/** Waits until the server knows that another client of the topic is away. */
async function misses(client) {
  while ((await client.ask("away")).away === 0);
}

for (const [how, lose, transport, isKnown] of [
  ["was cut off", (line) => line.cut(), WebSocket, true],
  ["was cut off while it polled", (line) => line.cut(), LongPoll, true],
  ["is away while the server does not know it", (line) => line.swallow(), WebSocket, false],
]) {
  it(`a client that ${how} finds its channel as it was, and nobody has seen it go`, async (t) => {
    const line = await Line.start(t, server);
    const ann = await enter(t, line, `stay:${how}`, "ann", { transport });
    const bob = await enter(t, server, `stay:${how}`, "bob");
    await Promise.all([ann.sees("ann", "bob"), bob.sees("ann", "bob")]);
    assert.equal(ann.stay.resumed, false);
    assert.deepEqual([await ann.ask("count"), await ann.ask("count")], [{ counted: 1 }, { counted: 2 }]);
    await bob.tell(1, 5);
    assert.deepEqual(await ann.pushed.take(5), numbers(1, 5));
    assert.deepEqual(await ann.told.take(5), numbers(1, 5));
    bob.diffs.drain();

    const outage = new Promise((resolve) => setTimeout(resolve, OUTAGE_MS));
    lose(line);
    if (isKnown) await misses(bob);
    await bob.tell(6, 10);
    await outage;
    line.mend();

    const { resumed, channel, counted, complete } = await ann.joins.next();
    assert.deepEqual({ resumed, channel, counted, complete }, { resumed: true, channel: ann.stay.channel, counted: 2, complete: true });
    await bob.tell(11, 12);
    assert.deepEqual(await ann.pushed.take(7), numbers(6, 12));
    // A broadcast is for those that are there: it was kept if the server knew who was away.
    assert.deepEqual(await ann.told.take(isKnown ? 7 : 2), numbers(isKnown ? 6 : 11, 12));
    await ann.sees("ann", "bob");
    assert.deepEqual(await ann.ask("count"), { counted: 3 });
    assert.deepEqual([ann.pushed.drain(), ann.told.drain()], [[], []]);

    ann.channel.leave();
    const { joins, leaves } = await bob.diffs.next(); // the first one since
    assert.deepEqual([Object.keys(joins), Object.keys(leaves)], [[], ["ann"]]);
    assert.deepEqual(await bob.ended.next(), { user: "ann", reason: "shutdown: left" });
  });
}

it("a channel ends to which nobody has come back", async (t) => {
  const line = await Line.start(t, server);
  const ann = await enter(t, line, "brief:1", "ann");
  const bob = await enter(t, server, "brief:1", "bob");
  await bob.sees("ann", "bob");
  await ann.ask("count");
  line.cut();
  assert.deepEqual(await bob.ended.next(), { user: "ann", reason: "shutdown: nobody has come back" });
  await bob.sees("bob");
  await bob.tell(1, 3);
  line.mend();
  const { resumed, channel, counted } = await ann.joins.next();
  assert.deepEqual({ resumed, counted }, { resumed: false, counted: 0 });
  assert.notEqual(channel, ann.stay.channel);
  await bob.tell(4, 4);
  assert.deepEqual([await ann.pushed.next(), await ann.told.next()], [4, 4]);
});
