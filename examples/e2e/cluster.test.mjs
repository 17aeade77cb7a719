// The chat on two nodes, with NATS between them and a balancer in front: what is said on one
// is heard on the other, and each shows who is on both. One node is killed, and the other is
// stopped in order. Nobody misses anything: JetStream keeps what is said.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Presence, Socket } from "phoenix";
import { WebSocket } from "ws";

import { recorded } from "../chat/internal/chat/page/recorded.mjs";
import { Balancer } from "./balancer.mjs";
import { LIMIT } from "./patience.mjs";
import { Server, binaryFrom } from "./server.mjs";
import { vanish } from "./sockets.mjs";
import { Inbox } from "./wire.mjs";

const binary = binaryFrom("TROUPE_CHAT_BIN");

/** A person in the lobby, by the official client. */
class Person {
  joins = new Inbox();
  recoveries = new Inbox(); // whether all comes that was missed
  #said = new Inbox();
  #changed = new Inbox();

  /** at is a node, or the balancer. */
  static async enters(t, user, at, topic = "room:lobby") {
    const person = new Person();
    person.user = user;
    person.socket = new Socket(`${at.ws}/socket`, { transport: WebSocket, params: { user_id: user } });
    t.after(() => person.vanishes());
    person.socket.connect();
    person.channel = recorded(person.socket, topic, { user });
    person.channel.on("new_msg", (message) => person.#said.put(message));
    person.channel.on("phx_position", () => person.recoveries.put("joined"));
    person.channel.on("phx_recovery", ({ complete }) => person.recoveries.put(complete));
    person.presence = new Presence(person.channel);
    person.presence.onSync(() => person.#changed.put(true));
    person.channel.join().receive("ok", () => person.joins.put(user));
    await person.joins.next();
    await person.recoveries.next();
    return person;
  }

  vanishes() {
    vanish(this.socket);
  }

  /** Says something, and waits until all of them have heard it: that, and nothing else. */
  async says(body, ...listeners) {
    this.channel.push("new_msg", { body });
    for (const listener of listeners) await listener.hears(this, body);
  }

  async hears({ user }, body) {
    assert.deepEqual(await this.#said.next(), { user, body });
  }

  /** Says numbers, and waits until all of them have heard each, in order: that, and nothing else. */
  async counts(first, last, ...listeners) {
    for (let n = first; n <= last; n++) this.channel.push("new_msg", { body: String(n) });
    for (const listener of listeners) await listener.hearsCount(this, first, last);
  }

  async hearsCount(speaker, first, last) {
    for (let n = first; n <= last; n++) await this.hears(speaker, String(n));
  }

  /** Comes back at least so many times, and is told each time that nothing is lost. */
  async recovers(times) {
    const told = [...(await this.recoveries.take(times)), ...this.recoveries.drain()];
    assert.ok(told.every((complete) => complete === true), `${this.user} is told ${told}`);
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
  const nodes = await Server.pair(binary, ["-nats", process.env.TROUPE_NATS, "-history"]);
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
  await bob.says("where are you?", bob);
  await ann.joins.next(); // in Tokyo
  await ann.hears(bob, "where are you?");
  await ann.says("back", ann, bob);
  await bob.says("so you are", ann, bob);
  for (const person of [ann, bob]) await person.sees("ann 1, bob 1");
  await tokyo.logs(`name=${berlin.host} state=down`);

  // The node is back, under its name, and so are its people. The other one is deployed anew.
  await berlin.up();
  for (const person of [ann, bob]) await person.sees("ann 1, bob 1, cid 1");
  await cid.joins.next();
  await cid.hears(bob, "where are you?");
  await cid.hears(ann, "back");
  await cid.hears(bob, "so you are");
  await bob.says("welcome back", ann, bob, cid);
  await Person.enters(t, "dora", tokyo); // knows no other server
  await cid.sees("ann 1, bob 1, cid 1, dora 1");
  const stopped = tokyo.stop();
  await cid.says("a deploy?", cid);
  await stopped;
  await berlin.logs(`name=${tokyo.host} state=leaving`);
  await Promise.all([ann.joins.next(), bob.joins.next()]);
  for (const person of [ann, bob]) await person.hears(cid, "a deploy?");
  await cid.says("here we are", ann, bob, cid);
  for (const person of [ann, bob, cid]) await person.sees("ann 1, bob 1, cid 1");
  await ann.recovers(2);
  for (const person of [bob, cid]) await person.recovers(1);
});

test("500 messages come in order, once, over a node that is killed and replaced, and the other that is deployed", LIMIT, async (t) => {
  const [berlin, tokyo] = await Server.pair(binary, ["-nats", process.env.TROUPE_NATS, "-history"]);
  t.after(() => Promise.all([berlin.stop(), tokyo.stop()]));
  await tokyo.logs(`name=${berlin.host} state=up`);
  const balancer = await Balancer.start(t, berlin, tokyo);
  const ann = await Person.enters(t, "ann", balancer, "room:count"); // in Berlin
  const bob = await Person.enters(t, "bob", balancer, "room:count"); // in Tokyo
  const cid = await Person.enters(t, "cid", berlin, "room:count"); // knows no other server
  await bob.counts(1, 100, ann, bob, cid);

  await berlin.kill();
  await bob.counts(101, 250, bob, ann); // she is in Tokyo now
  await berlin.up();
  await cid.hearsCount(bob, 101, 250);
  await cid.counts(251, 350, ann, bob, cid);

  const stopped = tokyo.stop();
  await cid.counts(351, 500, cid, ann, bob); // all are in Berlin
  await stopped;
  await ann.recovers(2);
  for (const person of [bob, cid]) await person.recovers(1);
  await bob.counts(501, 501, ann, bob, cid); // and nothing came in between
});
