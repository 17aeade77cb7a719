// Tables whose rows are renewed in place, and what most views are: a table that the server
// filters and cuts, with a field for the filter.

import { arrange, h, setAttribute, setText } from "./dom.js";
import { count } from "./format.js";
import { renewal } from "./renewal.js";

/**
 * A table. A column is { head, cell(row), class, sort, title(row) }: what a cell shows is a
 * text, or a node that `cell` makes. key(row) tells rows apart, kind(row) is for their look.
 */
export class Table {
  #columns;
  #key;
  #kind;
  #sorted = -1; // the column
  #body = h("tbody");
  #known = new Map(); // key → row element
  #heads = [];

  constructor({ label, columns, key, kind, onSort }) {
    this.#kind = kind;
    this.#columns = columns;
    this.#key = key;
    const heads = columns.map((column) => {
      const inner = column.sort && onSort
        ? h("button", { type: "button", class: "sort", onclick: () => onSort(column.sort) }, column.head)
        : column.head;
      const th = h("th", { scope: "col", class: column.class }, inner);
      this.#heads.push(th);
      return th;
    });
    const table = h("table", {}, h("caption", { class: "unseen" }, label), h("thead", {}, h("tr", {}, heads)), this.#body);
    this.element = h("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": label }, table);
  }

  sortedBy(sort) {
    this.#sorted = this.#columns.findIndex((column) => column.sort === sort);
    this.#heads.forEach((head, i) => {
      setAttribute(head, "aria-sort", i === this.#sorted ? "descending" : null);
      head.classList.toggle("sorted", i === this.#sorted);
    });
  }

  show(rows, { current } = {}) {
    const byKey = new Map(rows.map((row) => [String(this.#key(row)), row]));
    arrange(this.#body, this.#known, [...byKey.keys()], (key) =>
      h("tr", { "data-testid": "row", "data-key": key }, this.#columns.map(({ class: name }, i) =>
        i === 0 ? h("th", { scope: "row", class: name }) : h("td", { class: name }))),
    );
    for (const [key, row] of byKey) {
      const tr = this.#known.get(key);
      setAttribute(tr, "data-current", current !== undefined && key === current ? "true" : null);
      if (this.#kind) setAttribute(tr, "data-kind", this.#kind(row));
      this.#columns.forEach((column, i) => {
        tr.children[i].classList.toggle("sorted", i === this.#sorted);
        fill(tr.children[i], column.cell(row), column.title?.(row));
      });
    }
  }
}

function fill(cell, content, title) {
  if (title !== undefined && cell.title !== title) cell.title = title;
  if (!(content instanceof Node)) return setText(cell, content ?? "");
  const shown = cell.firstChild;
  if (cell.childNodes.length === 1 && shown.isEqualNode(content)) return;
  // A link that has the focus keeps it.
  const focused = cell.contains(document.activeElement);
  cell.replaceChildren(content);
  if (focused) (content.matches("a, button") ? content : content.querySelector("a, button"))?.focus();
}

/** The field for a filter; `onChange` is called when the typing pauses. */
export function filterField({ label, value = "", onChange }) {
  let timer = 0;
  const input = h("input", {
    type: "search", value, placeholder: label, "aria-label": label, "data-testid": "filter",
    autocomplete: "off", spellcheck: false,
    oninput: () => {
      clearTimeout(timer);
      timer = setTimeout(() => onChange(input.value.trim()), 150);
    },
  });
  return input;
}

/**
 * Listing is a filter, a table of the rows that the server has for it, and how many there
 * are. `ask({ filter, limit })` gives { rows, total, matched }.
 */
export class Listing {
  #app;
  #limit;
  #filter = "";
  #table;
  #empty;
  #summary = h("p", { class: "summary", role: "status", "data-testid": "summary" });
  #more = h("button", { type: "button", class: "quiet more", hidden: true, onclick: () => this.#showMore() }, "Show more");
  #note = h("p", { class: "empty", hidden: true });

  /** `empty` is what stands there if there are no rows: a text, or a function that makes one. */
  constructor({ app, label, columns, key, ask, every, onSort, tools = [], limit = 50, empty = "Nothing here.", filterable = "Filter" }) {
    this.#app = app;
    this.#limit = limit;
    this.#empty = empty;
    this.#table = new Table({ label, columns, key, onSort });
    this.filter = filterField({ label: filterable, onChange: (filter) => this.#narrow(filter) });
    this.element = h("section", { class: "listing", "aria-label": label },
      h("div", { class: "tools" }, tools, this.filter, this.#summary),
      this.#table.element, this.#note, this.#more);
    const { refresh, tick } = renewal({
      every,
      ask: async () => {
        const filter = this.#filter;
        return { filter, ...(await ask({ filter, limit: this.#limit })) };
      },
      show: ({ filter, rows, total = 0, matched = total }) => this.#show(rows ?? [], total, filter ? matched : total),
      fail: (error) => this.#fail(error),
    });
    Object.assign(this, { refresh, tick });
  }

  #fail(error) {
    this.#table.element.hidden = this.#more.hidden = true;
    this.#note.hidden = false;
    setText(this.#note, error.message);
    setText(this.#summary, "");
  }

  sortedBy(sort) {
    this.#table.sortedBy(sort);
  }

  #narrow(filter) {
    this.#filter = filter;
    this.refresh();
  }

  #showMore() {
    this.#limit += 50;
    this.refresh();
  }

  #show(rows, total, matched) {
    this.#table.show(rows, { current: this.#app.place.actor });
    const none = rows.length === 0;
    this.#table.element.hidden = none;
    this.#note.hidden = !none;
    if (none) setText(this.#note, this.#filter ? `Nothing matches “${this.#filter}”.` : typeof this.#empty === "function" ? this.#empty() : this.#empty);
    this.#more.hidden = rows.length >= matched || rows.length < this.#limit;
    setText(this.#summary, rows.length < matched ? `${count(rows.length)} of ${count(matched)}` : count(matched));
  }
}
