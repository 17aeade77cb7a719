// The chat page: forms, the log and the status. The protocol is in the client, which
// client.js chooses. What other people wrote reaches the document as text only; how it
// becomes links is in links.js.

import { Presence, Socket, version } from "./client.js";
import { linked } from "./links.js";
import { peers } from "./peers.js";
import { recorded } from "./recorded.mjs";

const UNSURE_MS = 10_000; // without a reply for so long, a message may be lost
const REPLY_MS = 3_600_000; // but its reply may come later
const MAX_LINES = 500;
const MAX_FRAMES = 60;

const el = Object.fromEntries(
  [
    "lobby", "enter", "name", "room", "enter-problem", "client", "wire-client",
    "chat", "room-name", "user-name", "status", "status-text",
    "people-toggle", "people", "members", "crash", "wire-toggle", "leave", "log", "newer",
    "compose", "message", "send", "compose-hint", "wire", "frames",
  ].map((id) => [id, document.getElementById(id)]),
);

let me = "";
let room = "";
let channel = null;
let unread = 0; // messages of others since the page was last seen

if (version !== null) {
  el["wire-client"].textContent = `npm package phoenix ${version}`;
  el.client.textContent = `This page runs on the npm package phoenix, version ${version}.`;
}

// ---------------------------------------------------------------- the socket

let socketState = "closed"; // or "connecting", "open", "waiting"
let retryInMs = 0;
let wasOpen = false;

// The servers to choose from. When the page has lost one it goes on to the next, and so round.
const hosts = [location.host, ...peers];
let host = 0;

// A WebSocket to the server that it is the turn of, which shows what goes over it.
class Wire extends WebSocket {
  constructor(address, ...args) {
    const url = new URL(address);
    url.host = hosts[host];
    super(url, ...args);
    this.addEventListener("message", ({ data }) => showFrame("in", data));
    setSocket("connecting");
  }

  send(text) {
    super.send(text);
    showFrame("out", text);
    showStatus(); // it may be a join
  }
}

const scheme = location.protocol === "https:" ? "wss" : "ws";
const socket = new Socket(`${scheme}://${location.host}/socket`, {
  transport: Wire,
  // Spread by a quarter: after a server restart a thousand pages shall not come at once.
  reconnectAfterMs(tries) {
    const base = [250, 500, 1000, 2000, 5000][tries - 1] ?? 10_000;
    const ms = Math.round(base * (0.75 + Math.random() / 2));
    host = (host + 1) % hosts.length;
    setSocket("waiting", ms);
    return ms;
  },
});

socket.onOpen(() => setSocket("open"));

addEventListener("online", () => {
  if (socketState !== "waiting") return;
  socket.disconnect();
  socket.connect();
});

function setSocket(state, waitMs = 0) {
  socketState = state;
  retryInMs = waitMs;
  if (state === "open") wasOpen = true;
  if (state === "waiting") crashed = false; // there are worse things
  if (state === "waiting" && wasOpen) {
    wasOpen = false;
    system("lost", "The connection to the server is lost. Trying again…");
  }
  showStatus();
}

// ---------------------------------------------------------------- status

const STATUS = {
  connecting: "connecting",
  connected: "connected",
  crashed: "channel crashed, rejoining…",
  disconnected: "disconnected",
};

function setStatus(state, detail = "") {
  const connected = state === "connected";
  if (connected && el.status.dataset.state !== state) hint("");
  el.status.dataset.state = state;
  el["status-text"].textContent = STATUS[state] + detail;
  el.send.disabled = !connected;
  el.crash.disabled = !connected;
}

// The channel knows best; the socket only explains why a channel is not joined.
let crashed = false;

function showStatus() {
  switch (channel?.state) {
    case "joined":
      return setStatus("connected", hosts.length > 1 ? ` to ${hosts[host]}` : "");
    case "closed":
    case "leaving":
      return setStatus("disconnected");
  }
  if (crashed && channel?.state === "errored") return setStatus("crashed");
  if (socketState === "waiting") {
    const seconds = Math.round(retryInMs / 1000);
    return setStatus("disconnected", seconds > 1 ? `, next try in ${seconds} s` : ", trying again…");
  }
  setStatus("connecting");
}

document.addEventListener("visibilitychange", () => {
  if (document.visibilityState !== "visible") return;
  unread = 0;
  showTitle();
});

function showTitle() {
  const count = unread > 0 ? `(${unread}) ` : "";
  document.title = channel === null ? "Troupe chat" : `${count}#${room} · Troupe chat`;
}

// The server's words for what is wrong, field by field if it says so.
function explain({ fields = {}, reason }) {
  const problems = Object.entries(fields).map(([field, problem]) => `${field} ${problem}`);
  return problems.length > 0 ? problems.join(", ") : reason;
}

// ---------------------------------------------------------------- the log

// A name's hue in this room. It starts from a hash, so that it is mostly the same in every
// window, and moves on by the golden angle until it is far enough from those already there.
const hues = new Map();
const FAR = 30; // degrees
const MANY = 300 / FAR; // from here on colours must come again

function hue(name) {
  if (hues.has(name)) return hues.get(name);
  let h = 2166136261;
  for (const c of name) h = Math.imul(h ^ c.codePointAt(0), 16777619);
  const taken = [...hues.values()].slice(-MANY);
  const distance = (a, b) => Math.min(Math.abs(a - b), 360 - Math.abs(a - b));
  const room = (x) => Math.min(FAR, ...taken.map((y) => distance(x, y)));
  const choices = Array.from({ length: 36 }, (_, i) => ((h >>> 0) + i * 137.508) % 360);
  const best = choices.reduce((a, b) => (room(b) > room(a) ? b : a));
  if (hues.size >= MAX_LINES) hues.clear();
  hues.set(name, best);
  return best;
}

function initials(name) {
  const words = name.trim().split(/\s+/);
  const first = (w) => [...w][0] ?? "";
  return (first(words[0]) + (words.length > 1 ? first(words.at(-1)) : "")).toUpperCase();
}

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function clock() {
  const now = new Date();
  const time = make("time", "", now.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  time.dateTime = now.toISOString();
  return time;
}

function atEnd() {
  return el.log.scrollHeight - el.log.scrollTop - el.log.clientHeight < 80;
}

// Whether the reader is at the end and wants to stay there.
let following = true;

function toEnd() {
  following = true;
  el.log.scrollTop = el.log.scrollHeight;
  el.newer.hidden = true;
}

function append(node, own = false) {
  el.log.append(node);
  while (el.log.childElementCount > MAX_LINES) el.log.firstElementChild.remove();
  if (following || own) toEnd();
  else el.newer.hidden = false;
}

function system(kind, text) {
  const line = make("p", "system", text);
  line.dataset.testid = "system-line";
  line.dataset.kind = kind;
  append(line);
}

function bubble(author, body) {
  const own = author === me;
  const item = make("article", "message");
  item.dataset.testid = "message";
  item.dataset.user = author;
  item.dataset.own = String(own);
  item.classList.toggle("own", own);
  item.style.setProperty("--hue", hue(author).toFixed(1));

  const avatar = make("span", "avatar", initials(author));
  avatar.setAttribute("aria-hidden", "true");
  const meta = make("p", "meta");
  const name = make("span", "author", author);
  name.dataset.testid = "message-author";
  meta.append(name);
  if (own) meta.append(make("span", "you", "you"));
  meta.append(clock());
  const text = make("p", "text");
  text.append(...linked(body));
  text.dataset.testid = "message-body";
  const box = make("div", "bubble");
  box.append(meta, text);
  item.append(avatar, box);
  return item;
}

// What the server's broadcast says has been said. It ends the wait for one's own message,
// and has its place where the server put it.
function message({ user, body, id }) {
  if (typeof body !== "string" || body === "") return;
  const author = typeof user === "string" && user !== "" ? user : "somebody";
  const own = author === me;
  const awaited = own && pending.take(id);
  const item = bubble(author, body);
  item.classList.toggle("awaited", awaited); // it was there already, for the eye
  const last = el.log.lastElementChild;
  item.classList.toggle("follows", last?.dataset.user === author && !last.classList.contains("pending"));
  append(item, own);
  if (!own && document.visibilityState === "hidden") {
    unread += 1;
    showTitle();
  }
}

el.newer.addEventListener("click", () => {
  toEnd();
  el.message.focus();
});
el.log.addEventListener("scroll", () => {
  following = atEnd();
  if (following) el.newer.hidden = true;
});
// The log shrinks when a keyboard or the wire panel opens.
new ResizeObserver(() => {
  if (following) toEnd();
}).observe(el.log);

// ---------------------------------------------------------------- on its way

// One's own messages that have not come back, by ID. They stand where they were written,
// until a broadcast or a reply, late perhaps, says what became of them.
const pending = {
  items: new Map(),

  add(id, body) {
    const item = bubble(me, body);
    item.dataset.testid = "pending";
    item.classList.add("pending");
    const note = make("p", "note");
    note.dataset.testid = "pending-note";
    note.setAttribute("role", "status");
    item.querySelector(".bubble").append(note);
    item.setAttribute("aria-live", "off"); // the message is read when it comes back
    item.classList.toggle("follows", el.log.lastElementChild?.dataset.user === me);
    this.items.set(id, item);
    this.note(id, "pending", "Sending…");
    append(item, true);
  },

  note(id, state, text) {
    const item = this.items.get(id);
    if (!item) return;
    item.dataset.state = state;
    item.querySelector(".note").textContent = text;
    if (following) toEnd();
  },

  /** What was not heard of yet may have arrived, or not. */
  unsure(ids = [...this.items.keys()]) {
    for (const id of ids) {
      if (this.items.get(id)?.dataset.state === "pending") this.note(id, "unconfirmed", "Not confirmed: it may have arrived.");
    }
  },

  /** Whether it was there. */
  take(id) {
    this.items.get(id)?.remove();
    return this.items.delete(id);
  },
};

// Another tab of the same name must not confirm what this one has sent.
const tab = crypto.getRandomValues(new Uint32Array(2)).join("-");
let sent = 0;

function say(body) {
  const id = `${tab}-${(sent += 1)}`;
  pending.add(id, body);
  setTimeout(() => pending.unsure([id]), UNSURE_MS);
  channel
    .push("new_msg", { body, id }, REPLY_MS)
    .receive("ok", () => pending.note(id, "sent", "")) // mostly its broadcast was here before
    .receive("error", (response) => refused(id, body, `Not sent: ${explain(response)}.`));
}

// The text goes back to where it can be mended, unless another one is there by now.
function refused(id, body, why) {
  pending.note(id, "refused", why);
  if (el.message.value !== "" || !pending.take(id)) return;
  el.message.value = body;
  fit();
  hint(why);
}

// ---------------------------------------------------------------- the wire

function pretty(text) {
  return text.length > 400 ? `${text.slice(0, 400)}…` : text;
}

function showFrame(way, text) {
  const frame = make("li", way);
  frame.dataset.testid = "frame";
  const arrow = make("span", "arrow", way === "out" ? "↑" : "↓");
  arrow.setAttribute("aria-label", way === "out" ? "sent" : "received");
  arrow.setAttribute("role", "img");
  frame.append(arrow, make("code", "", pretty(text)));
  if (/^\[[^[{]*"phx_error"/.test(text)) frame.classList.add("error");
  el.frames.prepend(frame);
  while (el.frames.childElementCount > MAX_FRAMES) el.frames.lastElementChild.remove();
}

function showWire(show) {
  el.wire.hidden = !show;
  el["wire-toggle"].setAttribute("aria-expanded", String(show));
}

el["wire-toggle"].addEventListener("click", () => showWire(el.wire.hidden));

// ---------------------------------------------------------------- who is here

const byName = new Intl.Collator([], { numeric: true }).compare;

// Many may come at once, after a restart of the server: one list for each frame will do.
let comers = null; // who is there now, and not listed yet

function showMembers(names) {
  if (comers === null) requestAnimationFrame(listMembers);
  comers = names;
}

function listMembers() {
  const names = comers ?? [];
  comers = null;
  if (names.length === 0) return; // the room was left meanwhile
  el["people-toggle"].textContent = `${names.length} here`;
  el.members.replaceChildren(
    ...names.sort(byName).map((name) => {
      const member = make("li", "member");
      member.style.setProperty("--hue", hue(name).toFixed(1));
      const avatar = make("span", "avatar", initials(name));
      avatar.setAttribute("aria-hidden", "true");
      const label = make("span", "author", name);
      label.dataset.testid = "member-name";
      member.append(avatar, label);
      if (name === me) member.append(make("span", "you", "you"));
      return member;
    }),
  );
}

function showPeople(show) {
  el.people.hidden = !show;
  el["people-toggle"].setAttribute("aria-expanded", String(show));
}

el["people-toggle"].addEventListener("click", () => showPeople(el.people.hidden));
addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || el.people.hidden || event.isComposing) return;
  showPeople(false);
  el["people-toggle"].focus();
});

// ---------------------------------------------------------------- entering and leaving

function enter(user, roomName) {
  me = user;
  room = roomName;
  el["user-name"].textContent = me;
  el["room-name"].textContent = room;
  hues.clear();
  el["user-name"].style.setProperty("--hue", hue(me).toFixed(1));

  el["people-toggle"].textContent = "Who is here";
  el.members.replaceChildren();
  comers = null;
  showPeople(false);
  pending.items.clear();
  el.log.replaceChildren();
  el.frames.replaceChildren();
  toEnd();
  el.lobby.hidden = true;
  el.chat.hidden = false;
  showWire(matchMedia("(min-width: 64rem)").matches);

  join();
  unread = 0;
  showTitle();
  el.message.focus();
}

// The client joins again by itself.
function hasCrashed() {
  crashed = true;
  system("crash", "Your channel crashed on the server. Rejoining…");
}

// A channel that was left may still hear things: they are not ours any more.
function join() {
  const mine = recorded(socket, `room:${room}`, { user: me });
  const ours = (f) => (payload) => {
    if (channel === mine) f(payload);
  };
  const turn = (f) =>
    ours((payload) => {
      f(payload);
      showStatus();
    });
  let before = false; // it was joined before
  let refusal = null;
  channel = mine;
  crashed = false;

  mine.on("new_msg", ours(message));
  mine.on(
    "phx_recovery",
    ours(({ complete }) => {
      if (!complete) system("missed", "Some of what was said meanwhile may be missing here.");
    }),
  );
  const people = new Presence(mine);
  people.onSync(ours(() => showMembers(people.list((name) => name))));
  mine.onError(
    turn(() => {
      pending.unsure();
      if (!socket.isConnected()) return; // that is said already, or soon
      hasCrashed();
    }),
  );
  mine.onClose(
    turn(() => {
      pending.unsure();
      if (refusal) system("refused", `The server refused the room: ${explain(refusal)}.`);
      else system("closed", "The server closed this channel.");
    }),
  );

  socket.connect();
  mine
    .join()
    .receive(
      "ok",
      turn(() => {
        if (!before) system("join", `You are in #${room}. Say hello.`);
        else if (crashed) system("rejoin", `Rejoined #${room} with a fresh channel. The others just went on.`);
        else system("rejoin", `Back in #${room}.`);
        before = true;
        crashed = false;
      }),
    )
    .receive(
      "error",
      turn((response) => {
        if (response.reason === "join crashed") return hasCrashed();
        refusal = response;
        mine.leave();
      }),
    );
  showStatus();
}

el.enter.addEventListener("submit", (event) => {
  event.preventDefault();
  const user = el.name.value.trim();
  const roomName = el.room.value.trim();
  const problem = user === "" ? "Choose a name first." : roomName === "" ? "Choose a room first." : "";
  el["enter-problem"].textContent = problem;
  el.name.setAttribute("aria-invalid", String(user === ""));
  el.room.setAttribute("aria-invalid", String(user !== "" && roomName === ""));
  if (problem !== "") {
    (user === "" ? el.name : el.room).focus();
    return;
  }
  // The name is nobody else's business: it stays out of the address, which people share.
  history.pushState({ user, room: roomName }, "", `?${new URLSearchParams({ room: roomName })}`);
  enter(user, roomName);
});

// Back leaves the room for the lobby, and Forward enters it again. Before each room in the
// history there is the lobby, so that the button is no more than Back.
el.leave.addEventListener("click", () => history.back());
addEventListener("popstate", ({ state }) => {
  if (channel !== null) leave();
  if (state !== null) enter(state.user, state.room);
});

function leave() {
  const left = channel;
  channel = null;
  left?.leave();
  wasOpen = false;
  socket.disconnect();
  showTitle();
  el.name.value = me;
  el.room.value = room;
  el.chat.hidden = true;
  el.lobby.hidden = false;
  el.room.focus();
  el.room.select();
}

// ---------------------------------------------------------------- writing

function hint(text) {
  el["compose-hint"].textContent = text;
}

function fit() {
  el.message.style.height = "auto";
  el.message.style.height = `${el.message.scrollHeight + 2}px`;
}

// Counted as the server does. Nothing cuts the text off: who pastes too much shall see it.
function tooLong(body) {
  const over = body.length - Number(el.message.dataset.limit);
  return over > 0 ? `${over} too many: a message has at most ${el.message.dataset.limit} characters.` : "";
}

el.message.addEventListener("input", () => {
  hint(tooLong(el.message.value.trim()));
  fit();
});

// Enter sends, Shift+Enter breaks the line; an input method's Enter is its own.
el.message.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    el.compose.requestSubmit();
  }
});

el.compose.addEventListener("submit", (event) => {
  event.preventDefault();
  const body = el.message.value.trim();
  el.message.focus();
  if (body === "") return hint("Write something first.");
  if (tooLong(body) !== "") return hint(tooLong(body));
  if (channel?.state !== "joined") return hint("Not connected yet. Your text stays here.");
  el.message.value = "";
  hint("");
  fit();
  say(body);
});

el.crash.addEventListener("click", () => {
  el.message.focus();
  // No reply will come: the actor dies of this event.
  if (channel?.state === "joined") channel.push("crash", {});
});

// ---------------------------------------------------------------- start

// A reload goes back into the room; a link to one only fills in the form.
const shared = new URLSearchParams(location.search).get("room") ?? "";
if (shared.trim() !== "") el.room.value = shared.trim().slice(0, el.room.maxLength);
if (history.state !== null) enter(history.state.user, history.state.room);
else el.name.focus();
