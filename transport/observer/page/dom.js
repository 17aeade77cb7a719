// How this page makes its document. Whatever comes from the server reaches it as text:
// there is no markup from strings anywhere.

import { clock } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";

/**
 * Makes an element. Of the properties, "class", "data-…", "aria-…" and what else has a dash
 * are attributes, "on…" are listeners, and the rest are set as they are. Children are
 * nodes, texts, and what is to be left out: null, undefined, false.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class" || name === "role" || name === "for" || name.includes("-")) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Makes the element of a time, in milliseconds since 1970. */
export function timeOf(ms) {
  const date = new Date(ms);
  return h("time", { dateTime: Number.isNaN(date.getTime()) ? "" : date.toISOString() }, clock(ms));
}

/** Makes an SVG element with these attributes. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Sets a text, if it is another one: what a screen reader is at does not change for nothing. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets an attribute, or removes it when the value is null, if that changes anything. */
export function setAttribute(element, name, value) {
  if (value === null || value === undefined) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else if (element.getAttribute(name) !== String(value)) {
    element.setAttribute(name, value);
  }
}

/** Makes the options of a select be these names, which `text` says in words, if they are others. */
export function setOptions(select, names, text = (name) => name) {
  const options = names.map((name) => h("option", { value: name }, text(name)));
  const shown = [...select.options];
  if (shown.length === options.length && options.every((option, i) => option.isEqualNode(shown[i]))) return;
  select.replaceChildren(...options);
}

/**
 * Makes the children of a parent be those of the keys, in their order. What stays is kept:
 * focus, selection and place are not lost. `make(key)` makes one; `known` holds them.
 */
export function arrange(parent, known, keys, make) {
  const wanted = new Set(keys);
  for (const [key, element] of known) {
    if (wanted.has(key)) continue;
    element.remove();
    known.delete(key);
  }
  let at = parent.firstElementChild;
  for (const key of keys) {
    let element = known.get(key);
    if (!element) known.set(key, (element = make(key)));
    if (element === at) at = at.nextElementSibling;
    else parent.insertBefore(element, at);
  }
}

/** Says something to those that listen to the page and do not see it. */
export function announce(text) {
  const region = document.getElementById("announcer");
  // A line each: a second one must not replace the first before it was read.
  region.append(h("p", {}, text));
  while (region.childElementCount > 5) region.firstElementChild.remove();
}
