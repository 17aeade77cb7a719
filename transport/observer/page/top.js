// The actors with the most of something, kept up to date.

import { h } from "./dom.js";
import { count, duration, percent, rate, short, typeName } from "./format.js";
import { go, here, linkHere } from "./route.js";
import { Listing } from "./table.js";
import { nameOf } from "./tree.js";

const BY = { queue: "Waiting", oldest: "Oldest", rate: "Rate", busy: "Busy", handled: "Handled", restarts: "Restarts" };

/** What there is to say if no actor has any of it. */
const NONE = {
  queue: "No messages are waiting.", oldest: "No messages are waiting.", rate: "No messages are being handled.",
  busy: "No actor is busy.", handled: "No messages have been handled.", restarts: "Nothing has been restarted.",
};

const actorLink = (row) => h("a", { href: linkHere({ actor: row.pid }), title: row.pid }, nameOf(row));

export function topView(app) {
  let every = 1000;
  let most = 1; // of the column that sorts
  const by = () => (Object.hasOwn(BY, here().by) ? here().by : "queue");

  const figure = (key, show) => ({
    head: BY[key],
    sort: key,
    class: `figure ${key === "queue" || key === "rate" ? "" : "secondary"} by-${key}`,
    cell: (row) => {
      if (key !== by() || !row[key]) return h("span", {}, show(row[key]));
      const bar = h("span", { class: "bar-of" }, show(row[key]));
      bar.style.setProperty("--share", Math.min(1, row[key] / most).toFixed(3));
      return bar;
    },
  });
  const sort = (key) => go({ by: key === "queue" ? "" : key }, { replace: true });
  const chooser = h("select", { "aria-label": "Sort by", onchange: () => sort(chooser.value) },
    Object.entries(BY).map(([value, text]) => h("option", { value }, `By ${text.toLowerCase()}`)));
  const listing = new Listing({
    app,
    tools: [chooser],
    label: "Actors with the most",
    columns: [
      { head: "Actor", class: "main-cell", cell: actorLink },
      { head: "Type", class: "secondary", cell: (row) => typeName(row.behavior), title: (row) => row.behavior ?? "" },
      { head: "Status", class: "secondary", cell: (row) => row.status },
      figure("queue", short),
      figure("oldest", (ms) => (ms ? duration(ms) : "–")),
      figure("rate", rate),
      figure("busy", percent),
      figure("handled", short),
      figure("restarts", count),
    ],
    key: (row) => row.pid,
    filterable: "Filter by name, label or type",
    onSort: sort,
    async ask({ filter, limit }) {
      const answer = await app.request("top", { by: by(), filter, limit: Math.min(limit, 200) });
      every = Math.max(1000, answer.every || 1000);
      most = Math.max(1e-9, ...(answer.rows ?? []).map((row) => row[by()] ?? 0));
      return answer;
    },
    every: () => every,
    empty: () => NONE[by()],
  });

  function refresh() {
    listing.sortedBy(by());
    chooser.value = by();
    return listing.refresh();
  }

  return {
    title: "Top",
    element: listing.element,
    visit: refresh,
    connected: refresh,
    tick: () => listing.tick(),
  };
}
