// The part of the tree that this page watches: what the server told of it, and what has
// changed since. No document here.

export const ROOT = "";
const GHOST_MS = 4000; // so long one that has ended is still shown
const FLASH_MS = 4000; // so long one that was restarted stands out

// A child that does not run has no PID.
const keyOf = (node, parent) => node.pid || (parent === null ? ROOT : `${parent}/${node.id}`);

export class TreeModel {
  nodes = new Map(); // key, mostly the PID → node; its children, if they are watched, are keys
  open = new Set([ROOT]);
  limits = {}; // pid → how many children to watch, if not the usual number
  ghosts = new Map(); // pid → { node, parent, reason, crashed, until }; at its place among the children
  #early = new Map(); // pid → its restart, told before its end
  flashes = new Map(); // pid → { kind: "crash" or "restart", reason, until }

  /** Takes a whole tree as the server tells it. */
  load(root, { past = false } = {}) {
    this.nodes.clear();
    this.ghosts.clear();
    this.#early.clear();
    this.#take(root, null);
    if (!past) for (const key of this.open) if (!this.nodes.has(key)) this.open.delete(key);
    this.open.add(ROOT);
  }

  #take({ children, ...node }, parent) {
    const key = keyOf(node, parent);
    // An answer has room for so many, and may have none for the children of a node that is open.
    const known = children ?? (node.more > 0 ? [] : undefined);
    this.nodes.set(key, { ...node, parent, children: known?.map((child) => keyOf(child, key)) });
    for (const child of children ?? []) this.#take(child, key);
  }

  /**
   * Takes a change. Returns what a person should be told of it: { kind: "crash", "restart",
   * "exit" or "start", node, reason, by, old }.
   */
  apply({ nodes = [], gone = [], counts = {}, restarted = [] }, now) {
    const news = [];
    for (const end of gone) {
      const node = this.#remove(end, now);
      if (node) news.push({ kind: end.crashed ? "crash" : "exit", node, reason: end.reason, at: end.at });
    }
    const born = new Set(restarted.map((restart) => restart.new));
    for (const change of nodes) {
      const fresh = this.#put(change);
      if (fresh && !born.has(change.node.pid)) news.push({ kind: "start", node: change.node });
    }
    const due = gone.map(({ pid }) => this.#early.get(pid)).filter(Boolean);
    for (const { old } of due) this.#early.delete(old);
    for (const restart of [...due, ...restarted]) this.#restart(restart, now, news);
    for (const [pid, n] of Object.entries(counts)) {
      const node = this.nodes.get(pid);
      if (!node) continue;
      node.count = n;
      if (node.children) node.more = Math.max(0, n - node.children.filter((child) => this.nodes.get(child)?.pid).length);
    }
    return news;
  }

  // An heir takes the place of the one that it is started for.
  #restart(restart, now, news) {
    const earlier = this.ghosts.get(restart.old);
    const node = this.nodes.get(restart.new);
    if (!node) return;
    node.id ??= restart.id;
    // It may be told before the end of the old one.
    if (this.nodes.has(restart.old)) return void this.#early.set(restart.old, restart);
    this.ghosts.delete(restart.old);
    const siblings = this.nodes.get(node.parent)?.children;
    if (siblings?.includes(restart.old)) {
      siblings.splice(siblings.indexOf(restart.new), 1);
      siblings.splice(siblings.indexOf(restart.old), 1, restart.new);
    }
    if (this.open.delete(restart.old)) this.open.add(restart.new);
    const kind = earlier?.crashed ? "crash" : "restart";
    const reason = earlier?.reason ?? restart.reason;
    this.flashes.set(restart.new, { kind, reason, until: now + FLASH_MS });
    const by = this.nodes.get(restart.supervisor);
    news.push({ kind: "restart", node, by, old: restart.old, reason, crashed: kind === "crash", at: restart.at });
  }

  // One that has ended stays at its place for a while, as a ghost.
  #remove({ pid, parent, reason, crashed }, now) {
    const node = this.nodes.get(pid);
    if (!node) return null;
    const ghost = { node, parent: parent ?? node.parent, reason, crashed, until: now + GHOST_MS };
    if (this.nodes.get(ghost.parent)?.children?.includes(pid)) this.ghosts.set(pid, ghost);
    this.#forget(pid);
    return node;
  }

  #forget(pid) {
    for (const child of this.nodes.get(pid)?.children ?? []) {
      this.ghosts.delete(child);
      this.#forget(child);
    }
    this.nodes.delete(pid);
  }

  /** Puts a node, new or changed, at its place. Returns whether it is new. */
  #put({ parent, node }) {
    const key = keyOf(node, parent);
    const known = this.nodes.get(key);
    if (known) {
      const { children, ...rest } = node;
      Object.assign(known, rest);
      return false;
    }
    const siblings = this.nodes.get(parent)?.children;
    if (!siblings) return false; // its parent is closed, or gone
    this.#take(node, parent);
    siblings.push(key);
    return true;
  }

  /** Whether there is a node whose children are wanted and not here. */
  wants() {
    return [...this.open].some((key) => this.nodes.get(key)?.count > 0 && !this.nodes.get(key).children);
  }

  /** Lets go of what was shown for long enough. */
  expire(now) {
    for (const [pid, { until, parent }] of this.ghosts) {
      if (until > now) continue;
      this.ghosts.delete(pid);
      const siblings = this.nodes.get(parent)?.children;
      if (siblings?.includes(pid)) siblings.splice(siblings.indexOf(pid), 1);
    }
    for (const [pid, { until }] of this.flashes) if (until <= now) this.flashes.delete(pid);
  }

  /** When the next is to be let go of, or Infinity. */
  nextExpiry() {
    return Math.min(Infinity, ...[...this.ghosts.values(), ...this.flashes.values()].map(({ until }) => until));
  }

  /** Those above one, from the topmost. */
  path(pid) {
    const path = [];
    for (let at = this.nodes.get(pid)?.parent; at !== undefined && at !== null && at !== ROOT; at = this.nodes.get(at)?.parent) path.unshift(at);
    return path;
  }

  /**
   * The rows that are to be seen, from top to bottom: { key, kind: "node", "more" or
   * "ghost", pid, level, position, size }.
   */
  rows() {
    const rows = [];
    const walk = (parent, level) => {
      const { children, more, count } = this.nodes.get(parent) ?? {};
      if (!children) return;
      let position = 0;
      for (const pid of children) {
        if (!this.nodes.has(pid)) {
          if (this.ghosts.has(pid)) rows.push({ key: `ghost ${pid}`, kind: "ghost", pid, level });
          continue;
        }
        position += 1;
        rows.push({ key: pid, kind: "node", pid, level, position, size: Math.max(count ?? 0, position) });
        if (this.open.has(pid)) walk(pid, level + 1);
      }
      if (more > 0) rows.push({ key: `more ${parent}`, kind: "more", pid: parent, level, position: position + 1, size: Math.max(count, position + 1), more });
    };
    walk(ROOT, 1);
    return rows;
  }
}
