// The tree of actors, live: supervisors and what they run, what has just crashed and what
// was restarted for it. To assistive technology it is a tree, and all of it can be done
// from the keyboard.

import { announce, arrange, h, setAttribute, setText, timeOf } from "./dom.js";
import { clock, count, many, short, typeName } from "./format.js";
import { icon } from "./icons.js";
import { go, linkHere } from "./route.js";
import { scrubber } from "./scrubber.js";
import { filterField } from "./table.js";
import { ROOT, TreeModel } from "./treemodel.js";

const LIMIT = 100; // children of one, unless more are asked for
const FIRST_ROWS = 60; // so many rows open by themselves
const NEWS = 200; // lines of what happened
const RENEW_MS = 2000; // of another node

/** What an actor is called by people. One without a name is called by its type. */
export const nameOf = (node) => node?.id || node?.name || node?.label || (node?.kind === "supervisor" ? "supervisor" : typeName(node?.behavior)) || node?.pid || "";
const isUnnamed = (node) => !(node.id || node.name || node.label);
export const strategyName = (strategy) => (strategy ?? "").replaceAll("_", " ");

export function treeView(app) {
  const model = new TreeModel();
  const rows = new Map(); // key → row element
  let active = ""; // key of the row that Tab goes to
  let shown = []; // the rows in their order
  let opening = 3; // levels that are still to open by themselves
  let filter = "";
  let wanted = ""; // actor that is to be shown when its parents are open

  const timeAt = () => Number(app.place.at) || 0; // that is looked at; 0: now

  const tree = h("div", { class: "tree", role: "tree", "aria-label": "Actors", "data-testid": "tree" });
  const matches = h("ul", { class: "matches", hidden: true, "aria-label": "Matches" });
  const note = h("p", { class: "empty", hidden: true, role: "status" });
  const field = filterField({ label: "Find actors by name, label or type", onChange: search });
  const summary = h("p", { class: "summary", role: "status" });
  const news = h("ol", { class: "news", "data-testid": "news" });
  const newsBox = h("section", { class: "feed", "aria-label": "What happened" }, h("h2", {}, "What happened"), news,
    h("p", { class: "hint" }, "Crashes, restarts and ends among the actors that are open in the tree."));
  const past = h("p", { class: "past", hidden: true, "data-testid": "past" });
  const time = scrubber(app, { onPick: (at) => go({ at: at ? String(at) : "" }, { replace: true }) });
  const element = h("section", { class: "treeview" },
    h("div", { class: "tools" }, field, summary),
    past,
    h("div", { class: "treebody" }, h("div", { class: "treebox" }, note, tree, matches), newsBox),
    time.element);

  // ------------------------------------------------------------ asking

  let asking = false;
  let again = false;
  let lastAsked = 0;
  let meanwhile = []; // changes since the request: the answer may be from before them

  // One request at a time: what is asked for meanwhile is asked for after it.
  async function refresh() {
    if (asking) return void (again = true);
    asking = true;
    do {
      again = false;
      meanwhile = [];
      await ask();
    } while (again);
    asking = false;
  }

  async function ask() {
    lastAsked = Date.now();
    const at = timeAt();
    const open = [...model.open].filter((pid) => pid !== ROOT);
    try {
      const answer = await app.request("tree", { open, limit: LIMIT, limits: model.limits, at });
      if (timeAt() !== at) return void (again = true);
      if (again) return; // what is open has changed meanwhile: the next answer is of that
      model.load(answer.root, { past: at > 0 });
      for (const change of meanwhile) model.apply(change, Date.now());
      note.hidden = true;
      if (openMore()) again = true;
      render();
    } catch (error) {
      if (error.reason === "lost") return;
      tree.replaceChildren();
      rows.clear();
      note.hidden = filter !== "";
      setText(note, error.message);
    }
  }

  // The first levels open by themselves, as far as they are small; and so does what is
  // above an actor that the address names.
  function openMore() {
    let any = false;
    if (opening > 0 && !filter) {
      opening -= 1;
      let room = FIRST_ROWS - model.rows().length;
      for (const node of model.nodes.values()) {
        if (node.kind !== "supervisor" || model.open.has(node.pid) || !node.count || node.count > room) continue;
        if (app.own() && node.pid === app.info.observer) continue; // few have come to look at what looks
        model.open.add(node.pid);
        room -= node.count;
        any = true;
      }
    }
    if (wanted && model.nodes.has(wanted)) {
      for (const pid of model.path(wanted)) model.open.add(pid);
      active = wanted;
      wanted = "";
    }
    return any;
  }

  /** Opens what is above an actor. */
  function reveal(pid, parents) {
    field.value = "";
    search("");
    for (const parent of parents) model.open.add(parent);
    wanted = pid;
    refresh();
  }

  async function search(text) {
    filter = text;
    tree.hidden = filter !== "";
    matches.hidden = filter === "";
    setText(summary, "");
    note.hidden = true;
    if (filter === "") return void refresh();
    try {
      const [asked, at] = [filter, timeAt()];
      const answer = await app.request("tree", { filter, limit: LIMIT, open: [], at });
      if (asked !== filter || at !== timeAt()) return;
      showMatches(answer.matches ?? [], answer.total ?? 0);
    } catch (error) {
      if (error.reason === "lost") return;
      matches.replaceChildren();
      setText(summary, error.message);
    }
  }

  function showMatches(found, total) {
    matches.replaceChildren(...found.map(({ node, path = [] }) =>
      h("li", {}, h("a", { href: linkHere({ actor: node.pid }), "data-testid": "match" },
        glyph(node), h("span", { class: "name" }, nameOf(node)),
        h("span", { class: "type" }, typeName(node.behavior)),
        h("span", { class: "path" }, path.map((one) => one.label || one.pid).join(" › "))))));
    const all = many(total, "match", "matches");
    setText(summary, total > found.length ? `${count(found.length)} of ${all}` : all);
  }

  // ------------------------------------------------------------ showing

  function render() {
    const former = shown;
    shown = model.rows();
    const byKey = new Map(shown.map((row) => [row.key, row]));
    const hadFocus = tree.contains(document.activeElement);
    arrange(tree, rows, [...byKey.keys()], (key) => makeRow(key, byKey.get(key).kind));
    for (const row of shown) ({ node: paintNode, more: paintMore, ghost: paintGhost })[row.kind](rows.get(row.key), row);
    const selectable = shown.filter(({ kind }) => kind !== "ghost");
    if (!selectable.some(({ key }) => key === active)) active = heirOf(active, former, selectable);
    for (const [key, element] of rows) setAttribute(element, "tabindex", byKey.get(key).kind === "ghost" ? null : key === active ? "0" : "-1");
    if (hadFocus && !tree.contains(document.activeElement)) rows.get(active)?.focus({ preventScroll: true });
    if (shown.length === 0) {
      note.hidden = filter !== "";
      setText(note, "No actors.");
    }
    expireLater();
  }

  // Tab goes to what is above the row that is gone, or to the actor of the panel.
  function heirOf(gone, former, selectable) {
    const there = new Set(selectable.map(({ key }) => key));
    let i = former.findIndex(({ key }) => key === gone);
    for (let level = former[i]?.level; i >= 0; i--) {
      if (former[i].level >= level) continue;
      if (there.has(former[i].key)) return former[i].key;
      level = former[i].level;
    }
    return there.has(app.place.actor) ? app.place.actor : (selectable[0]?.key ?? "");
  }

  let expiry = 0;
  function expireLater() {
    clearTimeout(expiry);
    const next = model.nextExpiry();
    if (next === Infinity) return;
    expiry = setTimeout(() => {
      model.expire(Date.now());
      render();
    }, Math.max(50, next - Date.now()));
  }

  function makeRow(key, kind) {
    if (kind === "ghost") return h("div", { class: "row ghost", "aria-hidden": "true", "data-testid": "ghost" }, h("span", { class: "twisty" }), h("span", { class: "glyph" }), h("span", { class: "name" }), h("span", { class: "why" }));
    if (kind === "more") return h("div", { class: "row more", role: "treeitem", "data-testid": "more", onclick: () => showMore(key) }, h("span", { class: "twisty" }), h("span", { class: "name" }));
    return h("div", { class: "row", role: "treeitem", "data-testid": "actor", "data-pid": key, onclick: (event) => clicked(event, key) },
      h("span", { class: "twisty" }, icon("chevron")),
      h("span", { class: "glyph" }),
      h("span", { class: "name" }),
      h("span", { class: "type" }),
      h("span", { class: "why" }),
      h("span", { class: "chip restarts" }),
      h("span", { class: "chip queue" }),
      h("span", { class: "pid" }));
  }

  function paintNode(element, { pid, level, position, size }) {
    const node = model.nodes.get(pid);
    const parent = node.kind === "supervisor" || node.count > 0;
    const open = parent && model.open.has(pid);
    const flash = model.flashes.get(pid);
    element.style.setProperty("--level", level);
    setAttribute(element, "aria-level", level);
    setAttribute(element, "aria-posinset", position);
    setAttribute(element, "aria-setsize", size);
    setAttribute(element, "aria-expanded", parent && node.count > 0 ? String(open) : null);
    setAttribute(element, "aria-selected", String(app.place.actor === pid));
    setAttribute(element, "data-kind", node.kind);
    setAttribute(element, "data-status", node.status || null);
    setAttribute(element, "data-flash", flash?.kind ?? null);
    setAttribute(element, "data-restarts", node.restarts || null);
    setAttribute(element, "data-unnamed", isUnnamed(node) ? "true" : null);
    const [, mark, name, type, why, restarts, queue, id] = element.children;
    setAttribute(mark, "class", `glyph ${node.kind}`);
    setText(name, nameOf(node));
    const about = node.kind === "supervisor" ? [strategyName(node.strategy), many(node.count ?? 0, "child", "children")].filter(Boolean).join(" · ") : isUnnamed(node) ? "" : typeName(node.behavior);
    setText(type, about);
    if (type.title !== (node.behavior ?? "")) type.title = node.behavior ?? "";
    setText(why, flash ? (flash.kind === "crash" ? `crashed: ${flash.reason}` : "restarted") : "");
    setText(restarts, node.restarts ? `↻ ${short(node.restarts)}` : "");
    setText(queue, node.queue ? `${short(node.queue)} waiting` : "");
    setText(id, node.pid || "not running");
    const words = [nameOf(node), isUnnamed(node) && node.pid, node.kind === "supervisor" ? `supervisor, ${about}` : about,
      node.status === "suspended" && "suspended", !node.pid && "not running", node.restarts && many(node.restarts, "restart"),
      node.queue && `${count(node.queue)} waiting`, flash && why.textContent];
    setAttribute(element, "aria-label", words.filter(Boolean).join(", "));
  }

  function paintMore(element, { pid, level, position, size, more }) {
    element.style.setProperty("--level", level);
    setAttribute(element, "aria-level", level);
    setAttribute(element, "aria-posinset", position);
    setAttribute(element, "aria-setsize", size);
    const step = Math.min(LIMIT, more);
    const text = `Show ${count(step)} more of ${count(more)}`;
    setText(element.lastElementChild, text);
    setAttribute(element, "aria-label", `${text}, in ${nameOf(model.nodes.get(pid))}`);
  }

  function paintGhost(element, { pid, level }) {
    const { node, crashed, reason } = model.ghosts.get(pid);
    element.style.setProperty("--level", level);
    setAttribute(element, "data-flash", crashed ? "crash" : "exit");
    setText(element.children[2], nameOf(node));
    setText(element.children[3], crashed ? `crashed: ${reason}` : `ended: ${reason}`);
  }

  function glyph(node) {
    return h("span", { class: `glyph ${node.kind}`, "aria-hidden": "true" });
  }

  // ------------------------------------------------------------ doing

  function toggle(pid, open = !model.open.has(pid)) {
    if (open === model.open.has(pid)) return;
    if (open) model.open.add(pid);
    else model.open.delete(pid);
    opening = 0;
    render();
    refresh();
  }

  function showMore(key) {
    const pid = key.slice("more ".length);
    model.limits[pid] = (model.limits[pid] ?? LIMIT) + LIMIT;
    const last = shown[shown.findIndex((row) => row.key === key) - 1];
    if (active === key && last) active = last.key;
    refresh();
  }

  function clicked(event, pid) {
    setActive(pid, { focus: true });
    if (event.target.closest(".twisty") && rows.get(pid).hasAttribute("aria-expanded")) return toggle(pid);
    if (model.nodes.get(pid).pid) go({ actor: pid });
  }

  function setActive(key, { focus = false } = {}) {
    if (!rows.has(key)) return;
    rows.get(active)?.setAttribute("tabindex", "-1");
    active = key;
    rows.get(key).setAttribute("tabindex", "0");
    if (!focus) return;
    rows.get(key).focus({ preventScroll: true });
    rows.get(key).scrollIntoView({ block: "nearest" });
  }

  let typed = "";
  let typedAt = 0;

  function typeAhead(list, i, character) {
    const now = Date.now();
    typed = now - typedAt > 800 ? character : typed + character;
    typedAt = now;
    const start = typed.length === 1 ? i + 1 : i;
    const order = [...list.slice(start), ...list.slice(0, start)];
    const found = order.find(({ kind, pid }) => kind === "node" && nameOf(model.nodes.get(pid)).toLowerCase().startsWith(typed.toLowerCase()));
    if (found) setActive(found.key, { focus: true });
  }

  function parentOf(row) {
    const parent = row.kind === "more" ? row.pid : model.nodes.get(row.pid)?.parent;
    return parent === ROOT ? null : parent;
  }

  tree.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const list = shown.filter(({ kind }) => kind !== "ghost");
    const i = list.findIndex(({ key }) => key === active);
    const row = list[i];
    if (!row) return;
    const to = (other) => other && setActive(other.key, { focus: true });
    const expands = rows.get(row.key).getAttribute("aria-expanded");
    const keys = {
      ArrowDown: () => to(list[i + 1]),
      ArrowUp: () => to(list[i - 1]),
      Home: () => to(list[0]),
      End: () => to(list.at(-1)),
      PageDown: () => to(list[Math.min(i + 10, list.length - 1)]),
      PageUp: () => to(list[Math.max(i - 10, 0)]),
      ArrowRight: () => {
        if (expands === "false") toggle(row.pid, true);
        else if (expands === "true" && list[i + 1]?.level > row.level) to(list[i + 1]);
      },
      ArrowLeft: () => {
        const parent = parentOf(row);
        if (expands === "true") toggle(row.pid, false);
        else if (parent) setActive(parent, { focus: true });
      },
      "*": () => {
        for (const other of list) {
          if (other.kind === "node" && parentOf(other) === parentOf(row) && rows.get(other.key).hasAttribute("aria-expanded")) model.open.add(other.pid);
        }
        opening = 0;
        refresh();
      },
      Enter: () => (row.kind === "more" ? showMore(row.key) : select(row.pid)),
      " ": () => (row.kind === "more" ? showMore(row.key) : select(row.pid)),
    };
    const action = keys[event.key];
    if (action) action();
    else if (event.key.length === 1) typeAhead(list, i, event.key);
    else return;
    event.preventDefault();
  });

  // From the keyboard the focus follows to the panel, and Escape brings it back.
  function select(pid) {
    if (!model.nodes.get(pid).pid) return; // it does not run
    app.focusPanel = true;
    go({ actor: pid });
  }

  // ------------------------------------------------------------ what happened

  const SAY = {
    crash: ({ node, reason }) => [nameOf(node), "crashed", reason],
    restart: ({ node, by }) => [nameOf(node), "was restarted", by?.strategy ? strategyName(by.strategy) : ""],
    exit: ({ node, reason }) => [nameOf(node), "ended", reason],
    start: ({ node }) => [nameOf(node), "started", ""],
  };

  function tell(list) {
    const quiet = list.length > 12; // a storm is not read out one by one
    for (const one of list) {
      const [who, what, why] = SAY[one.kind](one);
      const at = one.at ?? app.now();
      const name = one.node.pid ? h("a", { href: linkHere({ actor: one.node.pid }) }, who) : who;
      news.prepend(h("li", { "data-kind": one.kind, "data-testid": "news-line" },
        timeOf(at), h("span", {}, name, ` ${what}`), why && h("span", { class: "reason" }, why)));
      if (!quiet && one.kind !== "start" && one.kind !== "exit") announce(`${who} ${what}${why ? `: ${why}` : ""}`);
    }
    if (quiet) announce(`${many(list.filter(({ kind }) => kind === "crash").length, "crash", "crashes")}, ${many(list.filter(({ kind }) => kind === "restart").length, "restart")}`);
    while (news.childElementCount > NEWS) news.lastElementChild.remove();
    newsBox.classList.toggle("some", news.childElementCount > 0);
  }

  function showPast() {
    const at = timeAt();
    past.hidden = !at;
    element.classList.toggle("rewound", at > 0);
    if (!at) return;
    past.replaceChildren(`The tree as it was at ${clock(at)}. `, h("a", { href: linkHere({ at: "" }), "data-testid": "to-live" }, "Back to live"));
  }

  return {
    title: "Tree",
    element,

    visit(place, former) {
      if (place.node !== former.node) {
        model.open.clear();
        model.open.add(ROOT);
        model.ghosts.clear();
        model.flashes.clear();
        opening = 3;
      }
      if (filter && (place.node !== former.node || place.at !== former.at)) search(filter);
      showPast();
      time.show(timeAt());
      if (place.actor && rows.has(place.actor)) setActive(place.actor);
      if (place.show) {
        reveal(place.actor, place.show.split(" "));
        return go({ show: "" }, { replace: true });
      }
      if (tree.childElementCount === 0 || place.at !== former.at || place.node !== former.node || place.view !== former.view) refresh();
      else render();
    },

    connected() {
      refresh();
      time.refresh();
    },

    leave: () => clearTimeout(expiry),
    reset: refresh,

    changed(change) {
      if (timeAt()) return;
      if (asking) meanwhile.push(change);
      const told = model.apply(change, Date.now());
      if (model.wants()) refresh(); // a supervisor that was open has an heir
      const heir = (change.restarted ?? []).find(({ old }) => old === active);
      if (heir && model.nodes.has(heir.new)) active = heir.new;
      render();
      tell(told);
      time.tick();
    },

    tick() {
      time.tick();
      // Of another node no changes are told.
      if (!app.own() && !app.place.at && !asking && Date.now() - lastAsked >= RENEW_MS) refresh();
    },

    /** What the tree knows of an actor. */
    known: (pid) => model.nodes.get(pid),
  };
}
