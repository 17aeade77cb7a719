// A deploy as clients see it: two servers stand behind a balancer, and one of them gets
// SIGTERM. Its clients are sent away, and come back on the other.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LongPoll, Socket } from "phoenix";
import { WebSocket } from "ws";

import { Balancer } from "./balancer.mjs";
import { LIMIT } from "./patience.mjs";
import { Server, binaryFrom } from "./server.mjs";
import { vanish } from "./sockets.mjs";
import { Inbox } from "./wire.mjs";

const binary = binaryFrom("TROUPE_CONFORMANCE_BIN");

/** Two servers that know nothing of each other, and what stands in front of them. */
async function site(t) {
  const servers = await Promise.all([Server.start(binary), Server.start(binary)]);
  t.after(() => Promise.all(servers.map((server) => server.stop())));
  return { servers, balancer: await Balancer.start(t, ...servers) };
}

/** A user in room:deploy, and what happens to the connection. */
async function enter(t, balancer, user_id, transport) {
  const seen = { tries: [], closes: [], errors: 0, joins: new Inbox(), shouts: new Inbox() };
  const socket = new Socket(`${balancer.ws}/socket`, {
    transport,
    params: { user_id },
    // As it is by default.
    reconnectAfterMs(tries) {
      seen.tries.push(tries);
      return [10, 50, 100, 150, 200, 250, 500, 1000, 2000][tries - 1] ?? 5000;
    },
  });
  t.after(() => vanish(socket));
  socket.onClose(({ code }) => seen.closes.push(code));
  socket.onError(() => (seen.errors += 1));
  socket.connect();
  const channel = socket.channel("room:deploy", {});
  channel.on("shout", (payload) => seen.shouts.put(payload));
  channel.join().receive("ok", (response) => seen.joins.put(response));
  await seen.joins.next();
  return { channel, ...seen, seen };
}

const reply = (push) => new Promise((resolve) => push.receive("ok", resolve));

test("a client is told 1012, and is back on the other server at its first try", LIMIT, async (t) => {
  const { servers, balancer } = await site(t);
  const ann = await enter(t, balancer, "ann", WebSocket);
  const bob = await enter(t, balancer, "bob", WebSocket);

  // They are in one room, but on two servers.
  await reply(bob.channel.push("shout", { from: "bob" }));
  assert.deepEqual(await bob.shouts.next(), { from: "bob" });
  await reply(ann.channel.push("shout", { from: "ann" }));
  assert.deepEqual(await ann.shouts.next(), { from: "ann" });

  // A rolling deploy: one after the other. The client that is on neither but the other does
  // not notice.
  for (const [n, server] of servers.entries()) {
    const moving = n === 0 ? [ann] : [ann, bob];
    const stopped = server.stop();
    await Promise.all(moving.map(({ joins }) => joins.next()));
    await reply(ann.channel.push("shout", { after: n }));
    for (const { shouts } of [ann, bob]) assert.deepEqual(await shouts.next(), { after: n });
    await stopped;
    await server.up();
  }
  assert.deepEqual(ann.closes, [1012, 1012]);
  assert.deepEqual(ann.tries, [1, 1]);
  assert.deepEqual(bob.closes, [1012]);
  assert.deepEqual(bob.tries, [1]);
  assert.deepEqual([ann.seen.errors, bob.seen.errors], [0, 0]);
});

test("a client that polls opens a session on the other server at its first try", LIMIT, async (t) => {
  const { servers, balancer } = await site(t);
  const ann = await enter(t, balancer, "ann", LongPoll);
  const bob = await enter(t, balancer, "bob", LongPoll);
  const stopped = servers[0].stop();
  await ann.joins.next();
  await reply(bob.channel.push("shout", { from: "bob" }));
  for (const { shouts } of [ann, bob]) assert.deepEqual(await shouts.next(), { from: "bob" });
  await stopped;
  assert.deepEqual([ann.tries, bob.tries], [[1], []]);
  assert.deepEqual([ann.seen.errors, bob.seen.errors], [1, 0]);
});
