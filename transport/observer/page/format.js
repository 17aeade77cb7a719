// Numbers, times and durations as people read them.

const counted = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const clockTime = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

export const count = (n) => counted.format(n ?? 0);
export const short = (n) => ((n ?? 0) < 10_000 ? counted.format(n ?? 0) : compact.format(n));
export const many = (n, one, more = `${one}s`) => `${count(n)} ${n === 1 ? one : more}`;
export const clock = (ms) => (Number.isNaN(new Date(ms).getTime()) ? "?" : clockTime.format(new Date(ms)));
export const percent = (share) => `${Math.round((share ?? 0) * 100)} %`;

export function rate(n) {
  if (!n) return "0/s";
  return n < 10 ? `${n.toFixed(1)}/s` : `${short(Math.round(n))}/s`;
}

export function bytes(n) {
  if (!n) return "0 B";
  const units = ["B", "KiB", "MiB", "GiB"];
  const i = Math.min(Math.floor(Math.log2(n) / 10), units.length - 1);
  const value = n / 1024 ** i;
  return `${i > 0 && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[i]}`;
}

/** A duration, of which two units are enough: "3 ms", "1.2 s", "4 min 10 s", "2 d 3 h". */
export function duration(ms) {
  if (!(ms > 0)) return "0 ms";
  if (ms < 1) return "< 1 ms";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const s = Math.round(ms / 1000);
  if (s < 60) return `${s} s`;
  const pair = (big, unit, small, smallUnit) => (small ? `${big} ${unit} ${small} ${smallUnit}` : `${big} ${unit}`);
  if (s < 3600) return pair(Math.floor(s / 60), "min", s % 60, "s");
  const min = Math.floor(s / 60);
  if (min < 1440) return pair(Math.floor(min / 60), "h", min % 60, "min");
  return pair(Math.floor(min / 1440), "d", Math.floor(min / 60) % 24, "h");
}

/** How long ago something was. */
export function ago(ms, now) {
  const past = now - ms;
  if (past < 1500) return "just now";
  return `${past < 59_500 ? `${Math.round(past / 1000)} s` : duration(past)} ago`;
}

/** The last part of a Go type's name; the whole is for a tooltip. */
export const typeName = (name) => (name ?? "").replace(/[\w./-]*\/(?=[\w-]+\.)/g, "");
