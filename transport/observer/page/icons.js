// The signs of this page. They say nothing that is not said in words as well.

import { svg } from "./dom.js";

const PATHS = {
  tree: "M12 4v5M12 9H6v4M12 9h6v4M9.5 2.5h5v4h-5zM3.5 13.5h5v5h-5zM15.5 13.5h5v5h-5z",
  top: "M4 20V10M10 20V4M16 20v-7M22 20H2",
  crashes: "M13 2 5 13.5h6L10 22l9-12.5h-6.5z",
  sockets: "M9 3v5M15 3v5M6.5 8h11v4a5.5 5.5 0 0 1-11 0zM12 17.5V22",
  timeline: "M12 3a9 9 0 1 1-8.5 6M3 4v5h5M12 7.5V12l3 2",
  tables: "M3.5 4.5h17v15h-17zM3.5 9.5h17M9.5 9.5v10",
  cluster: "M12 3.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM5.5 15.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM18.5 15.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM10.8 8.3l-4 7.4M13.2 8.3l4 7.4M8 18h8",
  close: "M6 6l12 12M18 6L6 18",
  chevron: "M9 6l6 6-6 6",
  back: "M15 6l-6 6 6 6",
  restart: "M19 12a7 7 0 1 1-2.2-5.1M19 3v4.5h-4.5",
};

export function icon(name) {
  return svg(
    "svg",
    { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: PATHS[name] }),
  );
}
