// The chat page in a real browser: what people see of each other, of a message on its way,
// of a crash, and of a server restart. Leaves screenshots in artifacts/.
//
// The page runs on its own client, or, with TROUPE_CHAT_PHOENIX in the environment, on the
// npm package in that directory.

import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { Balancer } from "./balancer.mjs";
import { contextFor, launchForTabs } from "./browser.mjs";
import { LIMIT, PATIENCE_MS } from "./patience.mjs";
import { Server, binaryFrom } from "./server.mjs";

const binary = binaryFrom("TROUPE_CHAT_BIN");
const phoenix = process.env.TROUPE_CHAT_PHOENIX;
const artifacts = fileURLToPath(new URL("artifacts/", import.meta.url));

const LARGE = { width: 1180, height: 760 };
const it = (name, f) => test(name, LIMIT, (t) => server.during(() => f(t)));

let server;
let browser;
let shared; // the tabs' context: with one each, each would be a process

const args = phoenix ? ["-phoenix", phoenix] : [];
const startServer = () => Server.start(binary, args);

before(async () => {
  await mkdir(artifacts, { recursive: true });
  server = await startServer();
  browser = await launchForTabs();
  shared = await contextFor(browser, server);
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** A tab, as of another person. */
class Person {
  complaints = []; // console errors, uncaught exceptions, failed requests

  /** `clock`: the person has a clock that the test can turn. */
  static async visits(t, query, { at = server, clock = false, wire, viewport = LARGE, colorScheme } = {}) {
    const own = clock ? await browser.newContext() : null;
    const page = await (own ?? shared).newPage();
    t.after(() => (own ?? page).close());
    await Promise.all([own?.clock.install(), page.setViewportSize(viewport), page.emulateMedia({ colorScheme })]);
    const person = new Person();
    page.setDefaultTimeout(PATIENCE_MS);
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") person.complaints.push(message.text());
    });
    page.on("pageerror", (error) => person.complaints.push(String(error)));
    page.on("requestfailed", (request) => person.complaints.push(`request failed: ${request.url()}`));
    page.on("response", (response) => {
      if (response.status() >= 400) person.complaints.push(`${response.status()} ${response.url()}`);
    });
    // Some states last for moments only, too short to wait for on a busy machine.
    await page.addInitScript(() => {
      window.seenStates = [];
      addEventListener("DOMContentLoaded", () => {
        const status = document.querySelector("[data-testid=status]");
        const note = () => window.seenStates.at(-1) !== status.dataset.state && window.seenStates.push(status.dataset.state);
        new MutationObserver(note).observe(status, { attributes: true });
      });
    });
    await wire?.attach(page);
    person.page = page;
    await page.goto(`${at.http}/${query}`);
    return person;
  }

  static async enters(t, user, room, options) {
    const person = await Person.visits(t, `?${new URLSearchParams({ room })}`, options);
    await person.at("name-input").fill(user);
    await person.at("enter-button").click();
    await person.status("connected");
    return person;
  }

  at(id) {
    return this.page.getByTestId(id);
  }

  async status(state) {
    await this.page.locator(`[data-testid=status][data-state=${state}]`).waitFor();
  }

  /** Every state that the status pill has shown so far. */
  states() {
    return this.page.evaluate(() => window.seenStates);
  }

  async says(body) {
    await this.at("message-input").fill(body);
    await this.at("message-input").press("Enter");
  }

  /** Waits for a message with exactly this text, and gives who is shown as its author. */
  async sees(body) {
    const text = this.page.getByTestId("message-body").and(this.page.getByText(body, { exact: true }));
    const message = this.at("message").filter({ has: text });
    await message.waitFor();
    return {
      author: await message.getByTestId("message-author").textContent(),
      own: (await message.getAttribute("data-own")) === "true",
    };
  }

  /** Waits until exactly these are shown to be in the room. */
  async isWith(...names) {
    await this.page.waitForFunction((names) => {
      const shown = [...document.querySelectorAll("[data-testid=member-name]")].map((e) => e.textContent);
      return JSON.stringify(shown) === names;
    }, JSON.stringify(names));
    assert.equal(await this.at("people-toggle").textContent(), `${names.length} here`);
  }

  /** Waits for a message of one's own that is on its way, in a state. */
  async awaits(body, state) {
    const one = this.page.locator(`[data-testid=pending][data-state=${state}]`).filter({ hasText: body });
    await one.waitFor();
    return one.getByTestId("pending-note").textContent();
  }

  /** What the page shall see of whether somebody looks at it. */
  looks(visibility) {
    return this.page.evaluate((visibility) => {
      Object.defineProperty(document, "visibilityState", { configurable: true, get: () => visibility });
      document.dispatchEvent(new Event("visibilitychange"));
    }, visibility);
  }

  async line(kind) {
    const line = this.page.locator(`[data-testid=system-line][data-kind=${kind}]`).last();
    await line.waitFor();
    return line.textContent();
  }

  /** A screenshot; the page looks alike with either client. */
  shot(name) {
    return phoenix || this.page.screenshot({ path: `${artifacts}${name}.png`, animations: "disabled" });
  }
}

/** The wire between a page and the server, on which what the server sends can be held up. */
class Wire {
  #held = null;
  #arrived = () => {}; // what holds() waits for
  #page;
  #server;

  attach(page) {
    return page.routeWebSocket(/\/socket\//, (fromPage) => {
      this.#page = fromPage;
      this.#server = fromPage.connectToServer();
      this.#server.onMessage((text) => {
        if (this.#held === null) return fromPage.send(text);
        this.#held.push(text);
        this.#arrived();
      });
    });
  }

  hold() {
    this.#held = [];
  }

  /** Waits until so many of each event are held. */
  async holds(counts) {
    const enough = () =>
      Object.entries(counts).every(([event, n]) => this.#held.filter((text) => JSON.parse(text)[3] === event).length >= n);
    while (!enough()) await new Promise((arrived) => (this.#arrived = arrived));
  }

  /** Lets go of what is held and passes the test, in order; the rest is lost. */
  release(passes = () => true) {
    const held = this.#held;
    this.#held = null;
    for (const text of held) if (passes(JSON.parse(text))) this.#page.send(text);
  }

  /** Ends the connection for both. */
  cut() {
    this.#held = null;
    this.#page.close();
    this.#server.close();
  }
}

it("two people talk, one crashes her channel and goes on", async (t) => {
  const ann = await Person.enters(t, "ann", "lobby", { colorScheme: "light" });
  const bob = await Person.enters(t, "bob", "lobby", { colorScheme: "dark" });

  for (const person of [ann, bob]) await person.isWith("ann", "bob");
  await ann.says("Hello Bob, is this thing on?");
  await bob.sees("Hello Bob, is this thing on?");
  await bob.says("It is. Loud and clear.");
  for (const [reader, own] of [[ann, "ann"], [bob, "bob"]]) {
    assert.deepEqual(await reader.sees("Hello Bob, is this thing on?"), { author: "ann", own: own === "ann" });
    assert.deepEqual(await reader.sees("It is. Loud and clear."), { author: "bob", own: own === "bob" });
  }

  await ann.at("crash-button").click();
  assert.match(await ann.line("crash"), /crashed/);
  await ann.shot("crashed-light");
  assert.match(await ann.line("rejoin"), /Rejoined/);
  await ann.status("connected");
  assert.deepEqual((await ann.states()).slice(-4), ["connected", "crashed", "connecting", "connected"]);

  await ann.says("I fell over and got up again.");
  assert.deepEqual(await ann.sees("I fell over and got up again."), { author: "ann", own: true });
  assert.deepEqual(await bob.sees("I fell over and got up again."), { author: "ann", own: false });
  await bob.says("Did not notice a thing.");
  await ann.sees("Did not notice a thing.");
  for (const person of [ann, bob]) await person.isWith("ann", "bob");

  assert.equal(await bob.page.locator("[data-testid=system-line][data-kind=crash]").count(), 0);
  assert.equal(await bob.at("message").count(), 4, "each message once");
  assert.equal(await ann.at("message").count(), 4, "each message once");
  await ann.shot("chat-light");
  await bob.shot("chat-dark");
  assert.deepEqual([ann.complaints, bob.complaints], [[], []]);
});

it("a person enters by the form, and leaves for another room", async (t) => {
  const cara = await Person.visits(t, "", { colorScheme: "light" });
  await cara.at("enter-button").click();
  assert.match(await cara.at("enter-problem").textContent(), /name/);
  await cara.shot("enter-light");
  assert.equal(await cara.at("room-input").inputValue(), "lobby");
  await cara.at("name-input").fill("cara");
  await cara.at("room-input").fill("kitchen");
  await cara.at("room-input").press("Enter");
  await cara.status("connected");
  assert.equal(await cara.at("room-name").textContent(), "kitchen");
  const url = new URL(cara.page.url());
  assert.deepEqual(Object.fromEntries(url.searchParams), { room: "kitchen" });
  assert.doesNotMatch(cara.page.url(), /cara/);

  const dan = await Person.enters(t, "dan", "garden");
  await cara.isWith("cara");
  await cara.says("anybody in the kitchen?");
  await cara.sees("anybody in the kitchen?");
  await cara.at("leave-button").click();
  await cara.at("lobby").waitFor();
  await cara.at("room-input").fill("garden");
  await cara.at("enter-button").click();
  await cara.status("connected");
  for (const person of [cara, dan]) await person.isWith("cara", "dan");
  await cara.says("hello garden");
  assert.deepEqual(await dan.sees("hello garden"), { author: "cara", own: false });
  assert.equal(await dan.at("message").count(), 1, "what was said in another room stays there");
  assert.equal(await cara.at("message").count(), 1, "a new room starts with an empty log");
  assert.deepEqual([cara.complaints, dan.complaints], [[], []]);
});

it("what people write is text, and nothing is not a message", async (t) => {
  const eve = await Person.enters(t, "<b>eve</b>", "nasty");
  const fay = await Person.enters(t, "fay", "nasty");
  await eve.says("   ");
  assert.match(await eve.at("compose-hint").textContent(), /Write something/);
  const nasty = '<img src="x" onerror="document.title=\'owned\'"><script>alert(1)</script>';
  await eve.says(nasty);
  assert.deepEqual(await fay.sees(nasty), { author: "<b>eve</b>", own: false });
  assert.equal(await fay.at("message").count(), 1);
  assert.equal(await fay.page.locator("#log img, #log script, #log b").count(), 0);
  assert.notEqual(await fay.page.title(), "owned");

  // Shift+Enter breaks the line.
  await eve.at("message-input").fill("one");
  await eve.at("message-input").press("Shift+Enter");
  await eve.at("message-input").pressSequentially("two");
  await eve.at("message-input").press("Enter");
  await fay.page.getByTestId("message-body").filter({ hasText: /^one\ntwo$/ }).waitFor();
  assert.deepEqual([eve.complaints, fay.complaints], [[], []]);
});

it("a small screen holds a long conversation", async (t) => {
  const gil = await Person.enters(t, "gil", "long", {
    viewport: { width: 390, height: 780 },
    colorScheme: "light",
  });
  const hal = await Person.enters(t, "Hal Incandenza", "long");
  for (let n = 1; n <= 12; n++) {
    await hal.says(`line ${n}${n % 4 === 0 ? ": a longer one, that has to wrap in a narrow window, twice if need be" : ""}`);
  }
  await gil.says("so_many_words_without_a_single_space_".repeat(4));
  await gil.page.getByTestId("message").nth(12).waitFor();
  await gil.shot("small-light");
  const overflow = await gil.page.evaluate(() => {
    const page = document.documentElement;
    return [page.scrollWidth - page.clientWidth, page.scrollHeight - page.clientHeight];
  });
  assert.deepEqual(overflow, [0, 0], "nothing is larger than the window");
  const box = await gil.at("message").last().boundingBox();
  const log = await gil.at("log").boundingBox();
  await gil.at("wire-toggle").click();
  await gil.shot("small-wire-light");
  assert.ok(box.y + box.height <= log.y + log.height, `the newest message is in view: ${JSON.stringify({ box, log })}`);
  assert.deepEqual([gil.complaints, hal.complaints], [[], []]);
});

it("the page comes back after a server restart, and says what it cannot have", async (t) => {
  const ida = await Person.enters(t, "ida", "lobby", { colorScheme: "dark" });
  await ida.says("before");
  await ida.sees("before");
  await server.stop();
  await ida.status("disconnected");
  assert.match(await ida.line("lost"), /lost/);
  await ida.says("kept");
  assert.match(await ida.at("compose-hint").textContent(), /Not connected/);
  assert.equal(await ida.at("message-input").inputValue(), "kept");
  await ida.shot("disconnected-dark");
  await server.up();
  assert.match(await ida.line("rejoin"), /Back in/);
  await ida.status("connected");
  assert.match(await ida.line("missed"), /may be missing/);
  await ida.isWith("ida");
  await ida.at("message-input").press("Enter");
  assert.deepEqual(await ida.sees("kept"), { author: "ida", own: true });
});

it("the page does not wait when it hears that the network is back", async (t) => {
  const jim = await Person.visits(t, "?room=offline", { clock: true });
  await jim.at("name-input").fill("jim");
  await jim.at("enter-button").click();
  await jim.status("connected");
  await server.stop();
  await jim.status("disconnected");
  await jim.page.clock.pauseAt(Date.now() + 3_600_000); // no timer fires from here on
  await jim.status("disconnected");
  await server.up();
  await jim.page.evaluate(() => dispatchEvent(new Event("online")));
  assert.match(await jim.line("rejoin"), /Back in/);
  await jim.status("connected");
});

it("the page moves to another server when its own is deployed anew", async (t) => {
  const [old, other] = await Promise.all([startServer(), startServer()]);
  t.after(() => Promise.all([old.stop(), other.stop()]));
  const at = await Balancer.start(t, old, other);
  const joe = await Person.enters(t, "joe", "deploy", { at });
  await old.stop();
  assert.match(await joe.line("lost"), /lost/);
  assert.match(await joe.line("rejoin"), /Back in/);
  await joe.status("connected");
  const kay = await Person.enters(t, "kay", "deploy", { at: other });
  for (const person of [joe, kay]) await person.isWith("joe", "kay");
  await joe.says("hello from the other side");
  assert.deepEqual(await kay.sees("hello from the other side"), { author: "joe", own: false });
  assert.deepEqual([joe.complaints, kay.complaints], [[], []]);
});

it("the page turns to a peer of the server that it has lost, and back", async (t) => {
  const pair = await Server.pair(binary, args);
  t.after(() => Promise.all(pair.map((server) => server.stop())));
  const [own, peer] = pair;
  const xia = await Person.enters(t, "xia", "peers", { at: own });
  const isAt = (server) => xia.at("status").getByText(`connected to ${server.host}`).waitFor();
  await isAt(own);
  for (const [lost, next] of [[own, peer], [peer, own]]) {
    await lost.stop();
    await isAt(next);
    const yan = await Person.enters(t, "yan", "peers", { at: next });
    for (const person of [xia, yan]) await person.isWith("xia", "yan");
    await yan.at("leave-button").click();
    await lost.up();
  }
  assert.deepEqual(xia.complaints, []);
});

it("a room that does not take a person says why", async (t) => {
  const lou = await Person.visits(t, "?room=refusal");
  await lou.at("name-input").evaluate((input) => (input.maxLength = 1000));
  await lou.at("name-input").fill("lou".repeat(11));
  await lou.at("enter-button").click();
  assert.match(await lou.line("refused"), /refused the room: user is longer than 32 characters/);
  await lou.status("disconnected");
  await lou.at("leave-button").click();
  await lou.at("name-input").fill("lou");
  await lou.at("enter-button").click();
  await lou.status("connected");
  assert.deepEqual(lou.complaints, []);
});

it("the page says which client it has, and loads no other", async (t) => {
  const loaded = [];
  const page = await shared.newPage();
  t.after(() => page.close());
  page.on("request", (request) => loaded.push(new URL(request.url()).pathname));
  await page.goto(`${server.http}/`);
  const said = await page.getByTestId("client").textContent();
  const scripts = loaded.filter((path) => /\.m?js$/.test(path)).sort();
  if (phoenix) {
    const { version } = JSON.parse(await readFile(`${phoenix}/package.json`, "utf8"));
    assert.equal(said, `This page runs on the npm package phoenix, version ${version}.`);
    assert.deepEqual(scripts, ["/chat.js", "/client.js", "/links.js", "/peers.js", "/phoenix.mjs", "/recorded.mjs"]);
  } else {
    assert.match(said, /client of its own/);
    assert.deepEqual(scripts, ["/chat.js", "/client.js", "/links.js", "/peers.js", "/phoenix-lite.js", "/recorded.mjs"]);
  }
});

it("Back returns to the lobby, Forward to the room, and a reload stays", async (t) => {
  const jan = await Person.visits(t, "");
  await jan.at("name-input").fill("jan");
  await jan.at("room-input").fill("attic");
  await jan.at("room-input").press("Enter");
  await jan.status("connected");
  await jan.page.reload();
  await jan.status("connected");
  await jan.isWith("jan");
  await jan.page.goBack();
  await jan.at("lobby").waitFor();
  assert.equal(await jan.at("chat").isVisible(), false);
  assert.equal(await jan.page.title(), "Troupe chat");
  const kim = await Person.enters(t, "kim", "attic");
  await kim.isWith("kim");
  await jan.page.goForward();
  await jan.status("connected");
  for (const person of [jan, kim]) await person.isWith("jan", "kim");
  await kim.says("welcome back");
  await kim.says("for good?");
  await jan.sees("for good?");
  assert.equal(await jan.at("message").count(), 2, "the channel that was left shows nothing");
  await jan.at("leave-button").click();
  await jan.at("lobby").waitFor();
  await kim.isWith("kim");
  assert.equal(await jan.at("name-input").inputValue(), "jan");

  // A link that somebody shares leads into the room, but makes nobody somebody else.
  const lea = await Person.visits(t, "?room=attic&user=kim");
  assert.equal(await lea.at("room-input").inputValue(), "attic");
  assert.equal(await lea.at("name-input").inputValue(), "");
  assert.deepEqual([jan.complaints, kim.complaints, lea.complaints], [[], [], []]);
});

it("a message that is too long stays where it was typed", async (t) => {
  const mia = await Person.enters(t, "mia", "limits");
  const ned = await Person.enters(t, "ned", "limits");
  const input = mia.at("message-input");

  for (const most of ["x".repeat(2000), "語".repeat(2000), "🎭".repeat(1000)]) {
    await mia.says(most);
    await ned.sees(most);
  }
  const long = "🎭".repeat(1000) + "x";
  await mia.says(long);
  assert.match(await mia.at("compose-hint").textContent(), /1 too many: a message has at most 2000 characters/);
  assert.equal(await input.inputValue(), long);

  // Another page might not know the limit: the server's own reason is shown.
  await input.evaluate((e) => (e.dataset.limit = "1000000"));
  await mia.says(long);
  await mia.page.getByText("Not sent: body is longer than 2000 characters.", { exact: true }).waitFor();
  assert.equal(await input.inputValue(), long);
  assert.equal(await mia.at("pending").count(), 0);
  await mia.says("short");
  await ned.sees("short");
  assert.equal(await ned.at("message").count(), 4);
});

it("a refused message is kept beside the next one", async (t) => {
  const wire = new Wire();
  const ola = await Person.enters(t, "ola", "beside", { wire });
  await ola.at("message-input").evaluate((e) => (e.dataset.limit = "1000000"));
  wire.hold();
  await ola.says("y".repeat(2001));
  await ola.awaits("yyy", "pending");
  await ola.at("message-input").fill("the next one");
  wire.release();
  assert.match(await ola.awaits("yyy", "refused"), /longer than 2000/);
  assert.equal(await ola.at("message-input").inputValue(), "the next one");
});

it("a message is pending, then not confirmed, until the server is heard again", async (t) => {
  const wire = new Wire();
  const pia = await Person.visits(t, "?room=slow", { wire, clock: true });
  await pia.at("name-input").fill("pia");
  await pia.at("enter-button").click();
  await pia.status("connected");
  const quin = await Person.enters(t, "quin", "slow");

  const isOf = (event) => ([, , , e]) => e === event;
  for (const [body, passes, how] of [
    ["late broadcast", isOf("new_msg"), "broadcast"],
    ["late reply", isOf("phx_reply"), "reply"],
    ["late both", () => true, "broadcast"],
  ]) {
    wire.hold();
    await pia.says(body);
    assert.match(await pia.awaits(body, "pending"), /Sending/);
    await quin.sees(body);
    await wire.holds({ new_msg: 1, phx_reply: 1 });
    await pia.page.clock.fastForward(10_001);
    assert.match(await pia.awaits(body, "unconfirmed"), /Not confirmed/);
    if (body === "late broadcast") await pia.shot("unconfirmed-light");
    wire.release(passes);
    if (how === "reply") assert.equal(await pia.awaits(body, "sent"), "");
    else assert.deepEqual(await pia.sees(body), { author: "pia", own: true });
    assert.equal(await pia.page.getByText(body, { exact: true }).count(), 1, "it is shown once");
  }

  // A connection that breaks leaves it open whether the message arrived. When the page is
  // back, it gets that message and what was said meanwhile.
  await pia.page.clock.pauseAt(Date.now() + 3_600_000); // no timer has it come back too soon
  wire.hold();
  await pia.says("who knows");
  await quin.sees("who knows");
  wire.cut();
  assert.match(await pia.awaits("who knows", "unconfirmed"), /may have arrived/);
  assert.equal(await pia.page.locator("[data-kind=unsent]").count(), 0);
  assert.equal(await quin.at("message").count(), 4, "each message once");
  await quin.says("meanwhile");
  await quin.sees("meanwhile");
  await pia.page.evaluate(() => dispatchEvent(new Event("online")));
  assert.deepEqual(await pia.sees("meanwhile"), { author: "quin", own: false });
  assert.deepEqual(await pia.sees("who knows"), { author: "pia", own: true });
  assert.equal(await quin.at("message").count(), 5, "each message once");
  assert.equal(await pia.at("message").count(), 4, "and that of the late reply stays as it was sent");
  assert.equal(await pia.page.locator("[data-kind=missed]").count(), 0);
});

it("nobody speaks as somebody else, and a namesake confirms nothing", async (t) => {
  const wire = new Wire();
  const rex = await Person.enters(t, "rex", "names", { wire });
  const also = await Person.enters(t, "rex", "names");
  wire.hold();
  await rex.says("hello");
  await rex.awaits("hello", "pending");
  await also.sees("hello");
  await also.says("hello");
  await also.at("message").nth(1).waitFor();
  await wire.holds({ new_msg: 2, phx_reply: 1 });
  // The first one's own is lost; the namesake's, of the same words, is another message.
  let n = 0;
  wire.release(([, , , event]) => event !== "new_msg" || (n += 1) === 2);
  await rex.awaits("hello", "sent");
  assert.equal(await rex.at("message").count(), 1);
});

it("addresses are links, and nothing else is", async (t) => {
  const sam = await Person.enters(t, "sam", "links");
  const tea = await Person.enters(t, "tea", "links");
  const body = [
    "see http://a.example/x?y=1&z=2#f, (https://b.example/w_(x)). HTTPS://C.EXAMPLE!",
    "not javascript:alert(1) data:text/html,x ftp://d.example //e.example www.f.example xhttp://g.example http:// https://[",
    'nor <a href="https://h.example">this</a>',
  ].join("\n");
  await sam.says(body);
  for (const reader of [sam, tea]) {
    const text = reader.at("message-body");
    await text.waitFor();
    assert.equal(await text.textContent(), body);
    const links = await text.locator("*").evaluateAll((all) => all.map((a) => [a.tagName, a.textContent, a.href, a.rel, a.target]));
    const link = (shown, href) => ["A", shown, href, "noopener noreferrer", "_blank"];
    assert.deepEqual(links, [
      link("http://a.example/x?y=1&z=2#f", "http://a.example/x?y=1&z=2#f"),
      link("https://b.example/w_(x)", "https://b.example/w_(x)"),
      link("HTTPS://C.EXAMPLE", "https://c.example/"),
      link("https://h.example", "https://h.example/"),
    ]);
  }
  assert.deepEqual([sam.complaints, tea.complaints], [[], []]);
});

it("the title counts what is unread", async (t) => {
  const uma = await Person.enters(t, "uma", "unread");
  const vic = await Person.enters(t, "vic", "unread");
  await vic.says("while you look");
  await uma.sees("while you look");
  assert.equal(await uma.page.title(), "#unread · Troupe chat");
  await uma.looks("hidden");
  for (const body of ["one", "two"]) await vic.says(body);
  await uma.sees("two");
  assert.equal(await uma.page.title(), "(2) #unread · Troupe chat");
  await uma.says("my own");
  await uma.sees("my own");
  assert.equal(await uma.page.title(), "(2) #unread · Troupe chat");
  await uma.looks("visible");
  assert.equal(await uma.page.title(), "#unread · Troupe chat");
});

it("the list of members opens, sorts, and gives each a colour of its own", async (t) => {
  const names = ["ann", "Bob", "bea 9", "bea 10", "Äpfel", "zoe"];
  const people = [];
  for (const name of names) people.push(await Person.enters(t, name, "many", { colorScheme: "light" }));
  const sorted = ["ann", "Äpfel", "bea 9", "bea 10", "Bob", "zoe"];
  for (const person of people) await person.isWith(...sorted);

  const [ann] = people;
  const toggle = ann.at("people-toggle");
  assert.equal(await ann.at("people").isVisible(), false);
  await toggle.click();
  assert.equal(await toggle.getAttribute("aria-expanded"), "true");
  await ann.at("people").waitFor();
  assert.equal(await ann.at("member-name").last().isVisible(), true);
  await ann.shot("members-light");
  for (const person of people) {
    const hues = await person.page
      .locator(".member")
      .evaluateAll((all) => all.map((e) => Number(e.style.getPropertyValue("--hue"))).sort((a, b) => a - b));
    const gaps = hues.map((hue, i) => (i === 0 ? hue + 360 - hues.at(-1) : hue - hues[i - 1]));
    assert.ok(Math.min(...gaps) >= 29, `hues are apart: ${hues}`);
  }
  await ann.page.keyboard.press("Escape");
  assert.equal(await ann.at("people").isVisible(), false);
  assert.equal(await toggle.getAttribute("aria-expanded"), "false");
  await people.at(-1).at("leave-button").click();
  await ann.isWith(...sorted.slice(0, -1));
});

it("a finger hits what can be pressed", async (t) => {
  const wes = await Person.visits(t, "?room=touch", { viewport: { width: 360, height: 640 }, colorScheme: "light" });
  const small = () =>
    wes.page.locator("button:visible, input:visible, textarea:visible").evaluateAll((all) =>
      all
        .map((e) => ({ id: e.id, cut: e.scrollWidth > e.clientWidth, box: e.getBoundingClientRect() }))
        .filter(({ cut, box }) => cut || box.width < 44 || box.height < 44 || box.left < 0 || box.right > innerWidth),
    );
  assert.deepEqual(await small(), []);
  await wes.shot("enter-small-light");
  await wes.at("name-input").fill("wes");
  await wes.at("enter-button").click();
  await wes.status("connected");
  await wes.says("see https://troupe.example/");
  await wes.sees("see https://troupe.example/");
  await wes.at("people-toggle").click();
  await wes.isWith("wes");
  assert.deepEqual(await small(), []);
  await wes.shot("members-small-light");
});
