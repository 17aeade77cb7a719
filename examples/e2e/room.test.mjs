// The official phoenix client, unmodified, in the room of the README.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Socket } from "phoenix";
import { WebSocket } from "ws";

import { LIMIT, PATIENCE_MS } from "./patience.mjs";
import { Server, binaryFrom } from "./server.mjs";
import { vanish } from "./sockets.mjs";
import { Inbox } from "./wire.mjs";

let server;
before(async () => (server = await Server.start(binaryFrom("TROUPE_ROOM_BIN"))));
after(() => server?.stop());

/** A member of room:lobby, with what it hears. */
async function enter(t, params) {
  const socket = new Socket(`${server.ws}/socket`, { transport: WebSocket, timeout: PATIENCE_MS });
  t.after(() => vanish(socket));
  socket.connect();
  const channel = socket.channel("room:lobby", params);
  const heard = new Inbox();
  channel.on("new_msg", (message) => heard.put(message));
  await new Promise((resolve, reject) => {
    channel.join().receive("ok", resolve).receive("error", reject).receive("timeout", reject);
  });
  return { channel, heard };
}

test("who joins hears what anybody says", LIMIT, (t) =>
  server.during(async () => {
    const ann = await enter(t, { name: "ann", nested: [1, { two: 2 }] });
    const bob = await enter(t);
    ann.channel.push("new_msg", { body: "hello", user: "ann" });
    bob.channel.push("new_msg", { body: "hi", user: "bob" });
    for (const { heard } of [ann, bob]) {
      const all = (await heard.take(2)).sort((a, b) => a.user.localeCompare(b.user));
      assert.deepEqual(all, [
        { body: "hello", user: "ann" },
        { body: "hi", user: "bob" },
      ]);
    }
  }));

test("what is not a message is explained", LIMIT, (t) =>
  server.during(async () => {
    const { channel } = await enter(t, {});
    const answer = await new Promise((resolve) => channel.push("new_msg", { body: "hello" }).receive("error", resolve));
    assert.deepEqual(answer, { reason: "invalid payload", fields: { user: "is missing" } });
  }));
