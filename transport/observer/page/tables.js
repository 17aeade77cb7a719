// The tables that the program shows: registries, pools, entity sets, and its own.

import { h } from "./dom.js";
import { here, link, linkHere } from "./route.js";
import { Listing } from "./table.js";

const RENEW_MS = 2000;

export function tablesView(app) {
  let last = 0;
  let made = ""; // name and columns that the listing is for
  let listing = null;
  const list = h("nav", { class: "choices", "aria-label": "Tables" });
  const body = h("div", { class: "grow" });
  const empty = h("p", { class: "empty" }, "This program shows no tables. Name some in the observer's Config.Tables.");
  const element = h("section", { class: "tablesview" }, list, body);

  const name = () => (app.info.tables.includes(here().table) ? here().table : app.info.tables[0]);

  function choices() {
    const links = app.info.tables.map((table) => {
      const a = h("a", { href: link({ view: "tables", table, node: app.place.node }) }, table);
      if (table === name()) a.setAttribute("aria-current", "true");
      return a;
    });
    if ([...list.children].map((a) => a.outerHTML).join() !== links.map((a) => a.outerHTML).join()) list.replaceChildren(...links);
    list.hidden = links.length < 2;
  }

  const ask = (table) => ({ filter, limit }) => app.request("table", { name: table, filter, limit });

  // The columns are known with the first answer.
  async function refresh() {
    last = Date.now();
    if (!app.live()) return;
    choices();
    const table = name();
    if (!table) return body.replaceChildren(empty);
    if (made === table) return listing.refresh();
    let columns = [];
    try {
      ({ columns = [] } = await ask(table)({ filter: "", limit: 1 }));
    } catch (error) {
      if (error.reason !== "lost") body.replaceChildren(h("p", { class: "problem", role: "status" }, error.message));
      return;
    }
    if (table !== name()) return;
    made = table;
    listing = new Listing({
      app,
      label: table,
      key: (row) => row.at,
      columns: columns.map((head, i) => ({ head, class: i === 0 ? "main-cell" : "", cell: (row) => cell(row.cells[i]) })),
      async ask(query) {
        const { rows, total, matched } = await ask(table)(query);
        return { rows: (rows ?? []).map((cells, at) => ({ at, cells })), total, matched };
      },
      empty: "The table is empty.",
    });
    body.replaceChildren(listing.element);
    listing.refresh();
  }

  // What looks like a PID leads to its actor.
  function cell(text = "") {
    return /^<\S+\.\d+>$/.test(text) ? h("a", { href: linkHere({ actor: text }) }, text) : text;
  }

  return {
    title: "Tables",
    element,
    visit: refresh,
    connected: refresh,
    tick() {
      if (Date.now() - last >= RENEW_MS) refresh();
    },
  };
}
