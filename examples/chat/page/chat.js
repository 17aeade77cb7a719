// The chat page: forms, the log and the status. The protocol is in phoenix-lite.js.
// What other people wrote reaches the document through textContent only.

import { Presence, Socket } from "./phoenix-lite.js";

const MAX_LINES = 500;
const MAX_FRAMES = 60;

const el = Object.fromEntries(
  [
    "lobby", "enter", "name", "room", "enter-problem",
    "chat", "room-name", "user-name", "present", "status", "status-text",
    "crash", "wire-toggle", "leave", "log", "newer",
    "compose", "message", "send", "compose-hint", "wire", "frames",
  ].map((id) => [id, document.getElementById(id)]),
);

const scheme = location.protocol === "https:" ? "wss" : "ws";
const socket = new Socket(`${scheme}://${location.host}/socket/websocket?vsn=2.0.0`);

let me = "";
let room = "";
let channel = null;
let lastAuthor = null; // whose message ends the log, null after a system line

// ---------------------------------------------------------------- status

const STATUS = {
  connecting: "connecting",
  connected: "connected",
  crashed: "channel crashed, rejoining…",
  disconnected: "disconnected",
};

function setStatus(state, detail = "") {
  el.status.dataset.state = state;
  el["status-text"].textContent = STATUS[state] + detail;
  const connected = state === "connected";
  el.send.disabled = !connected;
  el.crash.disabled = !connected;
  if (connected) hint("");
}

// The channel knows best; the socket only explains why a channel is offline.
let socketState = "closed";
let retryInMs = 0;

function showStatus() {
  switch (channel?.state) {
    case "joined":
      return setStatus("connected");
    case "crashed":
      return setStatus("crashed");
    case "refused":
    case "closed":
      return setStatus("disconnected");
  }
  if (socketState === "waiting") {
    const seconds = Math.round(retryInMs / 1000);
    return setStatus("disconnected", seconds > 1 ? `, next try in ${seconds} s` : ", trying again…");
  }
  setStatus("connecting");
}

let wasOpen = false;

socket.onstate = (state, info) => {
  socketState = state;
  retryInMs = info.retryInMs ?? 0;
  if (state === "open") wasOpen = true;
  if (state === "waiting" && wasOpen) {
    wasOpen = false;
    system("lost", "The connection to the server is lost. Trying again…");
  }
  showStatus();
};

addEventListener("online", () => socket.retryNow());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") socket.retryNow();
});

// ---------------------------------------------------------------- the log

// Enough of a hash to give a name the same colour in every window.
function hue(name) {
  let h = 2166136261;
  for (const c of name) h = Math.imul(h ^ c.codePointAt(0), 16777619);
  return ((h >>> 0) * 137.508) % 360;
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
  lastAuthor = null;
  const line = make("p", "system", text);
  line.dataset.testid = "system-line";
  line.dataset.kind = kind;
  append(line);
}

function message({ user, body }) {
  if (typeof body !== "string" || body === "") return;
  const author = typeof user === "string" && user !== "" ? user : "somebody";
  const own = author === me;

  const item = make("article", "message");
  item.dataset.testid = "message";
  item.dataset.user = author;
  item.dataset.own = String(own);
  item.classList.toggle("own", own);
  item.classList.toggle("follows", author === lastAuthor);
  item.style.setProperty("--hue", hue(author).toFixed(1));

  const avatar = make("span", "avatar", initials(author));
  avatar.setAttribute("aria-hidden", "true");
  const meta = make("p", "meta");
  const name = make("span", "author", author);
  name.dataset.testid = "message-author";
  meta.append(name);
  if (own) meta.append(make("span", "you", "you"));
  meta.append(clock());
  const text = make("p", "text", body);
  text.dataset.testid = "message-body";
  const bubble = make("div", "bubble");
  bubble.append(meta, text);
  item.append(avatar, bubble);

  lastAuthor = author;
  append(item, own);
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

// ---------------------------------------------------------------- the wire

function pretty(text) {
  return text.length > 400 ? `${text.slice(0, 400)}…` : text;
}

socket.onframe = (way, text) => {
  const frame = make("li", way);
  frame.dataset.testid = "frame";
  const arrow = make("span", "arrow", way === "out" ? "↑" : "↓");
  arrow.setAttribute("aria-label", way === "out" ? "sent" : "received");
  arrow.setAttribute("role", "img");
  frame.append(arrow, make("code", "", pretty(text)));
  if (/^\[[^[{]*"phx_error"/.test(text)) frame.classList.add("error");
  el.frames.prepend(frame);
  while (el.frames.childElementCount > MAX_FRAMES) el.frames.lastElementChild.remove();
};

function showWire(show) {
  el.wire.hidden = !show;
  el["wire-toggle"].setAttribute("aria-expanded", String(show));
}

el["wire-toggle"].addEventListener("click", () => showWire(el.wire.hidden));

// ---------------------------------------------------------------- entering and leaving

function enter(user, roomName) {
  me = user;
  room = roomName;
  el["user-name"].textContent = me;
  el["room-name"].textContent = room;
  el["user-name"].style.setProperty("--hue", hue(me).toFixed(1));
  document.title = `#${room} · Troupe chat`;
  history.replaceState(null, "", `?${new URLSearchParams({ user: me, room })}`);

  el.present.textContent = "";
  el.log.replaceChildren();
  el.frames.replaceChildren();
  toEnd();
  lastAuthor = null;
  el.lobby.hidden = true;
  el.chat.hidden = false;
  showWire(matchMedia("(min-width: 64rem)").matches);

  const mine = socket.channel(`room:${room}`, { user: me });
  channel = mine;
  mine.on("new_msg", message);
  const people = new Presence(mine, (names) => {
    if (channel === mine) el.present.textContent = `${names.length} here: ${names.join(", ")}`;
  });
  let crashed = false;
  mine.onstate = (state, info) => {
    if (channel !== mine) return; // left meanwhile
    switch (state) {
      case "joining":
        people.restart();
        break;
      case "joined":
        if (!info.again) system("join", `You are in #${room}. Say hello.`);
        else if (crashed) system("rejoin", `Rejoined #${room} with a fresh channel. The others just went on.`);
        else system("rejoin", `Back in #${room}.`);
        crashed = false;
        break;
      case "crashed":
        crashed = true;
        system("crash", "Your channel crashed on the server. Rejoining…");
        break;
      case "refused":
        system("refused", `The server refused the room: ${info.reason}.`);
        break;
      case "closed":
        system("closed", "The server closed this channel.");
        break;
    }
    showStatus();
  };
  socket.connect();
  mine.join();
  showStatus();
  el.message.focus();
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
  enter(user, roomName);
});

el.leave.addEventListener("click", () => {
  const left = channel;
  channel = null;
  left?.leave();
  wasOpen = false;
  socket.disconnect();
  document.title = "Troupe chat";
  history.replaceState(null, "", location.pathname);
  el.name.value = me;
  el.room.value = room;
  el.chat.hidden = true;
  el.lobby.hidden = false;
  el.room.focus();
  el.room.select();
});

// ---------------------------------------------------------------- writing

function hint(text) {
  el["compose-hint"].textContent = text;
}

function fit() {
  el.message.style.height = "auto";
  el.message.style.height = `${el.message.scrollHeight + 2}px`;
}

el.message.addEventListener("input", () => {
  hint("");
  fit();
});

// Enter sends, Shift+Enter breaks the line; an input method's Enter is its own.
el.message.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    el.compose.requestSubmit();
  }
});

el.compose.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = el.message.value.trim();
  el.message.focus();
  if (body === "") return hint("Write something first.");
  if (channel?.state !== "joined") return hint("Not connected yet. Your text stays here.");
  el.message.value = "";
  fit();
  try {
    // It is shown when the server's broadcast brings it back, like everybody else's.
    await channel.push("new_msg", { body, user: me });
  } catch (error) {
    system("unsent", `Not sent (${error.message}): ${body}`);
  }
});

el.crash.addEventListener("click", () => {
  el.message.focus();
  // No reply will come: the actor dies of this event.
  channel?.push("crash", {}).catch(() => {});
});

// ---------------------------------------------------------------- start

const preset = new URLSearchParams(location.search);
const presetUser = (preset.get("user") ?? "").trim().slice(0, el.name.maxLength);
const presetRoom = (preset.get("room") ?? "").trim().slice(0, el.room.maxLength);
if (presetRoom !== "") el.room.value = presetRoom;
if (presetUser !== "") enter(presetUser, el.room.value);
else el.name.focus();
