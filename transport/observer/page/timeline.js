// What happened in the last minutes: spawns, ends, crashes, restarts, newest first; and
// the way from each to the tree as it was then.

import { h, setText } from "./dom.js";
import { clock, count, many, typeName } from "./format.js";
import { KINDS, whose } from "./events.js";
import { renewal } from "./renewal.js";
import { go, link, linkHere } from "./route.js";
import { scrubber } from "./scrubber.js";
import { Table } from "./table.js";

const LIMIT = 200;

export function timelineView(app) {
  const time = scrubber(app, { large: true, onPick: (at) => go({ at: at ? String(at) : "" }, { replace: true }) });
  const table = new Table({
    label: "What happened",
    key: (event) => `${event.at} ${event.kind} ${event.pid} ${event.nth}`,
    kind: (event) => event.kind,
    columns: [
      { head: "At", class: "time", cell: (event) => clock(event.at) },
      { head: "Actor", class: "main-cell", cell: (event) => h("a", { href: linkHere({ actor: event.pid }), title: event.pid }, whose(event)) },
      { head: "What", cell: (event) => h("span", { class: "kind", "data-kind": event.kind }, KINDS[event.kind] ?? event.kind) },
      { head: "Reason", class: "reason", cell: (event) => event.reason ?? "" },
      { head: "Type", class: "secondary", cell: (event) => typeName(event.behavior), title: (event) => event.behavior ?? "" },
      { head: "Tree", class: "secondary", cell: (event) => h("a", { href: link({ view: "tree", node: app.place.node, at: String(event.at) }), "aria-label": `The tree at ${clock(event.at)}` }, "then") },
    ],
  });
  const note = h("p", { class: "summary", role: "status", "data-testid": "summary" });
  const treeLink = h("a", { class: "quiet button", href: "" }, "The tree at this time");
  // Without "download" a refusal would take the page's place.
  const flight = h("a", { class: "quiet button", href: "flight", download: "", "data-testid": "flight", title: "What the program's goroutines did in the last seconds, for go tool trace" }, "Flight recording");
  const element = h("section", { class: "timeline" }, time.element, h("div", { class: "tools" }, note, treeLink, flight), table.element);

  const events = renewal({
    async ask() {
      const at = Number(app.place.at) || 0;
      const to = at || Math.round(app.now());
      return { at, ...(await app.request("timeline", { from: app.about()?.historyFrom || to - 600_000, to, limit: LIMIT })) };
    },
    show({ at, events, lost }) {
      const seen = new Map();
      // The server's order is kept among those of one millisecond.
      const rows = [...(events ?? [])].reverse().sort((a, b) => b.at - a.at).map((event) => {
        const key = `${event.at} ${event.kind} ${event.pid}`;
        seen.set(key, (seen.get(key) ?? 0) + 1);
        return { ...event, nth: seen.get(key) };
      });
      table.show(rows);
      const shown = lost ? `the last ${count(rows.length)} of ${many(rows.length + lost, "event")}` : many(rows.length, "event");
      setText(note, at ? `Until ${clock(at)}: ${shown}` : shown);
    },
    fail: (error) => setText(note, error.message),
  });

  function refresh() {
    const at = Number(app.place.at) || 0;
    time.show(at);
    flight.hidden = !app.info.flight || !app.own();
    treeLink.hidden = !at;
    treeLink.href = linkHere({ view: "tree" });
    time.refresh();
    return events.refresh();
  }

  return {
    title: "Timeline",
    element,
    visit: refresh,
    connected: refresh,
    tick() {
      time.tick();
      events.tick();
    },
  };
}
