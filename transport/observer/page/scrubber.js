// The last minutes at a glance, and a slider to go back in them: bars for what was spawned
// and what ended, crashes in their own colour.

import { h, setText, svg } from "./dom.js";
import { ago, clock } from "./format.js";
import { icon } from "./icons.js";
import { renewal } from "./renewal.js";

const SPAN_MS = 600_000;
const WIDTH = 600;
const HEIGHT = 40;

/** `onPick(at)` is called with a time, or with 0 for the present. */
export function scrubber(app, { onPick, large = false }) {
  let from = 0;
  let to = 0;
  let at = 0; // 0: live
  let events = [];

  const bars = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", class: "bars", "aria-hidden": "true" });
  const slider = h("input", { type: "range", step: "any", "aria-label": "Time", "data-testid": "slider", oninput: () => pick(Number(slider.value)) });
  const label = h("output", { class: "when" });
  const step = (name, text, f) => h("button", { type: "button", class: "icon-button", "aria-label": text, title: text, onclick: f }, icon(name));
  const before = step("back", "To the event before", () => jump(-1));
  const after = step("chevron", "To the event after", () => jump(1));
  const live = h("button", { type: "button", class: "live-button", "data-testid": "live", onclick: () => pick(to) }, "Live");
  const element = h("section", { class: `scrubber${large ? " large" : ""}`, "aria-label": "History" },
    before, h("div", { class: "track" }, bars, slider), after, label, live);

  function pick(value) {
    onPick(value >= to - 500 ? 0 : Math.round(value));
  }

  // The tree before an event, and with it: steps are between the two.
  function jump(way) {
    const now = at || to;
    const times = [...new Set(events.map((event) => event.at))].sort((a, b) => a - b);
    const next = way < 0 ? times.findLast((time) => time < now) : times.find((time) => time > now);
    if (next !== undefined) pick(next);
    else if (way > 0) pick(to);
  }

  // Arrow keys go by a second; the range's own step is as fine as the mouse.
  slider.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1000, ArrowDown: -1000, ArrowRight: 1000, ArrowUp: 1000, PageUp: 30_000, PageDown: -30_000 };
    const by = steps[event.key];
    if (!by) return;
    event.preventDefault();
    pick(Math.min(to, Math.max(from, Number(slider.value) + by)));
  });

  function place() {
    slider.min = from;
    slider.max = to;
    slider.value = at || to;
    const text = at ? `${clock(at)}, ${ago(at, to)}` : "now";
    slider.setAttribute("aria-valuetext", text);
    setText(label, text);
    live.setAttribute("aria-pressed", String(at === 0));
    element.classList.toggle("past", at > 0);
  }

  function draw(counts, every) {
    const span = Math.max(1, to - from);
    // By the root: a thousand spawns at once must leave one crash to be seen.
    const most = Math.sqrt(Math.max(9, ...counts.map((one) => one.spawned + one.exited)));
    const width = Math.max(1.5, (every / span) * WIDTH - 1);
    const shapes = [];
    const bar = (name, x, y, height) => height > 0 && shapes.push(svg("rect", { class: name, x, y, width, height }));
    for (const { at: time, spawned, exited, crashed } of counts) {
      if (!spawned && !exited) continue;
      const x = ((time - from) / span) * WIDTH;
      const height = (Math.sqrt(spawned + exited) / most) * (HEIGHT - 4);
      const scale = (n) => (n > 0 ? Math.max(2, (n / (spawned + exited)) * height) : 0);
      const [up, down, bad] = [scale(spawned), scale(exited - crashed), scale(crashed)];
      bar("spawned", x, HEIGHT - up, up);
      bar("exited", x, HEIGHT - up - down, down);
      bar("crashed", x, HEIGHT - up - down - bad, bad);
    }
    bars.replaceChildren(...shapes);
  }

  const { refresh, tick } = renewal({
    ask() {
      const end = app.now();
      const start = Math.max(app.about()?.historyFrom || end - SPAN_MS, end - SPAN_MS);
      return app.request("timeline", { from: Math.round(start), to: Math.round(end), limit: 500 });
    },
    show(answer) {
      ({ from, to } = answer);
      events = answer.events ?? [];
      draw(answer.counts ?? [], answer.every || 1000);
      element.hidden = false;
      place();
    },
    fail: () => (element.hidden = true),
  });

  return {
    element,
    refresh,
    tick,
    show(time) {
      at = time;
      place();
    },
  };
}
