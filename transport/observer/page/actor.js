// One actor: what it is and does, its state, whom it is linked with, its restarts, the
// messages that a trace shows, and what may be done to it. Beside the view, or over it
// where there is no room.

import { announce, h, setAttribute, setText, svg, timeOf } from "./dom.js";
import { eventList } from "./events.js";
import { ago, clock, count, duration, many, percent, rate, short, typeName } from "./format.js";
import { icon } from "./icons.js";
import { renewal } from "./renewal.js";
import { go, linkHere } from "./route.js";
import { nameOf, strategyName } from "./tree.js";

const SAMPLES = 60;
const TRACED = 200; // messages of one actor
const REMEMBERED = 5; // actors whose messages can be read again

// What each act is called, what it asks before, and what is said when it is done.
const ACTS = {
  crash: { text: "Crash", ask: (who) => `Crash ${who} now? Its supervisor does what its strategy says.`, done: "was told to crash" },
  exit: { text: "Stop", ask: (who) => `Stop ${who}? It gets an exit signal and may clean up.`, done: "was told to stop" },
  kill: { text: "Kill", ask: (who) => `Kill ${who}? It ends without a chance to clean up.`, done: "was killed" },
  suspend: { text: "Suspend", done: "is suspended" },
  resume: { text: "Resume", done: "goes on" },
  disconnect: { text: "Disconnect", ask: (who) => `Disconnect ${who}? The client may connect again.`, done: "was disconnected" },
};

/** Which acts make sense for an actor. */
function actsFor(app, node) {
  if (!app.may("act") || !app.own()) return [];
  return Object.keys(ACTS).filter((act) => {
    if (!app.info.acts.includes(act)) return false;
    if (act === "suspend") return node.status !== "suspended";
    if (act === "resume") return node.status === "suspended";
    if (act === "disconnect") return node.connection === true;
    return true;
  });
}

function spark(label) {
  const line = svg("path", { class: "line" });
  const area = svg("path", { class: "area" });
  const element = svg("svg", { viewBox: "0 0 100 24", preserveAspectRatio: "none", class: "spark", "aria-hidden": "true" }, area, line);
  const values = [];
  return {
    element,
    label,
    clear: () => values.splice(0),
    add(value) {
      values.push(value ?? 0);
      if (values.length > SAMPLES) values.shift();
      const most = Math.max(1, ...values);
      const points = values.map((v, i) => `${(100 - (values.length - 1 - i) * (100 / (SAMPLES - 1))).toFixed(1)},${(23 - (v / most) * 20).toFixed(1)}`);
      line.setAttribute("d", `M${points.join("L")}`);
      area.setAttribute("d", `M${points[0].split(",")[0]},24L${points.join("L")}L100,24Z`);
    },
  };
}

export function actorPanel(app, panel) {
  let pid = "";
  let node = null;
  let tracing = "";
  const messages = new Map(); // pid → what has been traced of it, of the latest ones
  let program = ""; // that they are of
  let gone = false;
  let inherits = false; // the next one takes the place of this one, which has ended

  const kind = h("span", { class: "glyph", "aria-hidden": "true" });
  const title = h("h2", { tabIndex: -1, "data-testid": "actor-name" });
  const close = h("a", { class: "icon-button", "aria-label": "Close", title: "Close", "data-testid": "close" }, icon("close"));
  const about = h("p", { class: "about" });
  const path = h("p", { class: "path", "aria-label": "Above it" });
  const problem = h("p", { class: "problem", role: "status", "data-testid": "actor-problem" });
  const figures = h("dl", { class: "figures" });
  const acts = h("div", { class: "acts", role: "group", "aria-label": "Acts", "data-testid": "acts" });
  const asks = h("div", { class: "ask", role: "alertdialog", "aria-labelledby": "ask-text", hidden: true, "data-testid": "ask" });
  const sections = h("div", { class: "sections" });
  panel.append(
    h("div", { class: "panelhead" }, kind, title, close),
    h("div", { class: "panelbody" }, about, path, problem, acts, asks, figures, sections),
  );

  // ------------------------------------------------------------ figures

  const queueLine = spark("waiting");
  const rateLine = spark("rate");
  const figureOf = (name, line) => {
    const value = h("dd", { "data-figure": name });
    figures.append(h("div", {}, h("dt", {}, name), value, line?.element));
    return value;
  };
  const shows = {
    queue: figureOf("Waiting", queueLine),
    rate: figureOf("Handled", rateLine),
    oldest: figureOf("Oldest waits"),
    busy: figureOf("Busy"),
    handled: figureOf("Handled in all"),
    restarts: figureOf("Restarts"),
  };

  function showFigures() {
    figures.hidden = false;
    setText(shows.queue, count(node.queue));
    setText(shows.rate, node.measured ? rate(node.rate) : "–");
    setText(shows.oldest, node.oldest ? duration(node.oldest) : "–");
    setText(shows.busy, node.measured ? percent(node.busy) : "–");
    setText(shows.handled, short(node.handled));
    setText(shows.restarts, count(node.restarts));
    queueLine.add(node.queue);
    if (node.measured) rateLine.add(node.rate);
  }

  // ------------------------------------------------------------ sections

  const parts = new Map();
  const section = (name, body, { open = true } = {}) => {
    const summary = h("summary", {}, h("h3", {}, name));
    const element = h("details", { open, hidden: true, "data-section": name }, summary, body);
    parts.set(name, element);
    sections.append(element);
    return body;
  };
  const text = () => h("pre", { tabIndex: 0 });
  const traceButton = h("button", { type: "button", class: "quiet", "data-testid": "trace", onclick: () => trace(tracing !== pid) }, "Trace messages");
  const traceNote = h("p", { class: "hint", role: "status" });
  const traceList = h("ol", { class: "traced", "data-testid": "traced" });
  const body = {
    running: section("Running now", text()),
    state: section("State", text()),
    trace: section("Messages", h("div", {}, traceButton, traceNote, traceList)),
    lately: section("What happened lately", h("div", {})),
    restarts: section("Restarts", h("ol", { class: "restarts-list" })),
    links: section("Links", h("p", { class: "links" })),
    monitors: section("Monitors", h("p", { class: "links" })),
    monitoredBy: section("Monitored by", h("p", { class: "links" })),
  };
  const hide = (name, hidden) => (parts.get(name).hidden = hidden);

  function showPids(element, name, list) {
    const pids = list?.list ?? [];
    const more = list?.more ?? 0;
    hide(name, pids.length === 0);
    const content = h("p", { class: "links" }, pids.map((one) => linkTo(one)), more > 0 && h("span", { class: "hint" }, `and ${count(more)} more`));
    if (!element.isEqualNode(content)) element.replaceChildren(...content.childNodes);
  }

  const linkTo = (one) => h("a", { href: linkHere({ actor: one.pid }), title: one.pid }, one.label || one.pid);

  function showSections() {
    const running = node.stack || node.noStack;
    setText(body.running, running ?? "");
    hide("Running now", !running);
    const state = node.state || node.noState;
    setText(body.state, state ?? "");
    hide("State", !state);
    const lately = eventList(node.preceded ?? []);
    hide("What happened lately", !lately.hasChildNodes());
    if (!body.lately.firstChild?.isEqualNode(lately)) body.lately.replaceChildren(lately);
    const history = node.restartHistory ?? [];
    hide("Restarts", history.length === 0);
    const lines = history.map((one) => h("li", {}, timeOf(one.at), " ", h("span", { class: "reason" }, one.reason)));
    if (!lines.every((line, i) => body.restarts.children[i]?.isEqualNode(line)) || body.restarts.childElementCount !== lines.length) body.restarts.replaceChildren(...lines);
    showPids(body.links, "Links", node.links);
    showPids(body.monitors, "Monitors", node.monitors);
    showPids(body.monitoredBy, "Monitored by", node.monitoredBy);
    traceButton.hidden = !app.may("trace") || !app.own();
    hide("Messages", traceButton.hidden && traceList.childElementCount === 0);
  }

  // ------------------------------------------------------------ trace

  async function trace(on, of = pid) {
    if (on) {
      traceList.replaceChildren();
      remember(of, []);
    }
    let said = on ? "Tracing. It ends by itself after a minute or 1,000 messages." : "";
    try {
      await app.request("trace", { pid: of, on });
      if (on) tracing = of;
      else if (tracing === of) tracing = "";
    } catch (error) {
      said = error.message;
    }
    if (of === pid) {
      setText(traceNote, said);
      showTracing();
    } else if (on && tracing === of) {
      trace(false, of); // another is looked at meanwhile
    }
  }

  function showTracing() {
    const on = tracing !== "" && tracing === pid;
    setText(traceButton, on ? "Stop the trace" : "Trace messages");
    setAttribute(traceButton, "aria-pressed", String(on));
  }

  function remember(of, list) {
    messages.delete(of);
    messages.set(of, list);
    if (messages.size > REMEMBERED) messages.delete(messages.keys().next().value);
  }

  function addTraced({ at, kind: how, message, type, worked, error, missed }) {
    if (missed) traceList.prepend(h("li", { class: "hint" }, `${many(missed, "message")} not shown: too many in a second`));
    traceList.prepend(h("li", { "data-error": error ? "true" : null, "data-testid": "traced-message" },
      h("p", {}, timeOf(at), h("span", { class: "chip" }, how), h("span", { class: "type" }, typeName(type)),
        h("span", { class: "times" }, worked !== undefined && `worked ${duration(worked)}`)),
      message && h("code", {}, message),
      error && h("p", { class: "reason" }, error)));
    while (traceList.childElementCount > TRACED) traceList.lastElementChild.remove();
  }

  // ------------------------------------------------------------ acts

  function showActs() {
    const names = gone ? [] : actsFor(app, node);
    acts.hidden = names.length === 0 || !asks.hidden;
    if (acts.dataset.names === names.join()) return;
    acts.dataset.names = names.join();
    acts.replaceChildren(...names.map((name) =>
      h("button", { type: "button", class: ACTS[name].ask ? "danger" : "quiet", "data-act": name, onclick: () => (ACTS[name].ask ? askFor(name) : act(name)) }, ACTS[name].text)));
  }

  function askFor(name) {
    const no = () => {
      endAsking();
      acts.querySelector(`[data-act=${name}]`)?.focus();
    };
    const yes = h("button", { type: "button", class: "danger", "data-testid": "yes", onclick: () => act(name) }, ACTS[name].text);
    asks.replaceChildren(
      h("p", { id: "ask-text" }, ACTS[name].ask(nameOf(node))), yes,
      h("button", { type: "button", class: "quiet", onclick: no }, "Cancel"));
    asks.hidden = false;
    acts.hidden = true;
    asks.onkeydown = (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      no();
    };
    yes.focus();
  }

  function endAsking() {
    asks.hidden = true;
    asks.replaceChildren();
    showActs();
  }

  async function act(name) {
    const hadFocus = asks.contains(document.activeElement);
    endAsking();
    if (hadFocus) title.focus();
    setText(problem, "");
    const who = nameOf(node);
    try {
      await app.request("act", { pid, act: name });
      announce(`${who} ${ACTS[name].done}`);
      if (pid && !gone) refresh();
    } catch (error) {
      setText(problem, error.message);
    }
  }

  // ------------------------------------------------------------ asking

  const { refresh, tick, drop } = renewal({
    ask: () => app.request("actor", { pid }),
    show(answer) {
      if (gone) return;
      node = answer;
      show();
    },
    fail(error) {
      if (error.reason === "gone") ended("");
      else setText(problem, error.message);
    },
  });

  function ended(reason) {
    gone = true;
    panel.dataset.gone = "true";
    setText(problem, reason ? `It has ended: ${reason}` : node?.ended ? `It has ended at ${clock(node.ended)}.` : "It has ended.");
    if (!node) setText(title, pid);
    endAsking();
    if (node) showActs();
    else acts.hidden = true;
    traceButton.hidden = true;
    hide("Messages", traceList.childElementCount === 0);
  }

  function show() {
    delete panel.dataset.gone;
    setText(problem, "");
    showHead();
    const trail = parentsOf(node);
    if (path.dataset.of !== trail.textContent) {
      path.dataset.of = trail.textContent;
      path.replaceChildren(...trail.childNodes);
    }
    showFigures();
    showSections();
  }

  function parentsOf({ parents = [] }) {
    const above = parents.filter((one) => one.pid);
    const show = above.map((one) => one.pid).join(" ") || " ";
    return h("p", {}, above.flatMap((one) => [linkTo(one), " › "]),
      h("a", { href: linkHere({ view: "tree", at: "", show }), "data-testid": "show-in-tree" }, "show in the tree"));
  }

  function showHead() {
    setAttribute(kind, "class", `glyph ${node.kind ?? "actor"}`);
    setAttribute(kind, "data-status", node.status ?? null);
    setText(title, nameOf(node));
    const words = [node.kind === "supervisor" && `supervisor${node.strategy ? `, ${strategyName(node.strategy)}` : ""}`, typeName(node.behavior), node.pid,
      node.status, node.started && `started ${ago(node.started, app.now())}`, node.trapsExits && "traps exits"];
    setText(about, words.filter(Boolean).join(" · "));
    about.title = node.behavior ?? "";
    showActs();
  }

  function open(next) {
    const keeps = inherits; // what a trace has shown of the end
    inherits = false;
    if (tracing && !keeps) trace(false, tracing);
    pid = next;
    node = null;
    gone = false;
    delete panel.dataset.gone;
    panel.hidden = false;
    document.body.dataset.panel = "open";
    setText(about, "");
    path.replaceChildren();
    delete path.dataset.of;
    setText(problem, "");
    delete acts.dataset.names;
    acts.hidden = true;
    asks.hidden = true;
    figures.hidden = true;
    for (const element of parts.values()) element.hidden = true;
    if (!keeps) {
      const former = (app.own() && messages.get(pid)) || [];
      traceList.replaceChildren();
      former.forEach(addTraced);
      setText(traceNote, former.length > 0 ? "What the last trace has shown." : "");
    }
    queueLine.clear();
    rateLine.clear();
    showTracing();
    // The tree knows a part of it already.
    node = app.known(pid) ?? null;
    setText(title, node ? nameOf(node) : pid);
    if (node) showHead();
    refresh();
  }

  function shut() {
    if (tracing) trace(false, tracing);
    const had = panel.contains(document.activeElement) || document.activeElement === document.body;
    const former = pid;
    pid = "";
    drop();
    panel.hidden = true;
    delete document.body.dataset.panel;
    if (had && former) (document.querySelector(`[data-pid="${CSS.escape(former)}"]`) ?? document.querySelector(`[data-key="${CSS.escape(former)}"] a`) ?? document.getElementById("main")).focus();
  }

  return {
    visit(place) {
      close.href = linkHere({ actor: "" });
      if (!place.actor) {
        if (pid) shut();
        return;
      }
      if (place.actor !== pid) open(place.actor);
      if (app.focusPanel) title.focus();
      app.focusPanel = false;
    },

    connected() {
      tracing = "";
      showTracing();
      if (program !== `${app.info.node} ${app.info.started}`) messages.clear(); // its PIDs are others
      program = `${app.info.node} ${app.info.started}`;
      if (pid) open(pid);
    },

    // The panel stays with a child over its restarts.
    changed({ gone: ends = [], restarted = [] }) {
      if (!pid) return;
      const heir = restarted.find(({ old }) => old === pid);
      if (heir) {
        const focused = panel.contains(document.activeElement);
        inherits = true;
        go({ actor: heir.new }, { replace: true });
        if (focused) title.focus();
        return;
      }
      const end = ends.find((one) => one.pid === pid);
      if (end) ended(end.reason);
    },

    traced(message) {
      const list = messages.get(message.pid);
      list?.push(message);
      if (list?.length > TRACED) list.shift();
      if (message.pid === pid) addTraced(message);
    },

    traceEnded({ pid: of, why }) {
      if (of !== tracing) return;
      tracing = "";
      setText(traceNote, `The trace has ended: ${why}`);
      showTracing();
    },

    tick() {
      if (pid && !gone) tick();
    },
  };
}
