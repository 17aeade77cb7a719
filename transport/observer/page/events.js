// What has happened to actors, as a list.

import { h, timeOf } from "./dom.js";
import { typeName } from "./format.js";

/** What each kind of event is called. */
export const KINDS = { spawn: "started", exit: "ended", crash: "crashed", restart: "restarted", gaveup: "gave up" };

/** To whom something has happened. One without a label is told by its type as well. */
export const whose = ({ label, behavior, pid }) => label || [typeName(behavior), pid].filter(Boolean).join(" ");

/** A list of events: when, to whom, what and why. */
export const eventList = (events) =>
  h("ol", { class: "events" }, events.map((event) =>
    h("li", { "data-kind": event.kind },
      timeOf(event.at), " ",
      h("span", {}, `${whose(event)} ${KINDS[event.kind] ?? event.kind}`),
      event.reason && h("span", { class: "reason" }, event.reason))));
