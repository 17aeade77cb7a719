// The chat page in a real browser: what two people see of each other, of a crash,
// and of a server restart. Leaves screenshots in artifacts/.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

import { Server, binaryFrom } from "./server.mjs";

const binary = binaryFrom("TROUPE_CHAT_BIN");
const executablePath = process.env.TROUPE_CHROMIUM || "/usr/bin/chromium";
const artifacts = fileURLToPath(new URL("artifacts/", import.meta.url));

const STEP_MS = 15_000;
const it = (name, f) => test(name, { timeout: 60_000 }, (t) => server.during(() => f(t)));

let server;
let browser;

before(async () => {
  await mkdir(artifacts, { recursive: true });
  server = await Server.start(binary);
  // Each launch has a fresh profile of its own.
  browser = await chromium.launch({
    executablePath,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** A tab in a browser context of its own, as of another person. */
class Person {
  complaints = []; // console errors, uncaught exceptions, failed requests

  static async visits(t, query, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1180, height: 760 }, ...options });
    t.after(() => context.close());
    const person = new Person();
    const page = await context.newPage();
    page.setDefaultTimeout(STEP_MS);
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
    person.page = page;
    person.query = query;
    await page.goto(`${server.http}/${query}`);
    return person;
  }

  static async enters(t, user, room, options) {
    const person = await Person.visits(t, `?${new URLSearchParams({ user, room })}`, options);
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
    await this.at("present").and(this.page.getByText(`${names.length} here: ${names.join(", ")}`, { exact: true })).waitFor();
  }

  async line(kind) {
    const line = this.page.locator(`[data-testid=system-line][data-kind=${kind}]`).last();
    await line.waitFor();
    return line.textContent();
  }

  shot(name) {
    return this.page.screenshot({ path: `${artifacts}${name}.png`, animations: "disabled" });
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
  assert.deepEqual(Object.fromEntries(url.searchParams), { user: "cara", room: "kitchen" });

  const dan = await Person.enters(t, "dan", "garden");
  await cara.isWith("cara");
  await cara.says("anybody in the kitchen?");
  await cara.sees("anybody in the kitchen?");
  await cara.at("leave-button").click();
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

it("the page comes back after a server restart", async (t) => {
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
  await ida.isWith("ida");
  await ida.at("message-input").press("Enter");
  assert.deepEqual(await ida.sees("kept"), { author: "ida", own: true });
});
