// The chat on two nodes, with NATS between them and a balancer in front: what is said on one
// is heard on the other, and each shows who is on both. One node is killed, and the other is
// stopped in order.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Presence, Socket } from "phoenix";
import { WebSocket } from "ws";

import { Balancer } from "./balancer.mjs";
import { Server, binaryFrom } from "./server.mjs";
import { Inbox } from "./wire.mjs";

const binary = binaryFrom("TROUPE_CHAT_BIN");

const LIMIT = { timeout: 60_000 };

/** A person in the lobby, by the official client. */
class Person {
  joins = new Inbox();
  #said = new Inbox();
  #changed = new Inbox();

  /** at is a node, or the balancer. */
  static async enters(t, user, at) {
    const person = new Person();
    person.user = user;
    person.socket = new Socket(`${at.ws}/socket`, { transport: WebSocket, params: { user_id: user } });
    t.after(() => person.vanishes());
    person.socket.connect();
    person.channel = person.socket.channel("room:lobby", { user });
    person.channel.on("new_msg", (message) => person.#said.put(message));
    person.presence = new Presence(person.channel);
    person.presence.onSync(() => person.#changed.put(true));
    person.channel.join().receive("ok", () => person.joins.put(user));
    await person.joins.next();
    return person;
  }

  vanishes() {
    const { conn } = this.socket;
    this.socket.disconnect();
    conn?.terminate();
  }

  /** Says something, and waits until all of them have heard it: that, and nothing else. */
  async says(body, ...listeners) {
    this.channel.push("new_msg", { body });
    for (const listener of listeners) assert.deepEqual(await listener.#said.next(), { user: this.user, body });
  }

  /** Names with the number of their metas, in order. */
  now() {
    return this.presence
      .list((name, { metas }) => `${name} ${metas.length}`)
      .sort()
      .join(", ");
  }

  async sees(list) {
    while (this.now() !== list) await this.#changed.next();
  }
}

test("two nodes are one chat, which outlives either of them", LIMIT, async (t) => {
  const nodes = await Server.pair(binary, ["-nats", process.env.TROUPE_NATS]);
  t.after(() => Promise.all(nodes.map((node) => node.stop())));
  const [berlin, tokyo] = nodes;
  await tokyo.logs(`name=${berlin.host} state=up`);
  const balancer = await Balancer.start(t, ...nodes);
  const ann = await Person.enters(t, "ann", balancer); // in Berlin
  const bob = await Person.enters(t, "bob", balancer); // in Tokyo
  const cid = await Person.enters(t, "cid", berlin); // knows no other server
  for (const person of [ann, bob, cid]) await person.sees("ann 1, bob 1, cid 1");
  await ann.says("from Berlin", ann, bob, cid);
  await bob.says("from Tokyo", ann, bob, cid);

  await berlin.kill();
  await ann.joins.next(); // in Tokyo
  await ann.says("back", ann, bob);
  await bob.says("so you are", ann, bob);
  for (const person of [ann, bob]) await person.sees("ann 1, bob 1");
  await tokyo.logs(`name=${berlin.host} state=down`);

  // The node is back, under its name, and so are its people. The other one is deployed anew.
  await berlin.up();
  for (const person of [ann, bob]) await person.sees("ann 1, bob 1, cid 1");
  await cid.joins.next();
  await bob.says("welcome back", ann, bob, cid);
  await Person.enters(t, "dora", tokyo); // knows no other server
  await cid.sees("ann 1, bob 1, cid 1, dora 1");
  await tokyo.stop();
  await berlin.logs(`name=${tokyo.host} state=leaving`);
  await Promise.all([ann.joins.next(), bob.joins.next()]);
  await cid.says("here we are", ann, bob, cid);
  for (const person of [ann, bob, cid]) await person.sees("ann 1, bob 1, cid 1");
});
