// Connections and the channels on them, topics and who is there.

import { h, setOptions, setText } from "./dom.js";
import { ago, bytes, count, many, typeName } from "./format.js";
import { renewal } from "./renewal.js";
import { go, here, linkHere } from "./route.js";
import { Listing, Table } from "./table.js";

/** A detail below a listing, with a way to close it. */
function detail(label, name, ...children) {
  return h("section", { class: "detail", "aria-label": label, "data-testid": name }, children);
}

/** The connection of a channel; of one that lingers it is lost, and there is none to show. */
function connectionOf({ id, connection, lingering }) {
  if (lingering) return `${id || connection} (away)`;
  return h("a", { href: linkHere({ list: "", socket: connection, topic: "" }) }, id || connection);
}

export function socketsView(app) {
  const endpoints = () => app.about()?.endpoints ?? []; // not known yet: the server takes its first
  const endpoint = () => here().endpoint || endpoints()[0] || "";
  const kind = () => (here().list === "topics" ? "topics" : "connections");

  const chooser = h("select", { "aria-label": "Endpoint", onchange: () => go({ endpoint: chooser.value, socket: "", topic: "" }) });
  const tab = (name, text) => h("a", { href: "", class: "tab", "data-testid": `tab-${name}` }, text);
  const tabs = { connections: tab("connections", "Connections"), topics: tab("topics", "Topics") };

  const connections = new Listing({
    app,
    label: "Connections",
    key: (row) => row.pid,
    columns: [
      { head: "Connection", class: "main-cell", cell: (row) => h("a", { href: linkHere({ socket: row.pid, topic: "" }) }, row.id || row.remote || row.pid), title: (row) => row.pid },
      { head: "From", class: "secondary", cell: (row) => row.remote ?? "" },
      { head: "Path", class: "secondary", cell: (row) => row.path ?? "" },
      { head: "Transport", class: "secondary", cell: (row) => [row.transport, row.version && `v${String(row.version).split(".")[0]}`].filter(Boolean).join(" ") },
      { head: "Since", class: "secondary", cell: (row) => (row.since ? ago(row.since, app.now()) : "") },
      { head: "Channels", class: "figure", cell: (row) => count(row.channels) },
      { head: "Unsent", class: "figure", cell: (row) => bytes(row.queueBytes) },
    ],
    ask: ({ filter, limit }) => app.request("sockets", { endpoint: endpoint(), filter, limit }),
    filterable: "Filter by socket ID or address",
    empty: "No connections.",
  });
  const topics = new Listing({
    app,
    label: "Topics",
    key: (row) => row.topic,
    columns: [
      { head: "Topic", class: "main-cell", cell: (row) => h("a", { href: linkHere({ topic: row.topic, socket: "" }) }, row.topic) },
      { head: "Route", class: "secondary", cell: (row) => row.route ?? "" },
      { head: "Channels", class: "figure", cell: (row) => count(row.channels) },
      { head: "Present", class: "figure", cell: (row) => (row.presence === undefined ? "–" : count(row.presence)) },
    ],
    ask: ({ filter, limit }) => app.request("topics", { endpoint: endpoint(), filter, limit }),
    filterable: "Filter by topic",
    empty: "No topics.",
  });

  const channels = new Table({
    label: "Channels",
    key: (row) => row.pid,
    columns: [
      { head: "Topic", class: "main-cell", cell: (row) => h("a", { href: linkHere({ list: "topics", topic: row.topic, socket: "" }) }, row.topic) },
      { head: "Route", class: "secondary", cell: (row) => row.route ?? "" },
      { head: "Handler", class: "secondary", cell: (row) => typeName(row.handler), title: (row) => row.handler ?? "" },
      { head: "Actor", cell: (row) => h("a", { href: linkHere({ actor: row.pid }) }, row.pid) },
    ],
  });
  const members = new Table({
    label: "Channels of the topic",
    key: (row) => row.pid,
    columns: [
      { head: "Connection", class: "main-cell", cell: connectionOf },
      { head: "Handler", class: "secondary", cell: (row) => typeName(row.handler), title: (row) => row.handler ?? "" },
      { head: "Channel", cell: (row) => h("a", { href: linkHere({ actor: row.pid }) }, row.pid) },
    ],
  });
  const present = new Table({
    label: "Who is there",
    key: (row) => row.key,
    columns: [
      { head: "Who", class: "main-cell", cell: (row) => row.key },
      { head: "Times", class: "figure", cell: (row) => count(row.count) },
    ],
  });

  const below = h("div", { class: "below" });
  const bar = h("div", { class: "viewbar" }, h("div", { class: "tabs", role: "group", "aria-label": "Show" }, tabs.connections, tabs.topics), chooser);
  const body = h("div", { class: "grow" });
  const element = h("section", { class: "sockets" }, bar, body, below);

  const heading = h("h2", {});
  const facts = h("p", { class: "about" });
  const closing = () => h("a", { class: "quiet button", href: linkHere({ socket: "", topic: "" }) }, "Close");
  const presentHead = h("h3", {});

  function showSocket(socket, { id, remote, transport, path, since, channels: number, list }) {
    setText(heading, id || remote || socket);
    setText(facts, [remote && `from ${remote}`, transport, path, since && `for ${ago(since, app.now()).replace(" ago", "")}`, many(number ?? 0, "channel")].filter(Boolean).join(" · "));
    channels.show(list ?? []);
    put("socket", () => detail("Connection", "socket", h("div", { class: "detailhead" }, heading, h("a", { class: "quiet button", href: linkHere({ actor: socket }) }, "Its actor"), closing()), facts, channels.element));
  }

  function showTopic(topic, { route, total, channels: list, presence, presenceTotal }) {
    setText(heading, topic);
    setText(facts, [route && `route ${route}`, many(total ?? list?.length ?? 0, "channel")].filter(Boolean).join(" · "));
    members.show(list ?? []);
    present.show(presence ?? []);
    presentHead.hidden = present.element.hidden = presence === undefined || presence === null;
    setText(presentHead, `Presence: ${count(presenceTotal ?? presence?.length ?? 0)}`);
    put("topic", () => detail("Topic", "topic", h("div", { class: "detailhead" }, heading, closing()), facts, h("div", { class: "columns" }, h("div", {}, h("h3", {}, "Channels"), members.element), h("div", {}, presentHead, present.element))));
  }

  const detailed = renewal({
    async ask() {
      const { socket, topic } = here();
      if (socket) return { socket, ...(await app.request("socket", { endpoint: endpoint(), pid: socket })) };
      return { ...(await app.request("topic", { endpoint: endpoint(), topic })), topic };
    },
    show: ({ socket, topic, ...answer }) => (socket ? showSocket(socket, answer) : showTopic(topic, answer)),
    fail(error) {
      const { socket, topic } = here();
      delete below.dataset.of;
      below.replaceChildren(detail("Detail", "detail-problem", h("div", { class: "detailhead" }, h("h2", {}, topic || socket), closing()), h("p", { class: "problem", role: "status" }, error.message)));
    },
  });

  function showDetail() {
    const { socket, topic } = here();
    if (socket || topic) return void detailed.refresh();
    detailed.drop();
    below.replaceChildren();
  }

  // Made once for each connection or topic, and renewed in place.
  function put(name, make) {
    const of = `${name} ${here().socket ?? ""} ${here().topic ?? ""} ${here().actor ?? ""}`;
    if (below.dataset.of === of && below.childElementCount > 0) return;
    below.dataset.of = of;
    below.replaceChildren(make());
  }

  const listing = () => (kind() === "topics" ? topics : connections);

  function refresh() {
    chooser.hidden = endpoints().length < 2;
    setOptions(chooser, endpoints());
    chooser.value = endpoint();
    for (const [name, a] of Object.entries(tabs)) {
      a.href = linkHere({ list: name === "topics" ? "topics" : "", socket: "", topic: "" });
      if (name === kind()) a.setAttribute("aria-current", "true");
      else a.removeAttribute("aria-current");
    }
    if (body.firstChild !== listing().element) body.replaceChildren(listing().element);
    listing().refresh();
    showDetail();
  }

  return {
    title: "Sockets",
    element,
    visit: refresh,
    connected: refresh,
    tick() {
      listing().tick();
      if (here().socket || here().topic) detailed.tick();
    },
  };
}
