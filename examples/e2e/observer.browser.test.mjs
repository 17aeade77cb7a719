// The observer's page in a real browser: what it shows of a crash and how soon, that the
// keyboard and assistive technology reach all of it, what it does without a right, and that
// nothing which a program calls its actors becomes more than text. Leaves screenshots in
// artifacts/.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { contextFor, launchForTabs } from "./browser.mjs";
import { LIMIT, PATIENCE_MS } from "./patience.mjs";
import { Server, binaryFrom } from "./server.mjs";
import { Raw, upgradeStatus } from "./wire.mjs";

const binary = binaryFrom("TROUPE_SUPERVISION_BIN");
const artifacts = fileURLToPath(new URL("artifacts/", import.meta.url));

const LARGE = { width: 1280, height: 800 };
const long = process.env.TROUPE_LONG === "1"; // see docs/development.md
const SMALL = { width: 360, height: 740 };
const SEEN_WITHIN_MS = 200;
const STRATEGIES = ["one_for_one", "one_for_all", "rest_for_one"]; // of the server, each of which gives up at a third crash within 10 s
const it = (name, f) => test(name, LIMIT, (t) => server.during(() => f(t)));

let server;
let browser;
let shared;

before(async () => {
  await mkdir(artifacts, { recursive: true });
  server = await Server.start(binary, [], "-observe");
  browser = await launchForTabs();
  shared = await contextFor(browser, server);
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** A tab with the observer's page. */
class Watcher {
  complaints = []; // console errors, uncaught exceptions, failed requests, what the CSP stopped

  static async opens(t, hash = "", { at = server, viewport = LARGE, colorScheme = "light", script, wire, reducedMotion, state = "live" } = {}) {
    const page = await shared.newPage();
    t.after(() => page.close());
    await Promise.all([page.setViewportSize(viewport), page.emulateMedia({ colorScheme, reducedMotion })]);
    const watcher = new Watcher();
    watcher.page = page;
    page.setDefaultTimeout(PATIENCE_MS);
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") watcher.complaints.push(message.text());
    });
    page.on("pageerror", (error) => watcher.complaints.push(String(error)));
    page.on("dialog", (dialog) => {
      watcher.complaints.push(`dialog: ${dialog.message()}`);
      return dialog.dismiss();
    });
    await page.addInitScript(() => {
      window.violations = [];
      addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
    });
    if (script) await page.addInitScript(script);
    if (wire) await page.routeWebSocket(/\/socket\/websocket/, wire);
    await page.goto(`${at.http}/observer/${hash}`);
    await watcher.is(state);
    return watcher;
  }

  is(state) {
    return this.page.locator(`[data-testid=status][data-state=${state}]`).waitFor();
  }

  at(id) {
    return this.page.getByTestId(id);
  }

  /** The row of an actor in the tree. Names come once under each strategy: in this order. */
  row(name, strategy = "one_for_one") {
    return this.rows(name).nth(STRATEGIES.indexOf(strategy));
  }

  rows(name) {
    const exact = this.page.locator(".name", { hasText: new RegExp(`^${name}$`) });
    return this.at("actor").filter({ has: exact });
  }

  pids(strategy) {
    return Promise.all(["database", "cache", "api"].map((name) => this.row(name, strategy).getAttribute("data-pid")));
  }

  async crashes(row) {
    await row.click();
    await this.page.locator("[data-act=crash]").click();
    await this.at("yes").click();
  }

  async isContent() {
    assert.deepEqual(await this.page.evaluate(() => window.violations), [], "the policy has stopped nothing");
    assert.deepEqual(this.complaints, []);
  }

  shot(name) {
    return this.page.screenshot({ path: `${artifacts}observer-${name}.png`, animations: "disabled" });
  }

  async overflow() {
    return this.page.evaluate(() => {
      const root = document.documentElement;
      return [root.scrollWidth - root.clientWidth, root.scrollHeight - root.clientHeight];
    });
  }
}

// When a crash was asked for, and when its restart was painted. The page's clock is that
// of the server here.
function noteTimes() {
  window.times = [];
  document.addEventListener("click", (event) => {
    if (event.target.dataset.testid === "yes") window.times.push(["asked", performance.timeOrigin + event.timeStamp]);
  }, true);
  addEventListener("DOMContentLoaded", () => {
    const look = (records) => {
      for (const { target } of records) {
        if (target.dataset.flash !== "crash" || target.dataset.seen) continue;
        target.dataset.seen = "true";
        requestAnimationFrame(() => window.times.push(["painted", performance.timeOrigin + performance.now()]));
      }
    };
    new MutationObserver(look).observe(document.body, { subtree: true, attributeFilter: ["data-flash"], childList: true });
  });
}

for (const [strategy, restarted] of [
  ["one_for_one", ["cache"]],
  ["one_for_all", ["database", "cache", "api"]],
  ["rest_for_one", ["cache", "api"]],
].slice(long ? 0 : 2)) {
  it(`a crash and what ${strategy} does are seen`, async (t) => {
    const ann = await Watcher.opens(t);
    await ann.row("api", "rest_for_one").waitFor();
    const before = await ann.pids(strategy);
    await ann.crashes(ann.row("cache", strategy));
    await ann.page.locator("[data-testid=actor][data-flash=crash]").waitFor();

    const now = await ann.pids(strategy);
    const anew = ["database", "cache", "api"].filter((_, i) => now[i] !== before[i]);
    assert.deepEqual(anew, restarted);
    const flashes = await Promise.all(restarted.map((name) => ann.row(name, strategy).getAttribute("data-flash")));
    assert.deepEqual(flashes, restarted.map((name) => (name === "cache" ? "crash" : "restart")));

    // The panel has moved on to the heir, and it is said to those that do not see it.
    assert.equal(new URLSearchParams(new URL(ann.page.url()).hash.split("?")[1]).get("actor"), now[1]);
    const said = ann.page.locator("#announcer");
    await said.getByText(/^cache crashed: crashed by/).waitFor();
    await said.getByText(/^cache was restarted/).waitFor();
    const lately = ann.page.locator("details[data-section='What happened lately'] li");
    await lately.getByText(/^cache (crashed|restarted)$/).first().waitFor();
    await ann.shot(`crash-${strategy}-light`);
    await ann.isContent();
  });
}

// All of the way: two wires, the server's wait for more, which is bounded for each crash in Go, and the page, which adds
// no wait of its own, as the next test shows. What else the machine has to do only adds: the least of a few is ours.
it(`a crash and its restart are seen within ${SEEN_WITHIN_MS} ms`, async (t) => {
  const own = await Server.start(binary, [], "-observe"); // whose supervisors have seen no crash yet
  t.after(() => own.stop());
  const ann = await Watcher.opens(t, "", { at: own, script: noteTimes });
  await ann.row("api", "rest_for_one").waitFor();
  const took = [];
  for (const strategy of [...STRATEGIES, ...STRATEGIES]) { // a third crash would be one too many
    const [, pid] = await ann.pids(strategy);
    await ann.crashes(ann.row("cache", strategy));
    await ann.page.locator(`[data-testid=actor][data-pid="${pid}"]`).waitFor({ state: "detached" });
    await ann.page.waitForFunction(() => window.times.at(-1)?.[0] === "painted");
    const times = Object.fromEntries(await ann.page.evaluate(() => window.times.splice(0)));
    took.push(times.painted - times.asked);
    if (took.at(-1) <= SEEN_WITHIN_MS) break;
  }
  t.diagnostic(`from the click to the restart on the page: ${took.map((ms) => ms.toFixed(0))} ms`);
  assert.ok(Math.min(...took) > 0 && Math.min(...took) <= SEEN_WITHIN_MS);
});

// Nothing that is due later, or with the next frame, runs any more once window.stopped is set.
function stoppable() {
  for (const later of ["setTimeout", "setInterval", "requestAnimationFrame", "requestIdleCallback"]) {
    const native = window[later].bind(window);
    window[later] = (f, ...when) => native((...args) => window.stopped || f(...args), ...when);
  }
}

it("the page shows what it is told without a wait of its own", async (t) => {
  const node = (n, more) => ({ pid: `<a.${n}>`, name: `room-${n}`, kind: "actor", behavior: "main.room", status: "idle", queue: 0, restarts: 0, count: 0, ...more });
  const rooms = node(1, { name: "rooms", kind: "supervisor", strategy: "one_for_one", count: 1, children: [node(2)] });
  let push;
  const answers = { tree: () => ({ root: { pid: "", kind: "system", count: 1, children: [rooms] }, now: Date.now(), from: 0 }) };
  const sue = await Watcher.opens(t, "", { script: stoppable, wire: answering(answers, { onJoin: (f) => (push = f) }) });
  await sue.rows("room-2").waitFor();
  await sue.page.evaluate(() => (window.stopped = true));
  for (let n = 2; n < 5; n++) { // one crash after the other
    const at = Date.now();
    push("changed", {
      now: at, counts: { "<a.1>": 1 }, nodes: [{ parent: "<a.1>", node: node(n + 1) }],
      gone: [{ pid: `<a.${n}>`, parent: "<a.1>", at, reason: "disk full", crashed: true }],
      restarted: [{ supervisor: "<a.1>", id: "room", old: `<a.${n}>`, new: `<a.${n + 1}>`, at, reason: "disk full" }],
    });
    await sue.page.locator(`[data-testid=actor][data-pid="<a.${n + 1}>"][data-flash=crash]`).getByText("crashed: disk full").waitFor();
    assert.equal(await sue.page.locator(`[data-pid="<a.${n}>"]`).count(), 0);
  }
  await sue.isContent();
});

it("the keyboard reaches all: the tree, an actor, its acts, and each view", async (t) => {
  const bob = await Watcher.opens(t);
  await bob.row("api", "rest_for_one").waitFor();
  const press = (...keys) => keys.reduce((before, key) => before.then(() => bob.page.keyboard.press(key)), Promise.resolve());
  const focused = () => bob.page.evaluate(() => document.activeElement.getAttribute("aria-label") || document.activeElement.textContent);
  const tabTo = async (what) => {
    for (let n = 0; n < 60; n++) {
      await press("Tab");
      if (what.test(await focused())) return;
    }
    assert.fail(`Tab does not come to ${what}, but to ${await focused()}`);
  };

  await press("Tab");
  assert.equal(await focused(), "Skip to the view");
  await press("Enter");
  assert.equal(await bob.page.evaluate(() => document.activeElement.id), "main");
  await press("Tab");
  assert.match(await focused(), /^Find actors/);
  await press("Tab");
  assert.match(await focused(), /^supervisor/, "the tree is one stop, at its first row");

  // The arrows, as in any tree.
  await press("End");
  assert.match(await focused(), /^web/);
  await press("Home", "ArrowDown", "ArrowDown");
  const second = await focused();
  await press("ArrowUp", "ArrowDown");
  assert.equal(await focused(), second);
  await press("Home");
  await bob.page.keyboard.type("one_for_a");
  assert.match(await focused(), /^one_for_all, supervisor/);
  await press("ArrowLeft");
  await bob.rows("one_for_all").and(bob.page.locator("[aria-expanded=false]")).waitFor();
  await press("ArrowRight");
  await bob.rows("one_for_all").and(bob.page.locator("[aria-expanded=true]")).waitFor();
  await bob.row("database", "rest_for_one").waitFor(); // the third
  await press("ArrowRight");
  assert.match(await focused(), /^database/);
  await press("ArrowLeft");
  assert.match(await focused(), /^one_for_all/);

  // Into the panel of an actor, and to an act that asks before.
  await press("ArrowDown", "ArrowDown", "Enter");
  assert.equal(await focused(), "cache", "the focus is on the panel's heading");
  const [, cache] = await bob.pids("one_for_all");
  await bob.page.locator("[data-act=crash]").waitFor();
  await tabTo(/^Crash$/);
  await press("Enter");
  assert.match(await bob.at("ask").textContent(), /^Crash cache now\?/);
  await press("Escape");
  assert.equal(await bob.at("ask").isVisible(), false);
  assert.equal(await focused(), "Crash", "saying no goes back to where one was");
  await press("Enter", "Enter");
  await bob.page.locator(`[data-testid=actor][data-pid="${cache}"]`).waitFor({ state: "detached" });
  assert.equal(await focused(), "cache", "the panel of the heir has the focus");
  await press("Escape");
  assert.match(await focused(), /^cache/);
  assert.equal(await bob.page.locator("#panel").isVisible(), false);

  for (const view of ["Top", "Crashes", "Sockets", "Timeline", "Tables", "Cluster", "Tree"]) {
    if (view === "Crashes") { // skipping to a view does not leave it
      await bob.page.locator(".skip").focus();
      await press("Enter");
      assert.match(bob.page.url(), /#\/top$/);
    }
    await bob.page.evaluate(() => document.activeElement.blur());
    await tabTo(new RegExp(`^${view}$`));
    await press("Enter");
    await bob.page.locator(`a[aria-current=page]`, { hasText: view }).waitFor();
    assert.equal(await bob.page.title(), `${view} · Observer`);
  }
  await bob.isContent();
});

/** What Chromium tells assistive technology: nodes of { role, name, and their properties }. */
async function accessible(watcher) {
  const cdp = await watcher.page.context().newCDPSession(watcher.page);
  const { nodes } = await cdp.send("Accessibility.getFullAXTree");
  await cdp.detach();
  return nodes
    .filter(({ ignored }) => !ignored)
    .map(({ role, name, properties = [] }) => ({
      role: role?.value,
      name: name?.value,
      ...Object.fromEntries(properties.map((property) => [property.name, property.value.value])),
    }));
}

it("to assistive technology the tree is a tree, and all that can be used has a name", async (t) => {
  const cat = await Watcher.opens(t);
  await cat.row("api", "rest_for_one").waitFor();
  // Chromium makes its accessibility tree of a page some time after the page itself.
  const limit = Date.now() + PATIENCE_MS;
  let nodes, items;
  do {
    nodes = await accessible(cat);
    items = nodes.filter(({ role }) => role === "treeitem");
  } while (items.length !== (await cat.at("actor").count()) && Date.now() < limit);
  assert.equal(nodes.filter(({ role, name }) => role === "tree" && name === "Actors").length, 1);
  assert.equal(items.length, await cat.at("actor").count());
  assert.deepEqual(
    items.filter(({ name }) => /^(database|cache|api|rest_for_one)\b/.test(name)).slice(-4).map(({ name, level, expanded }) => [name.split(",")[0], level, expanded]),
    [["rest_for_one", 2, true], ["database", 3, undefined], ["cache", 3, undefined], ["api", 3, undefined]],
  );
  const place = await cat.row("cache", "rest_for_one").evaluate((row) => [row.ariaPosInSet, row.ariaSetSize, row.ariaLevel]);
  assert.deepEqual(place, ["2", "3", "3"]);
  const landmarks = nodes.filter(({ role }) => ["main", "navigation", "banner"].includes(role)).map(({ role, name }) => `${role} ${name}`.trim());
  assert.deepEqual(landmarks, ["banner", "navigation Views", "main Tree"]);

  const usable = ["button", "link", "searchbox", "textbox", "slider", "combobox", "treeitem", "tab", "checkbox"];
  for (const view of ["tree", "top", "crashes", "sockets", "timeline", "tables", "cluster"]) {
    await cat.page.goto(`${server.http}/observer/#/${view}`);
    await cat.page.locator(`a[data-view=${view}][aria-current=page]`).waitFor();
    for (const { role, name } of await accessible(cat)) {
      if (usable.includes(role)) assert.ok(name, `a ${role} without a name in ${view}`);
    }
  }
  await cat.isContent();
});

it("those that may only look are offered no acts, and get none", async (t) => {
  const careful = await Server.start(binary, ["-rights", "look"], "-observe");
  t.after(() => careful.stop());
  const dan = await Watcher.opens(t, "", { at: careful });
  await dan.row("cache").click();
  await dan.page.locator("#panel .about", { hasText: "main.server" }).waitFor();
  assert.equal(await dan.at("acts").isVisible(), false);
  assert.equal(await dan.at("trace").isVisible(), false);
  assert.match(await dan.at("who").textContent(), /look only/);

  // A page that was tampered with asks all the same.
  const pid = await dan.row("cache").getAttribute("data-pid");
  const raw = await Raw.open(t, careful, { path: "/observer/socket", origin: careful.http });
  await raw.join("observer", "1");
  for (const [ref, event, payload] of [["2", "act", { pid, act: "crash" }], ["3", "act", { pid, act: "kill" }], ["4", "trace", { pid, on: true }]]) {
    raw.send("1", ref, "observer", event, payload);
    const [, , , , { status, response }] = await raw.next();
    assert.deepEqual([status, response.reason], ["error", "forbidden"], `${event} ${payload.act ?? ""}`);
  }
  assert.equal(await dan.row("cache").getAttribute("data-pid"), pid, "it lives on");
  assert.equal(await upgradeStatus(careful, { path: "/observer/socket", origin: "http://evil.example" }), 403);
  await dan.isContent();
});

it("what an actor handles is shown while it is traced, until that is stopped", async (t) => {
  const kim = await Watcher.opens(t);
  await kim.row("api").click();
  const [button, messages] = [kim.at("trace"), kim.at("traced-message")];
  await button.click();
  await messages.filter({ hasText: "{Row:0}" }).nth(1).waitFor();
  assert.equal(await button.getAttribute("aria-pressed"), "true");
  assert.match(await messages.first().textContent(), /message.*lookup.*worked/);
  await button.getByText("Stop the trace").click();
  await button.getByText("Trace messages").waitFor();
  assert.equal(await button.getAttribute("aria-pressed"), "false");
  assert.ok((await messages.count()) >= 2, "the last ones can still be read");

  await kim.row("database").click(); // another actor has none of them
  await kim.at("actor-name").getByText("database").waitFor();
  assert.equal(await messages.count(), 0);
  await kim.row("api").click(); // which still has its own
  await messages.nth(1).waitFor();
  await kim.page.locator("#panel").getByText("What the last trace has shown.").waitFor();

  // A trace ends with its actor. The panel goes on to the heir, and shows what the former one did.
  await button.click();
  await messages.nth(1).waitFor();
  const former = await kim.row("api").getAttribute("data-pid");
  await kim.page.locator("[data-act=crash]").click();
  await kim.at("yes").click();
  await kim.page.locator("#panel").getByText("The trace has ended: the actor has ended: crashed by local with the observer").waitFor();
  await button.getByText("Trace messages").waitFor();
  assert.ok((await messages.count()) >= 2);
  assert.notEqual(await kim.row("api").getAttribute("data-pid"), former);
  await button.click(); // and of the heir there is one as well
  await button.getByText("Stop the trace").waitFor();
  await messages.first().waitFor();

  await kim.page.goto(`${server.http}/observer/#/tree?actor=${former}`); // whom nobody can ask any more
  await kim.at("actor-problem").getByText("It has ended.").waitFor();
  await messages.nth(1).waitFor();
  assert.equal(await button.isVisible(), false);
  await kim.isContent();
});

it("those that look are folded in the tree, and not on the timeline", async (t) => {
  const max = await Watcher.opens(t);
  await max.row("api", "rest_for_one").waitFor();
  assert.equal(await max.rows("observer").getAttribute("aria-expanded"), "false");
  await max.rows("observer").locator(".twisty").click();
  await max.rows("endpoint").waitFor();
  await max.page.locator("a[data-view=timeline]").click();
  await max.at("row").filter({ hasText: "rest_for_one" }).first().waitFor();
  assert.deepEqual((await max.at("row").allTextContents()).filter((row) => /observer\.page|ws\.session/.test(row)), []);
  const width = await max.page.locator(".bars rect").last().evaluate((bar) => Number(bar.getAttribute("width")) / bar.ownerSVGElement.viewBox.baseVal.width);
  const seconds = await max.at("slider").evaluate((slider) => (slider.max - slider.min) / 1000);
  assert.ok(width * seconds <= 1, `a bar is of a second, and not of ${width * seconds}`);
  await max.isContent();
});

it("the tree can be rewound to before a crash, and comes back", async (t) => {
  const eve = await Watcher.opens(t);
  await eve.row("api", "rest_for_one").waitFor();
  const before = await eve.pids("rest_for_one");
  const at = await eve.page.evaluate(() => Date.now());
  await eve.crashes(eve.row("cache", "rest_for_one"));
  await eve.page.locator("[data-testid=actor][data-flash=crash]").waitFor();
  const now = await eve.pids("rest_for_one");
  assert.notDeepEqual(now, before);

  // A link to that time.
  await eve.page.goto(`${server.http}/observer/#/tree?at=${at}`);
  await eve.at("past").getByText("The tree as it was at").waitFor();
  await eve.page.locator(`[data-testid=actor][data-pid="${before[1]}"]`).waitFor();
  assert.deepEqual(await eve.pids("rest_for_one"), before);
  await eve.shot("rewound-light");
  await eve.row("cache", "rest_for_one").click(); // who has nothing to show any more, and lived then
  await eve.at("actor-problem").getByText(/^It has ended at \d/).waitFor();
  assert.equal(await eve.page.locator("#panel .figures").isVisible(), false);
  await eve.at("filter").fill("cache");
  await eve.at("match").and(eve.page.locator(`[href*="${encodeURIComponent(before[1])}"]`)).waitFor(); // one that has ended
  await eve.at("to-live").click();
  await eve.page.getByText("3 matches", { exact: true }).waitFor();
  await eve.at("filter").fill("");
  await eve.page.locator(`[data-testid=actor][data-pid="${now[1]}"]`).waitFor();

  // And by the slider, from the keyboard.
  await eve.at("slider").focus();
  const values = [];
  for (let n = 0; n < 3; n++) {
    await eve.page.keyboard.press("ArrowLeft");
    values.push(Number(await eve.at("slider").inputValue()));
  }
  assert.ok(values[0] > values[1] && values[1] > values[2], `back by each key: ${values}`);
  await eve.at("past").waitFor();
  await eve.at("live").click();
  await eve.at("past").waitFor({ state: "hidden" });
  await eve.page.locator(`[data-testid=actor][data-pid="${now[1]}"]`).waitFor(); // the answer
  assert.deepEqual(await eve.pids("rest_for_one"), now);
  await eve.isContent();
});

it("a lost connection is shown, and comes back by itself", async (t) => {
  const own = await Server.start(binary, [], "-observe");
  t.after(() => own.stop());
  const fay = await Watcher.opens(t, "", { at: own, colorScheme: "dark" });
  await fay.row("cache").waitFor();
  const pid = await fay.row("cache").getAttribute("data-pid");
  await fay.crashes(fay.row("cache"));
  await fay.page.locator(`[data-testid=actor][data-pid="${pid}"]`).waitFor({ state: "detached" });
  await own.stop();
  await fay.page.locator("[data-testid=status]:is([data-state=waiting], [data-state=connecting])").waitFor();
  assert.match(await fay.at("status").textContent(), /disconnected/);
  await fay.shot("disconnected-dark");
  await own.up();
  await fay.is("live");
  await fay.page.locator(`[data-testid=actor][data-pid="${pid}"]`).waitFor(); // of the new program
  assert.equal(await fay.rows("cache").count(), 3);
});

// ---------------------------------------------------------------- a server that is made up

/** An answer that says no. */
class Refused {
  constructor(reason, message) {
    Object.assign(this, { reason, message });
  }
}

/** Answers the page in the server's place. An answer is made of the request, or comes later. */
function answering(answers, { greeting = {}, onJoin = () => {} } = {}) {
  return (ws) => {
    ws.onMessage(async (text) => {
      const [joinRef, ref, topic, event, payload] = JSON.parse(text);
      const reply = (response, status = "ok") => ws.send(JSON.stringify([joinRef, ref, topic, "phx_reply", { status, response }]));
      if (event === "heartbeat") return reply({});
      const refusal = event === "phx_join" && (await answers.join?.());
      if (refusal) return reply(refusal, "error");
      if (event === "phx_join") {
        const now = Date.now();
        reply({ node: "a", nodes: ["a"], who: "", rights: ["look", "trace", "act"], acts: ["crash", "kill"], started: now, now, actors: 1, go: "go", tables: [], endpoints: ["e"], historyFrom: now - 60_000, ...greeting });
        return onJoin((pushed, body) => ws.send(JSON.stringify([joinRef, null, topic, pushed, body])));
      }
      const answer = (await answers[event]?.(payload)) ?? new Refused("unavailable");
      reply(answer, answer instanceof Refused ? "error" : "ok");
    });
  };
}

const nasty = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;

/** Answers in which all that a program may choose is hostile. */
function hostile() {
  const at = Date.now() - 5000;
  const node = (pid, more) => ({ pid, label: nasty, name: "", kind: "actor", behavior: nasty, status: nasty, queue: 3, restarts: 2, count: 0, ...more });
  const link = { pid: `<a.${nasty}>`, label: nasty };
  const event = (kind) => ({ at, kind, pid: `<a.2${nasty}>`, parent: "", label: nasty, behavior: nasty, reason: nasty });
  const channel = { pid: "<a.9>", connection: "<a.8>", topic: nasty, route: nasty, handler: nasty, id: nasty };
  const socket = { pid: "<a.8>", path: nasty, transport: nasty, version: nasty, id: nasty, remote: nasty, since: at, channels: 1, queueBytes: 4096 };
  return {
    tree: ({ filter }) => filter
      ? { matches: [{ node: node("<a.2>"), path: [link] }], total: 1 }
      : { root: { pid: "", kind: "system", count: 2, children: [node("<a.1>", { kind: "supervisor", strategy: nasty, count: 1, children: [node(`<a.${nasty}>`)] }), node("<a.2>")] }, now: at, from: at },
    top: () => ({ rows: [node("<a.2>", { oldest: 1, rate: 1, busy: 1, handled: 1 })], total: 1, matched: 1, every: 1000 }),
    actor: ({ pid }) => ({ ...node(pid), parents: [link], started: at, handled: 1, oldest: 1, rate: 1, busy: 1, links: { list: [link] }, monitors: { list: [link] }, monitoredBy: { list: [link], more: 1 }, state: nasty, stack: nasty, restartHistory: [{ at, reason: nasty }], preceded: ["spawn", "exit", "crash", "restart", "gaveup"].map(event), messages: [{ at, kind: nasty, message: nasty, type: nasty, error: nasty }] }),
    crashes: () => ({ groups: [{ key: nasty, count: 2, first: at, last: at, behavior: nasty, reason: nasty, stack: nasty, example: { ...link, parent: nasty, waiting: 1, handled: 1 }, preceded: [event("exit")] }] }),
    timeline: ({ from, to }) => ({ from, to, events: ["spawn", "exit", "crash", "restart", "gaveup"].map(event), counts: [{ at, spawned: 2, exited: 1, crashed: 1 }], lost: 1 }),
    sockets: () => ({ rows: [socket], total: 1 }),
    socket: () => ({ ...socket, list: [channel] }),
    topics: () => ({ rows: [{ topic: nasty, route: nasty, channels: 1, presence: 1 }], total: 1 }),
    topic: () => ({ topic: nasty, route: nasty, channels: [channel, { ...channel, pid: "<a.10>", lingering: true }], total: 2, presence: [{ key: nasty, count: 1 }], presenceTotal: 1 }),
    table: () => ({ columns: [nasty, "PID"], rows: [[nasty, `<a.${nasty}.1>`]], total: 1 }),
    cluster: () => ({ nodes: [{ name: nasty, self: true, state: nasty, started: at, actors: 1, go: nasty }, { name: "b", error: nasty }] }),
  };
}

// Whether there is one, and for whom, is the server's matter.
it("a flight recording is offered where there is one", async (t) => {
  const quiet = { timeline: ({ from, to }) => ({ from, to, events: [], counts: [], lost: 0, every: 1000 }) };
  for (const flight of [false, true]) {
    const uma = await Watcher.opens(t, "#/timeline", { wire: answering(quiet, { greeting: { flight } }) });
    await uma.at("summary").getByText("0 events").waitFor();
    assert.equal(await uma.at("flight").isVisible(), flight);
    if (!flight) continue;
    await uma.page.route("**/observer/flight", (route) => route.fulfill({ body: "a recording", headers: { "content-disposition": "attachment" } }));
    const [download] = await Promise.all([uma.page.waitForEvent("download"), uma.at("flight").click()]);
    assert.equal(new URL(download.url()).pathname, "/observer/flight");
    assert.equal(await uma.page.title(), "Timeline · Observer", "the page stays");
    await uma.isContent();
  }
});

it("an answer that takes longer than the page waits to ask again is shown", async (t) => {
  const asked = [];
  const late = new Promise((resolve) => setTimeout(resolve, 2500));
  const slow = async ({ limit }) => {
    asked.push(limit);
    await late;
    return { columns: ["Name"], rows: [["slow row"]], total: 1 };
  };
  const vic = await Watcher.opens(t, "#/top", { wire: answering({ table: slow, top: () => ({ rows: [], total: 7, matched: 7, every: 1000 }) }, { greeting: { tables: ["t"] } }) });
  // Where nothing has any of what it goes by, it says so, and another can be chosen.
  await vic.page.getByText("No messages are waiting.").waitFor();
  await vic.page.getByLabel("Sort by").selectOption("restarts");
  await vic.page.getByText("Nothing has been restarted.").waitFor();
  await vic.page.locator("a[data-view=tables]").click();
  await vic.at("row").getByText("slow row").waitFor();
  assert.deepEqual(asked, [1, 50], "there is one question at a time");
  await vic.isContent();
});

const PLACES = ["tree?actor=<a.2>", "top", "crashes", "sockets?socket=<a.8>", `sockets?list=topics&topic=${encodeURIComponent(nasty)}`, "timeline", "tables", "cluster"];

it("what a program calls its actors, and what others send to it, is text", async (t) => {
  let push;
  const greeting = { node: nasty, nodes: [nasty, "b"], who: nasty, go: nasty, tables: [nasty, "t"], endpoints: [nasty, "f"] };
  const wire = answering(hostile(), { greeting, onJoin: (f) => (push = f) });
  const gus = await Watcher.opens(t, `#/${PLACES[0]}`, { wire });
  const ends = { gone: [{ pid: "<a.2>", parent: "", reason: nasty, crashed: true, at: Date.now() }], counts: { "": 1 } };
  const seen = async () => {
    const made = await gus.page.evaluate((nasty) => ({
      elements: document.querySelectorAll("img, script:not([type=module]), iframe, object").length,
      shown: document.body.textContent.split(nasty).length - 1,
      title: document.title,
    }), nasty);
    assert.equal(made.elements, 0);
    assert.doesNotMatch(made.title, /owned/);
    return made.shown;
  };
  for (const [i, place] of PLACES.entries()) {
    await gus.page.evaluate((hash) => (location.hash = hash), `#/${place}`);
    await gus.page.waitForFunction((nasty) => document.getElementById("main").textContent.includes(nasty), nasty);
    if (i === 0) await gus.page.locator("details[data-section=State] pre", { hasText: nasty }).waitFor();
    if (place === "crashes") await gus.at("crash").locator("summary").click();
    assert.ok((await seen()) > 0, place);
  }
  await gus.page.evaluate(() => (location.hash = "#/tree?actor=<a.2>"));
  await gus.at("actor").nth(2).waitFor();
  push("changed", { now: Date.now(), nodes: [], restarted: [], ...ends });
  await gus.at("ghost").getByText(`crashed: ${nasty}`).waitFor();
  await gus.at("actor-problem").getByText(nasty).waitFor();
  push("traced", { pid: "<a.2>", at: Date.now(), kind: nasty, message: nasty, type: nasty, error: nasty });
  await gus.at("filter").fill("x");
  await gus.at("match").getByText(nasty).first().waitFor();
  assert.ok((await seen()) > 0);
  await gus.isContent();
});

// Its connection is lost, and the page of a session that only keeps it would be one of nothing.
it("a channel that lingers is shown as away, with no connection, until its client is back", async (t) => {
  const channel = (pid, connection, more) => ({ pid, connection, topic: "room:1", handler: "*main.room", ...more });
  let list = [channel("<a.9>", "<a.8>", { id: "ann" }), channel("<a.11>", "<a.10>", { id: "bob", lingering: true }), channel("<a.13>", "<a.12>", { lingering: true })];
  const answers = { topics: () => ({ rows: [], total: 0 }), topic: () => ({ topic: "room:1", channels: list, total: list.length }) };
  const pam = await Watcher.opens(t, "#/sockets?list=topics&topic=room:1", { wire: answering(answers) });
  const rows = pam.page.getByRole("table", { name: "Channels of the topic" }).getByTestId("row");
  const shown = async () => {
    const all = [];
    for (const row of await rows.all()) {
      const link = row.getByRole("rowheader").getByRole("link");
      all.push([await row.getByRole("rowheader").textContent(), (await link.count()) > 0 && /socket=([^&]*)/.exec(decodeURIComponent(await link.getAttribute("href")))[1]]);
    }
    return all;
  };
  await rows.nth(2).waitFor();
  assert.deepEqual(await shown(), [["ann", "<a.8>"], ["bob (away)", false], ["<a.12> (away)", false]]);
  list = [list[0], channel("<a.11>", "<a.14>", { id: "bob" }), list[2]];
  await rows.getByText("bob", { exact: true }).waitFor();
  assert.deepEqual(await shown(), [["ann", "<a.8>"], ["bob", "<a.14>"], ["<a.12> (away)", false]]);
  await pam.isContent();
});

it("a link that leads nowhere shows a page that can be used", async (t) => {
  const answers = { ...hostile(), timeline: ({ from, to }) => ({ from, to, events: [{ at: 1e300, kind: "constructor", pid: "<a.1>" }], counts: [{ at: -1e300, spawned: 1 }], lost: -1 }) };
  const wes = await Watcher.opens(t, "#/tree?at=1e20&actor=%3C%22%5D%3E&show=%00", { wire: answering(answers, { greeting: { tables: ["t"] } }) });
  for (const hash of ["#/tree?at=-1", "#/%E0%A4%A/../evil?__proto__=1&at=NaN", "#/timeline?at=1.5&view=evil", "#/top?by=constructor&node=javascript:alert(1)", "#/tables?table=__proto__", "#//evil.example/"]) {
    await wes.page.waitForFunction((nasty) => document.getElementById("main").textContent.includes(nasty) || document.querySelector("main [data-kind=constructor]"), nasty);
    await wes.page.locator("a[data-view=crashes]").click();
    await wes.at("crash").waitFor();
    await wes.page.evaluate((hash) => (location.hash = hash), hash);
  }
  await wes.rows(nasty.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).first().waitFor();
  await wes.isContent();
});

it("a page that is one too many says so while it tries again, and comes back when there is room", async (t) => {
  const full = new Refused("busy", "100 pages are open, and there may be no more");
  let leave;
  const room = new Promise((left) => (leave = left));
  let tries = 0;
  const join = () => ((tries += 1) === 1 ? full : room);
  const ned = await Watcher.opens(t, "", { wire: answering({ ...hostile(), join }), state: "connecting" });
  await ned.at("status").getByText("refused: 100 pages are open, and there may be no more").waitFor();
  leave();
  await ned.is("live");
  assert.equal(await ned.at("status").textContent(), "live");
  assert.equal(tries, 2);
  await ned.isContent();
});

it("a tree that an answer has no room for is not asked for at each change", async (t) => {
  let push;
  let asked = 0;
  const node = (pid, more) => ({ pid, kind: "supervisor", name: pid, behavior: "b", status: "idle", queue: 0, restarts: 0, count: 0, ...more });
  const answers = {
    tree: ({ open }) => {
      asked += 1;
      return { root: { pid: "", kind: "system", count: 1, children: [node("<a.1>", { count: 500, more: open.length > 0 ? 500 : 0 })] }, now: Date.now(), from: 0 };
    },
    actor: ({ pid }) => ({ ...node(pid), kind: "actor", behavior: "*ws.session", parents: [], connection: pid === "<a.7>" }),
  };
  const max = await Watcher.opens(t, "", { wire: answering(answers, { greeting: { acts: ["crash", "disconnect"] }, onJoin: (f) => (push = f) }) });
  await max.rows("<a.1>").locator(".twisty").click();
  await max.at("more").getByText("Show 100 more of 500").waitFor();
  const before = asked;
  for (let restarts = 1; restarts <= 3; restarts++) {
    push("changed", { now: Date.now(), nodes: [{ parent: "", node: node("<a.1>", { restarts }) }], gone: [], restarted: [], counts: { "<a.1>": 500 } });
    await max.rows("<a.1>").getByText(`↻ ${restarts}`).waitFor();
  }
  assert.equal(asked, before);

  // A connection is what the server says is one.
  for (const pid of ["<a.7>", "<a.8>"]) {
    await max.page.evaluate((hash) => (location.hash = hash), `#/tree?actor=${pid}`);
    await max.page.locator("#panel .about", { hasText: pid }).waitFor();
    await max.page.locator("[data-act=crash]").waitFor();
    assert.equal(await max.page.locator("[data-act=disconnect]").isVisible(), pid === "<a.7>");
  }
  await max.isContent();
});

it("one page shows the nodes of a cluster, and when one has gone", async (t) => {
  const node = (pid, name, more) => ({ pid, name, kind: "actor", behavior: "main.shop", status: "idle", queue: 0, restarts: 0, count: 0, ...more });
  const event = { at: Date.now(), kind: "crash", pid: "<p.7>", label: "paris-shop", reason: "it broke" };
  let shop = node("<p.7>", "paris-shop");
  let cluster = { nodes: [{ name: "berlin", self: true, state: "running" }, { name: "paris", state: "running" }] };
  let gone = null;
  const there = (at, here, far) => (at !== "paris" ? here : gone ?? far());
  const tree = (...children) => ({ root: { pid: "", kind: "system", count: children.length, children }, now: Date.now(), from: 0 });
  const acted = [];
  const answers = {
    tree: ({ node: at }) => there(at, tree(node("<b.7>", "berlin-shop")), () => tree(shop)),
    actor: ({ node: at, pid }) => there(at, { ...node(pid, "berlin-shop") }, () => (pid === shop.pid ? { ...shop } : new Refused("gone", "there is none"))),
    crashes: ({ node: at }) => there(at, { groups: [] }, () => ({ groups: [{ key: "k", count: 1, first: event.at, last: event.at, behavior: "main.shop", reason: "it broke", example: { pid: "<p.7>", waiting: 0, handled: 1 }, preceded: [event] }] })),
    timeline: ({ node: at, from, to }) => there(at, { from, to, events: [], counts: [], lost: 0 }, () => ({ from, to, events: [event], counts: [], lost: 0 })),
    cluster: () => cluster,
    node: ({ node: at }) => there(at, null, () => ({ name: at, started: event.at, actors: 4321, go: "go1", tables: ["paris-carts", "paris-orders"], endpoints: ["paris-endpoint", "q"], historyFrom: 1 })),
    table: ({ node: at, name }) => (at === "paris" && name.startsWith("paris-") ? { columns: ["Name"], rows: [[`row of ${name}`]], total: 1 } : new Refused("unavailable", "no such table")),
    sockets: () => ({ rows: [], total: 0 }),
    trace: () => new Refused("forbidden", "that takes the right to trace"),
    act: (q) => acted.push(q) && {},
  };
  const lea = await Watcher.opens(t, "", { wire: answering(answers, { greeting: { node: "berlin", nodes: ["berlin"], cluster: true, tables: ["berlin-carts", "berlin-orders"] } }) });
  await lea.rows("berlin-shop").waitFor();
  await lea.at("node").waitFor(); // paris has come since
  assert.deepEqual(await lea.at("node").locator("option").allTextContents(), ["berlin (this one)", "paris"]);
  await lea.at("node").selectOption("paris");
  await lea.rows("paris-shop").click();
  await lea.page.locator("#panel .about", { hasText: "main.shop" }).waitFor();
  assert.equal(await lea.at("acts").isVisible(), false, "rights end at the node");
  assert.equal(await lea.rows("berlin-shop").count(), 0);

  // Nobody tells of its changes: the page asks.
  shop = node("<p.8>", "paris-shop", { restarts: 1 });
  await lea.page.locator(`[data-testid=actor][data-pid="<p.8>"]`).waitFor();
  await lea.page.locator("a[data-view=crashes]").click();
  await lea.at("crash").getByText("it broke").first().waitFor();

  // What can be asked there is said by the node.
  await lea.page.locator("#facts", { hasText: "4,321 actors" }).waitFor();
  await lea.page.locator("a[data-view=tables]").click();
  await lea.at("row").getByText("row of paris-carts").waitFor();
  assert.deepEqual(await lea.page.locator(".choices a").allTextContents(), ["paris-carts", "paris-orders"]);
  await lea.page.locator("a[data-view=sockets]").click();
  await lea.page.getByLabel("Endpoint").and(lea.page.locator("select")).waitFor();
  assert.deepEqual(await lea.page.getByLabel("Endpoint").and(lea.page.locator("select")).locator("option").allTextContents(), ["paris-endpoint", "q"]);

  gone = new Refused("unavailable", `node "paris": no connection`);
  cluster = { nodes: cluster.nodes.slice(0, 1), error: "nats: no connection" };
  await lea.page.locator("a[data-view=tree]").click();
  await lea.page.getByRole("status").getByText(gone.message).first().waitFor();
  assert.equal(await lea.at("actor").count(), 0, "nothing stale is shown");
  await lea.page.locator("a[data-view=cluster]").click();
  await lea.page.getByText("The other nodes are not known: nats: no connection").waitFor();
  gone = null;
  await lea.page.locator("a[data-view=tree]").click();
  await lea.rows("paris-shop").waitFor();
  await lea.at("node").selectOption("berlin");

  // A right that has been taken away since is one that is missed where it is used.
  await lea.rows("berlin-shop").click();
  await lea.at("trace").click();
  await lea.page.locator("#panel").getByText("that takes the right to trace").waitFor();
  assert.equal(await lea.at("trace").getAttribute("aria-pressed"), "false");
  assert.deepEqual(acted, []);
  await lea.isContent();
});

it("behind a tree of 100,000 children there are a hundred rows, and more on demand", async (t) => {
  const children = (n) => Array.from({ length: n }, (_, i) => ({ pid: `<a.${i + 2}>`, name: `room-${i}`, kind: "actor", behavior: "main.room", status: "idle", queue: 0, restarts: 0, count: 0 }));
  const asked = [];
  const answers = {
    tree(q) {
      asked.push(q);
      const top = { pid: "<a.1>", label: "rooms", kind: "supervisor", strategy: "dynamic", count: 100_000 };
      if (q.open.includes("<a.1>")) {
        const n = q.limits["<a.1>"] ?? q.limit;
        Object.assign(top, { children: children(n), more: 100_000 - n });
      }
      return { root: { pid: "", kind: "system", count: 1, children: [top] }, now: Date.now(), from: 0 };
    },
  };
  let push;
  const hal = await Watcher.opens(t, "", { wire: answering(answers, { onJoin: (f) => (push = f) }) });
  await hal.rows("rooms").waitFor();
  assert.deepEqual(asked.flatMap(({ open }) => open), [], "what is large does not open by itself");
  await hal.rows("rooms").locator(".twisty").click();
  await hal.rows("room-99").waitFor();
  assert.equal(await hal.at("actor").count(), 101);
  assert.equal(await hal.rows("room-99").getAttribute("aria-setsize"), "100000");
  await hal.at("more").getByText("Show 100 more of 99,900").click();
  await hal.rows("room-199").waitFor();
  assert.equal(await hal.at("actor").count(), 201);

  // A thousand changes at once are one picture, and quick.
  const nodes = children(200).map((node, i) => ({ parent: "<a.1>", node: { ...node, queue: i + 1 } }));
  push("changed", { now: Date.now(), nodes: [...nodes, ...nodes, ...nodes, ...nodes, ...nodes], gone: [], counts: { "<a.1>": 99_999 }, restarted: [] });
  await hal.rows("room-199").getByText("200 waiting").waitFor();
  assert.match(await hal.rows("rooms").textContent(), /99,999 children/);
  await hal.isContent();
});

// ---------------------------------------------------------------- looks

/** The least contrast of a text with what is behind it, and where that is. */
function leastContrast() {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map((x) => x / 255);
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((x, i) => x * a + under[i] * (1 - a));
  const light = (rgb) => {
    const [r, g, b] = rgb.map((x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => (element === null ? [1, 1, 1] : over(rgba(getComputedStyle(element).backgroundColor), behind(element.parentElement)));
  let least = { contrast: 21, text: "" };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const element = text.parentElement;
    if (text.data.trim() === "" || !element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) || element.closest(".unseen, .skip, svg")) continue;
    const ground = behind(element);
    const [a, b] = [light(over(rgba(getComputedStyle(element).color), ground)), light(ground)].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < least.contrast) least = { contrast, text: `${text.data.trim().slice(0, 40)} in ${element.className || element.tagName}` };
  }
  return least;
}

for (const colorScheme of ["light", "dark"]) {
  it(`in ${colorScheme} all text can be read, and on a phone all of it fits`, async (t) => {
    const ida = await Watcher.opens(t, "", { colorScheme, wire: answering(hostile(), { greeting: { nodes: ["a", "b"], tables: ["t", "u"] } }), reducedMotion: "reduce" });
    for (const viewport of long ? [LARGE, SMALL] : [colorScheme === "light" ? LARGE : SMALL]) {
      await ida.page.setViewportSize(viewport);
      await ida.page.waitForFunction((height) => document.body.clientHeight === height, viewport.height); // 100dvh is known a frame later
      for (const place of PLACES) {
        await ida.page.evaluate((hash) => (location.hash = hash), `#/${place}`);
        await ida.page.waitForFunction((nasty) => document.getElementById("main").textContent.includes(nasty), nasty);
        const { contrast, text } = await ida.page.evaluate(leastContrast);
        assert.ok(contrast >= 4.5, `${place}: a contrast of ${contrast.toFixed(2)}: ${text}`);
        assert.deepEqual(await ida.overflow(), [0, 0], `${place} fits into ${viewport.width} × ${viewport.height}`);
      }
    }
    await ida.isContent();
  });
}

it("screenshots of all views", async (t) => {
  for (const [name, options] of [["light", { colorScheme: "light" }], ["small-dark", { colorScheme: "dark", viewport: SMALL }]]) {
    const jim = await Watcher.opens(t, "", options);
    for (const view of long ? ["tree", "top", "crashes", "sockets", "timeline", "tables", "cluster"] : ["tree"]) {
      await jim.page.evaluate((hash) => (location.hash = hash), `#/${view}`);
      await jim.page.locator(`a[data-view=${view}][aria-current=page]`).waitFor();
      await jim.page.waitForFunction(() => document.getElementById("main").textContent.length > 20);
      await jim.shot(`${view}-${name}`);
      assert.deepEqual(await jim.overflow(), [0, 0], view);
    }
    await jim.isContent();
  }
});
