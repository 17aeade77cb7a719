// The page's frame: the connection and its state, the views and where one is, the panel of
// one actor. A view is { title, element } and may have visit(place), leave(), connected(),
// changed(change), reset() and tick(), which is called each second while it is looked at.

import { actorPanel } from "./actor.js";
import { Connection } from "./client.js";
import { clusterView } from "./cluster.js";
import { crashesView } from "./crashes.js";
import { h, setAttribute, setOptions, setText } from "./dom.js";
import { duration, short } from "./format.js";
import { icon } from "./icons.js";
import { renewal } from "./renewal.js";
import { VIEWS, go, here, link } from "./route.js";
import { socketsView } from "./sockets.js";
import { tablesView } from "./tables.js";
import { timelineView } from "./timeline.js";
import { topView } from "./top.js";
import { treeView } from "./tree.js";

const el = Object.fromEntries(
  ["node-box", "node", "facts", "who", "status", "status-text", "views", "main", "panel"].map((id) => [id, document.getElementById(id)]),
);

const MAKERS = {
  tree: treeView, top: topView, crashes: crashesView, sockets: socketsView,
  timeline: timelineView, tables: tablesView, cluster: clusterView,
};

const directory = location.pathname.replace(/[^/]*$/, "");
const connection = new Connection(`${location.origin.replace(/^http/, "ws")}${directory}socket/websocket`, "observer");

/** What views have of the page. */
const app = {
  place: here(),
  info: { nodes: [], rights: [], acts: [], tables: [], endpoints: [] },
  skew: 0, // the server's clock less this one's

  /** Asks the node that is looked at. */
  request: (event, payload = {}) => connection.request(event, { ...payload, node: app.node() }),
  node: () => app.place.node || undefined,
  may: (right) => app.info.rights.includes(right),
  live: () => connection.state === "live",
  now: () => Date.now() + app.skew,
  known: (pid) => views.get("tree")?.known(pid),
  own: () => !app.place.node || app.place.node === app.info.node,

  /** What the node that is looked at says of itself, or { error }; null: it is being asked. */
  about: () => (app.own() ? app.info : others.get(app.place.node) ?? null),

  /** Views tell of the nodes that they have heard of. */
  found(nodes, error) {
    if (error) return; // then it is this one alone
    app.info.nodes = nodes.map(({ name }) => name);
    showNodes();
  },
};

// ---------------------------------------------------------------- views

const views = new Map();
let view = null;

function viewOf(name) {
  if (!views.has(name)) views.set(name, MAKERS[name](app));
  return views.get(name);
}

const links = new Map(
  VIEWS.map((name) => {
    const title = name[0].toUpperCase() + name.slice(1);
    return [name, h("a", { href: link({ view: name }), "data-view": name }, icon(name), h("span", {}, title))];
  }),
);
el.views.append(...links.values());

const panel = actorPanel(app, el.panel);

function visit() {
  const former = app.place;
  app.place = here();
  const { view: name, node } = app.place;
  for (const [each, a] of links) {
    setAttribute(a, "aria-current", each === name ? "page" : null);
    a.href = link({ view: each, node });
  }
  const next = viewOf(name);
  if (next !== view) {
    view?.leave?.();
    view = next;
    el.main.replaceChildren(view.element);
    setAttribute(el.main, "aria-label", view.title);
    document.title = `${view.title} · Observer`;
  }
  showNodes();
  showFacts();
  if (app.place.node !== former.node) askAbout();
  view.visit?.(app.place, former);
  panel.visit(app.place);
}

addEventListener("hashchange", visit);

// ---------------------------------------------------------------- nodes and facts

function showNodes() {
  const { nodes = [], node } = app.info;
  const shown = app.place.node || node;
  const names = nodes.includes(shown) || !shown ? nodes : [shown, ...nodes];
  el["node-box"].hidden = names.length < 2;
  setOptions(el.node, names, (name) => (name === node ? `${name} (this one)` : name));
  el.node.value = shown ?? "";
}

// Nodes come and go.
const cluster = renewal({
  ask: () => connection.request("cluster"),
  show: ({ nodes, error }) => app.found(nodes ?? [], error),
  fail: () => {},
  every: () => 10_000,
});

el.node.addEventListener("change", () => {
  const node = el.node.value === app.info.node ? "" : el.node.value;
  go({ node, actor: "", at: "", endpoint: "", socket: "", topic: "", table: "" });
});

const others = new Map(); // node → what it says of itself, or { error }

const about = renewal({
  async ask() {
    const { node } = app.place;
    return [node, await connection.request("node", { node })];
  },
  show: ([node, said]) => heard(node, said),
  fail: (error) => heard(app.place.node, { error: error.message }),
  every: () => 10_000,
});

function heard(node, said) {
  others.set(node, said);
  showFacts();
  view.visit?.(app.place, app.place);
}

function askAbout() {
  if (app.own()) about.drop();
  else if (app.live()) about.refresh();
}

function showFacts() {
  const { actors, started, go: version } = app.about() ?? {};
  const { node, nodes = [] } = app.info;
  const facts = started ? [nodes.length < 2 && node, `${short(actors)} actors`, `up ${duration(app.now() - started)}`, version] : [];
  setText(el.facts, facts.filter(Boolean).join(" · "));
}

// ---------------------------------------------------------------- the connection

const RIGHTS = { look: "look only", trace: "look and trace", act: "look, trace and act" };

function showWho() {
  const highest = ["act", "trace", "look"].find(app.may);
  setText(el.who, [app.info.who, RIGHTS[highest]].filter(Boolean).join(" · "));
}

let was = "";
let until = 0;

connection.onState = (state, detail) => {
  el.status.dataset.state = state;
  document.body.dataset.state = state;
  if (state === "live") {
    app.info = { rights: [], acts: [], nodes: [], tables: [], endpoints: [], ...detail };
    app.skew = detail.now - Date.now();
    showNodes();
    showFacts();
    showWho();
    askAbout();
    view.connected?.();
    panel.connected();
  }
  if (state === "waiting") until = detail;
  if (state === "refused") setText(el["status-text"], `refused: ${detail.message}`);
  else showStatus();
  if (state !== "connecting") was = state;
};

// A reconnection that succeeds at once is nothing to worry anybody with, and a reason stays until there is another.
function showStatus() {
  switch (connection.state) {
    case "live":
      return setText(el["status-text"], "live");
    case "connecting":
      return was === "waiting" || was === "refused" || setText(el["status-text"], "connecting…");
    case "waiting":
      return setText(el["status-text"], until - Date.now() > 900 ? "disconnected, trying again…" : "disconnected…");
  }
}

connection.on("changed", (change) => {
  if (!app.own()) return; // it was on its way when another node was chosen
  view.changed?.(change);
  panel.changed(change);
});
connection.on("reset", () => view.reset?.());
connection.on("ended", (refusal) => connection.refuse(refusal));
connection.on("traced", (message) => panel.traced(message));
connection.on("traceEnded", (end) => panel.traceEnded(end));

setInterval(() => {
  if (document.visibilityState !== "visible" || !app.live()) return;
  showFacts();
  if (app.info.cluster) cluster.tick();
  if (!app.own()) about.tick();
  view.tick?.();
  panel.tick();
}, 1000);

addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || !app.place.actor) return;
  go({ actor: "" });
});

// Its address would be a place of its own.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  el.main.focus();
});

visit();
connection.connect();

