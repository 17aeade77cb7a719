// Crashes that are alike, as one: where they happen, how often, and what came before.

import { h, setText } from "./dom.js";
import { ago, clock, count, many, typeName } from "./format.js";
import { eventList } from "./events.js";
import { link, linkHere } from "./route.js";

const RENEW_MS = 2000;

export function crashesView(app) {
  let last = 0;
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

  async function refresh() {
    last = Date.now();
    try {
      const { groups } = await app.request("crashes", { limit: 50 });
      const sorted = groups ?? [];
      note.hidden = sorted.length > 0;
      setText(note, "No crashes have been seen.");
      const state = JSON.stringify(sorted);
      if (state === shown) return;
      shown = state;
      const focused = [...list.querySelectorAll("summary")].indexOf(document.activeElement);
      list.replaceChildren(...sorted.map(group));
      if (focused >= 0) list.querySelectorAll("summary")[focused]?.focus();
    } catch (error) {
      if (error.reason === "lost") return;
      list.replaceChildren();
      shown = "";
      note.hidden = false;
      setText(note, error.message);
    }
  }

  return {
    title: "Crashes",
    element,
    visit: refresh,
    connected: refresh,
    tick() {
      if (Date.now() - last >= RENEW_MS) refresh();
    },
  };
}
