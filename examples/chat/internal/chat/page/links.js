// Addresses in what people write. The result is text and anchors, never markup.

const ADDRESS = /\bhttps?:\/\/[^\s<>"]+/gi;

// What ends a sentence is rarely meant as part of the address, nor is a bracket that was
// opened before it.
function trimmed(address) {
  for (;;) {
    const last = address.at(-1);
    const opening = { ")": "(", "]": "[", "}": "{" }[last];
    const unopened = opening && address.split(opening).length < address.split(last).length;
    if (!unopened && !".,;:!?'".includes(last)) return address;
    address = address.slice(0, -1);
  }
}

function anchor(address) {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") return null;
  const a = document.createElement("a");
  a.href = url.href;
  a.rel = "noopener noreferrer";
  a.target = "_blank";
  a.textContent = address;
  return a;
}

/** The nodes of a text: its http and https addresses as links, all else as it is. */
export function linked(text) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimmed(match[0]);
    const a = anchor(address);
    if (a === null) continue;
    nodes.push(document.createTextNode(text.slice(end, match.index)), a);
    end = match.index + address.length;
  }
  nodes.push(document.createTextNode(text.slice(end)));
  return nodes;
}
