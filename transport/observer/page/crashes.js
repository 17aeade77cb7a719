// Crashes that are alike, as one: where they happen, how often, and what came before.

import { h, setText } from "./dom.js";
import { ago, clock, count, many, typeName } from "./format.js";
import { eventList } from "./events.js";
import { renewal } from "./renewal.js";
import { link, linkHere } from "./route.js";

export function crashesView(app) {
  let shown = "";
  const open = new Set(); // keys
  const list = h("ol", { class: "crashes" });
  const note = h("p", { class: "empty", role: "status" });
  const element = h("section", { class: "listing", "aria-label": "Crashes" }, note, list);

  function group(one) {
    const { example = {}, preceded = [] } = one;
    return h("li", {},
      h("details", {
        open: open.has(one.key), "data-testid": "crash",
        ontoggle: (e) => (e.target.open ? open.add(one.key) : open.delete(one.key)),
      },
        h("summary", {},
          h("span", { class: "times-chip" }, `${count(one.count)}×`),
          h("span", { class: "what" }, h("strong", {}, one.reason), h("span", { class: "type" }, typeName(one.behavior))),
          h("span", { class: "when" }, ago(one.last, app.now()))),
        h("div", { class: "crashbody" },
          h("p", {}, one.count > 1 ? `${many(one.count, "time")}, first at ${clock(one.first)}, last at ${clock(one.last)}` : `At ${clock(one.last)}`, ". Last in ",
            h("a", { href: linkHere({ actor: example.pid }) }, example.label || example.pid || "an actor"),
            example.parent && [", under ", h("a", { href: linkHere({ actor: example.parent }) }, example.parent)],
            `, which had handled ${many(example.handled ?? 0, "message")}; ${example.waiting ?? 0} waited. `,
            h("a", { href: link({ view: "tree", node: app.place.node, at: String(Math.max(1, one.last - 1)) }) }, "The tree just before")),
          preceded.length > 0 && [h("h3", {}, "What came before"), eventList(preceded)],
          one.stack && [h("h3", {}, "Stack"), h("pre", { tabIndex: 0 }, one.stack)])));
  }

  const { refresh, tick } = renewal({
    ask: () => app.request("crashes", { limit: 50 }),
    show({ groups }) {
      const sorted = groups ?? [];
      note.hidden = sorted.length > 0;
      setText(note, "No crashes have been seen.");
      const state = JSON.stringify(sorted);
      if (state === shown) return showTimes(sorted);
      shown = state;
      const focused = [...list.querySelectorAll("summary")].indexOf(document.activeElement);
      list.replaceChildren(...sorted.map(group));
      if (focused >= 0) list.querySelectorAll("summary")[focused]?.focus();
    },
    fail(error) {
      list.replaceChildren();
      shown = "";
      note.hidden = false;
      setText(note, error.message);
    },
  });

  // Nothing has crashed since, but it is longer ago.
  function showTimes(groups) {
    list.querySelectorAll(".when").forEach((when, i) => setText(when, ago(groups[i].last, app.now())));
  }

  return { title: "Crashes", element, visit: refresh, connected: refresh, tick };
}
