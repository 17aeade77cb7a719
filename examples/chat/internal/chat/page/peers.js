// The addresses of other servers, to which the page may turn: none. A chat that was started
// with -peers answers the request for this file with those.

/** Hosts with their ports. */
export const peers = [];
