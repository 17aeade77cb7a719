// The nodes of the cluster, and the way to each.

import { h, setText } from "./dom.js";
import { count, duration, many } from "./format.js";
import { renewal } from "./renewal.js";
import { link } from "./route.js";
import { Table } from "./table.js";

export function clusterView(app) {
  const note = h("p", { class: "empty", role: "status", hidden: true });
  const table = new Table({
    label: "Nodes",
    key: (row) => row.name,
    columns: [
      { head: "Node", class: "main-cell", cell: (row) => h("a", { href: link({ view: "tree", node: row.self ? "" : row.name }) }, row.self ? `${row.name} (this one)` : row.name) },
      { head: "State", cell: (row) => h("span", { class: "kind", "data-kind": row.error ? "crash" : "" }, row.error || row.state || "") },
      { head: "Actors", class: "figure", cell: (row) => (row.error ? "" : count(row.actors)) },
      { head: "Connections", class: "figure secondary", cell: (row) => (row.error ? "" : count(row.connections)) },
      { head: "Channels", class: "figure secondary", cell: (row) => (row.error ? "" : count(row.channels)) },
      { head: "Up", class: "secondary", cell: (row) => (row.started ? duration(app.now() - row.started) : "") },
      { head: "Go", class: "secondary", cell: (row) => row.go ?? "" },
    ],
  });
  const element = h("section", { class: "listing", "aria-label": "Cluster" }, table.element, note);

  const { refresh, tick } = renewal({
    ask: () => app.request("cluster"),
    show({ nodes, error, more }) {
      table.show(nodes ?? []);
      app.found(nodes ?? [], error);
      note.hidden = !error && !more && (nodes ?? []).length > 1;
      if (error) setText(note, `The other nodes are not known: ${error}`);
      else if (more) setText(note, `And ${many(more, "node")} more.`);
      else setText(note, "This program is the only node: it has no cluster, or none that the observer was told of.");
    },
    fail(error) {
      note.hidden = false;
      setText(note, error.message);
    },
  });

  return { title: "Cluster", element, visit: refresh, connected: refresh, tick };
}
