// Which client of the protocol this page has: its own. A chat that was started with -phoenix
// answers the request for this file with the npm package's.

export { Presence, Socket } from "./phoenix-lite.js";

/** The version of the npm package; of this page's own client there is none. */
export const version = null;
