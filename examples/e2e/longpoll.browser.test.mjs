// The official phoenix client in a real browser, polling: over XMLHttpRequest, and
// over fetch, as in a worker. The two take errors differently.
//
// TROUPE_PHOENIX_JS may name another build of the client, to try another version.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { launch } from "./browser.mjs";
import { LIMIT, PATIENCE_MS } from "./patience.mjs";
import { Server, binaryFrom } from "./server.mjs";

const binary = binaryFrom("TROUPE_CONFORMANCE_BIN");
const phoenix =
  process.env.TROUPE_PHOENIX_JS || fileURLToPath(new URL("node_modules/phoenix/priv/static/phoenix.js", import.meta.url));

const it = (name, f) => test(name, LIMIT, (t) => server.during(() => f(t)));

let server;
let browser;

before(async () => {
  server = await Server.start(binary);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** A page whose client polls and has joined a channel. */
async function pollingPage(t, topic, { without }) {
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await page.route(`${server.http}/page`, (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html>" }));
  await page.goto(`${server.http}/page`);
  if (without) await page.evaluate((name) => delete window[name], without);
  await page.addScriptTag({ path: phoenix });
  await page.evaluate((topic) => {
    const { LongPoll, Socket } = window.Phoenix;
    window.seen = { joins: 0, errors: 0, shouts: [] };
    window.socket = new Socket(`${location.origin}/socket`, { transport: LongPoll, reconnectAfterMs: () => 20, rejoinAfterMs: () => 20 });
    socket.onError(() => seen.errors++);
    socket.connect();
    window.channel = socket.channel(topic, {});
    channel.on("shout", ({ n }) => seen.shouts.push(n));
    channel.join().receive("ok", () => seen.joins++);
  }, topic);
  await page.waitForFunction(() => seen.joins === 1);
  return page;
}

for (const [name, options] of [
  ["XMLHttpRequest", { without: "" }],
  ["fetch", { without: "XMLHttpRequest" }],
]) {
  it(`a client over ${name} comes back after a drain`, async (t) => {
    const page = await pollingPage(t, "room:drain", options);
    await server.drain();
    await page.waitForFunction(() => seen.errors >= 4); // the end of its session, and refusals
    assert.equal(await page.evaluate(() => seen.joins), 1);
    await server.restart();
    await page.waitForFunction(() => seen.joins === 2);
    const answer = await page.evaluate(() => new Promise((resolve) => channel.push("echo", { x: 1 }).receive("ok", resolve)));
    assert.deepEqual(answer, { x: 1 });
  });

  it(`a client over ${name} sends very much at once`, async (t) => {
    const page = await pollingPage(t, "room:many", options);
    await page.evaluate(() => {
      for (let n = 0; n < 1000; n++) channel.push("shout", { n });
    });
    await page.waitForFunction(() => seen.shouts.length >= 1000);
    const seen = await page.evaluate(() => window.seen);
    assert.deepEqual(seen.shouts, Array.from({ length: 1000 }, (_, n) => n));
    assert.deepEqual([seen.joins, seen.errors], [1, 0]);
  });
}
