// Where one is: the hash of the address, so that each view, and each actor in it, has a link.
//
//     #/tree?actor=<node.12>&at=1760000000000

export const VIEWS = ["tree", "top", "crashes", "sockets", "timeline", "tables", "cluster"];

/** Whether there is such a time, in milliseconds since 1970. */
const isTime = (ms) => Number.isInteger(ms) && ms > 0 && !Number.isNaN(new Date(ms).getTime());

/** The place that a hash names: { view, and what is after the "?" }. */
export function parse(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const place = Object.fromEntries(new URLSearchParams(query));
  if (!isTime(Number(place.at))) delete place.at;
  return { ...place, view: VIEWS.includes(path) ? path : "tree" };
}

/** The hash of a place. What is empty is left out. */
export function link({ view, ...rest }) {
  const query = new URLSearchParams(Object.entries(rest).filter(([, value]) => value));
  return `#/${view}${query.size > 0 ? `?${query}` : ""}`;
}

/** The present place. */
export const here = () => parse(location.hash);

/** The hash of the present place with some changes. */
export const linkHere = (changes) => link({ ...here(), ...changes });

/** Goes to a place, at once; with `replace`, Back does not return to the present one. */
export function go(changes, { replace = false } = {}) {
  const hash = linkHere(changes);
  if (hash === location.hash) return;
  if (replace) history.replaceState(null, "", hash);
  else history.pushState(null, "", hash);
  dispatchEvent(new HashChangeEvent("hashchange"));
}
