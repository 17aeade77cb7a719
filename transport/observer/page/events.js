// What has happened to actors, as a list.

import { h } from "./dom.js";
import { clock } from "./format.js";

/** What each kind of event is called. */
export const KINDS = { spawn: "started", exit: "ended", crash: "crashed", restart: "restarted", gaveup: "gave up" };

/** A list of events: when, to whom, what and why. */
export const eventList = (events) =>
  h("ol", { class: "events" }, events.map(({ at, kind, label, pid, reason }) =>
    h("li", { "data-kind": kind },
      h("time", { dateTime: new Date(at).toISOString() }, clock(at)), " ",
      h("span", {}, `${label || pid} ${KINDS[kind] ?? kind}`),
      reason && h("span", { class: "reason" }, reason))));
