// The official client's Presence class, against the conformance server: who is there,
// as several members see it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { LongPoll, Presence } from "phoenix";
import { WebSocket } from "ws";

import { LIMIT } from "./patience.mjs";
import { Server, binaryFrom } from "./server.mjs";
import { newSocket, vanish } from "./sockets.mjs";
import { Inbox } from "./wire.mjs";

const binary = binaryFrom("TROUPE_CONFORMANCE_BIN");

let server;
before(async () => {
  server = await Server.start(binary);
});
after(() => server?.stop());

let topics = 0;
const newTopic = () => `presence:t${++topics}`;

const it = (name, f) => test(name, LIMIT, (t) => server.during(() => f(t)));

/** A user in a topic, with the official Presence class. */
class Member {
  left = new Inbox(); // { key, rest, metas } for each onLeave
  diffs = new Inbox(); // as they came
  #changed = new Inbox();

  static async enters(t, user, topic, { transport = WebSocket } = {}) {
    const member = new Member();
    member.socket = newSocket(t, `${server.ws}/socket`, { transport, params: { user_id: user } });
    member.channel = member.socket.channel(topic);
    member.presence = new Presence(member.channel);
    member.presence.onLeave((key, { metas: rest }, { metas }) => member.left.put({ key, rest, metas }));
    member.presence.onSync(() => member.#changed.put(true));
    member.channel.on("presence_diff", (diff) => member.diffs.put(diff));
    member.socket.connect();
    assert.deepEqual(await ok(member.channel.join()), {});
    return member;
  }

  /** Without a word, as by a dead battery. */
  vanishes() {
    vanish(this.socket);
  }

  /** Keys with the number of their metas, in order. */
  now() {
    return this.presence
      .list((key, { metas }) => `${key} ${metas.length}`)
      .sort()
      .join(", ");
  }

  async sees(list) {
    while (this.now() !== list) await this.#changed.next();
  }

  /** The metas of a key, once it has some that pass the test. */
  async metas(key, passes = () => true) {
    for (;;) {
      const metas = this.presence.state[key]?.metas;
      if (metas?.every(passes)) return metas;
      await this.#changed.next();
    }
  }

  setStatus(status) {
    return ok(this.channel.push("set_status", { status }));
  }
}

function ok(push) {
  return new Promise((resolve, reject) => {
    push.receive("ok", resolve);
    for (const status of ["error", "timeout"]) {
      push.receive(status, (response) => reject(new Error(`${status}: ${JSON.stringify(response)}`)));
    }
  });
}

it("who joins sees everybody, and is seen", async (t) => {
  const topic = newTopic();
  const ann = await Member.enters(t, "ann", topic);
  await ann.sees("ann 1");
  const [meta] = await ann.metas("ann");
  assert.deepEqual(Object.keys(meta).sort(), ["online_at", "phx_ref"]);
  assert.ok(Math.abs(meta.online_at - Date.now() / 1000) < 60, `online_at is ${meta.online_at}`);
  assert.equal(typeof meta.phx_ref, "string");

  const bob = await Member.enters(t, "bob", topic);
  await bob.sees("ann 1, bob 1");
  await ann.sees("ann 1, bob 1");
  assert.deepEqual((await bob.metas("ann"))[0], meta, "the same to all");
  const elsewhere = await Member.enters(t, "carl", newTopic());
  await elsewhere.sees("carl 1");
  assert.equal(ann.now(), "ann 1, bob 1");
});

it("a diff names what has changed, and nothing else", async (t) => {
  const topic = newTopic();
  const ann = await Member.enters(t, "ann", topic);
  const { joins } = await ann.diffs.next();
  assert.deepEqual(Object.keys(joins), ["ann"]);
  const bob = await Member.enters(t, "bob", topic);
  const [meta] = await bob.metas("bob");
  assert.deepEqual(await ann.diffs.next(), { joins: { bob: { metas: [meta] } }, leaves: {} });
  bob.channel.leave();
  assert.deepEqual(await ann.diffs.next(), { joins: {}, leaves: { bob: { metas: [meta] } } });
});

it("a user with two connections has two metas, and goes with the last", async (t) => {
  const topic = newTopic();
  const ann = await Member.enters(t, "ann", topic);
  const phone = await Member.enters(t, "bob", topic);
  const laptop = await Member.enters(t, "bob", topic);
  for (const member of [ann, phone, laptop]) await member.sees("ann 1, bob 2");
  const refs = (await ann.metas("bob")).map(({ phx_ref }) => phx_ref);
  assert.notEqual(refs[0], refs[1]);
  phone.vanishes();
  await ann.sees("ann 1, bob 1");
  assert.deepEqual((await ann.metas("bob")).map(({ phx_ref }) => phx_ref), [refs[1]]);
  laptop.vanishes();
  await ann.sees("ann 1");
  const [first, last] = await ann.left.take(2);
  assert.deepEqual([first.key, first.rest.length, last.key, last.rest.length], ["bob", 1, "bob", 0]);
});

it("an update is a join and a leave, and names the ref before", async (t) => {
  const topic = newTopic();
  const ann = await Member.enters(t, "ann", topic);
  const bob = await Member.enters(t, "bob", topic);
  await ann.sees("ann 1, bob 1");
  await ann.diffs.take(2); // the two joins
  const [old] = await ann.metas("bob");
  assert.deepEqual(await bob.setStatus("away"), {});
  const diff = await ann.diffs.next();
  const { phx_ref } = diff.joins.bob.metas[0];
  assert.deepEqual(diff, {
    joins: { bob: { metas: [{ online_at: old.online_at, status: "away", phx_ref, phx_ref_prev: old.phx_ref }] } },
    leaves: { bob: { metas: [old] } },
  });
  assert.notEqual(phx_ref, old.phx_ref);
  for (const member of [ann, bob]) {
    const metas = await member.metas("bob", ({ status }) => status === "away");
    assert.deepEqual(metas, diff.joins.bob.metas);
  }
  await bob.setStatus({ mood: ["any", "JSON"], n: null });
  const [{ status, phx_ref_prev }] = await ann.metas("bob", (meta) => meta.phx_ref_prev === phx_ref);
  assert.deepEqual([status, phx_ref_prev], [{ mood: ["any", "JSON"], n: null }, phx_ref]);
  // Who comes later finds it so.
  const carl = await Member.enters(t, "carl", topic);
  assert.deepEqual(await carl.metas("bob"), await ann.metas("bob"));
});

it("whoever leaves, vanishes or is thrown out is gone", async (t) => {
  const topic = newTopic();
  const ann = await Member.enters(t, "ann", topic);
  const [bob, carl, dora] = await Promise.all(["bob", "carl", "dora"].map((user) => Member.enters(t, user, topic)));
  await ann.sees("ann 1, bob 1, carl 1, dora 1");
  bob.channel.leave();
  await ann.sees("ann 1, carl 1, dora 1");
  carl.vanishes();
  await ann.sees("ann 1, dora 1");
  // She reconnects and joins again at once, and is another presence then.
  const [before] = await ann.metas("dora");
  const desk = dora.socket.channel(`room:desk-of-${topic}`);
  await ok(desk.join());
  desk.push("disconnect_user", { user_id: "dora" });
  const [now] = await ann.metas("dora", ({ phx_ref }) => phx_ref !== before.phx_ref);
  assert.equal(now.phx_ref_prev, undefined);
  await ann.sees("ann 1, dora 1");
  await dora.sees("ann 1, dora 1");
  desk.leave();
});

it("after an interruption the list is right again", async (t) => {
  const topic = newTopic();
  const ann = await Member.enters(t, "ann", topic);
  const bob = await Member.enters(t, "bob", topic);
  for (const member of [ann, bob]) await member.sees("ann 1, bob 1");
  const former = [...(await ann.metas("ann")), ...(await ann.metas("bob"))].map(({ phx_ref }) => phx_ref);
  await server.restart(); // all refs are new
  // What each has seen before stands until the server tells it otherwise.
  const isNew = ({ phx_ref }) => !former.includes(phx_ref);
  for (const user of ["ann", "bob"]) assert.deepEqual(await ann.metas(user, isNew), await bob.metas(user, isNew));
  for (const member of [ann, bob]) await member.sees("ann 1, bob 1");
  ann.channel.leave();
  await bob.sees("bob 1");
});

it("a client that polls is like any other", async (t) => {
  const topic = newTopic();
  const ann = await Member.enters(t, "ann", topic);
  const bob = await Member.enters(t, "bob", topic, { transport: LongPoll });
  for (const member of [ann, bob]) await member.sees("ann 1, bob 1");
  await ann.setStatus("away");
  await bob.metas("ann", ({ status }) => status === "away");
  bob.channel.leave();
  await ann.sees("ann 1");
});

it("thirty who come and go at the same time agree in the end", async (t) => {
  const topic = newTopic();
  const users = Array.from({ length: 30 }, (_, n) => `user${n}`);
  const members = await Promise.all(users.map((user) => Member.enters(t, user, topic)));
  const everybody = users.map((user) => `${user} 1`).sort();
  for (const member of members) await member.sees(everybody.join(", "));
  await Promise.all(members.map((member, n) => member.setStatus(n)));
  for (const member of members.slice(10)) member.channel.leave();
  const rest = users.slice(0, 10).map((user) => `${user} 1`).sort().join(", ");
  for (const member of members.slice(0, 10)) {
    await member.sees(rest);
    for (const [n, user] of users.slice(0, 10).entries()) {
      await member.metas(user, ({ status }) => status === n);
    }
  }
});
