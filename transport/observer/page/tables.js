// The tables that the program shows: registries, pools, entity sets, and its own.

import { h } from "./dom.js";
import { renewal } from "./renewal.js";
import { here, link, linkHere } from "./route.js";
import { Listing } from "./table.js";

export function tablesView(app) {
  let made = ""; // what the listing shows
  let listing = null;
  const list = h("nav", { class: "choices", "aria-label": "Tables" });
  const body = h("div", { class: "grow" });
  const empty = h("p", { class: "empty" }, "This program shows no tables. Name some in the observer's Config.Tables.");
  const element = h("section", { class: "tablesview" }, list, body);

  const tables = () => app.about()?.tables ?? [];
  const name = () => (tables().includes(here().table) ? here().table : tables()[0]);

  const shown = () => `${app.place.node ?? ""} ${name()}`; // a table has other columns elsewhere

  function choices() {
    const links = tables().map((table) => {
      const a = h("a", { href: link({ view: "tables", table, node: app.place.node }) }, table);
      if (table === name()) a.setAttribute("aria-current", "true");
      return a;
    });
    if ([...list.children].map((a) => a.outerHTML).join() !== links.map((a) => a.outerHTML).join()) list.replaceChildren(...links);
    list.hidden = links.length < 2;
  }

  const ask = (table) => ({ filter, limit }) => app.request("table", { name: table, filter, limit });

  // The columns are known with the first answer.
  const columns = renewal({
    async ask() {
      const [table, of] = [name(), shown()];
      return { table, of, ...(await ask(table)({ filter: "", limit: 1 })) };
    },
    show({ table, of, columns: heads = [] }) {
      made = of;
      listing = listingOf(table, heads);
      body.replaceChildren(listing.element);
      listing.refresh();
    },
    fail: ({ message }) => fail(message),
  });

  function fail(message) {
    made = "";
    body.replaceChildren(h("p", { class: "problem", role: "status" }, message));
  }

  const listingOf = (table, heads) => new Listing({
    app,
    label: table,
    key: (row) => row.at,
    columns: heads.map((head, i) => ({ head, class: i === 0 ? "main-cell" : "", cell: (row) => cell(row.cells[i]) })),
    async ask(query) {
      const { rows, total } = await ask(table)(query);
      return { rows: (rows ?? []).map((cells, at) => ({ at, cells })), total };
    },
    empty: "The table is empty.",
  });

  function refresh() {
    if (!app.live()) return;
    choices();
    const about = app.about();
    if (!about || about.error) return fail(about?.error ?? "");
    if (name() && made !== shown()) return columns.refresh();
    columns.drop();
    if (name()) return listing.refresh();
    body.replaceChildren(empty);
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
      if (name()) (made === shown() ? listing : columns).tick();
    },
  };
}
