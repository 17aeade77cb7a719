// Sockets of the official client that go away with their test.

import { Socket } from "phoenix";
import { WebSocket } from "ws";

import { PATIENCE_MS } from "./patience.mjs";

/** A socket that is not connected yet. It waits long for answers, and not for long when it comes back. */
export function newSocket(t, url, options = {}) {
  const socket = new Socket(url, {
    transport: WebSocket,
    timeout: PATIENCE_MS,
    rejoinAfterMs: () => 10,
    reconnectAfterMs: () => 10,
    ...options,
  });
  t.after(() => vanish(socket));
  return socket;
}

/** Ends a socket without a word, as a dead battery does. */
export function vanish(socket) {
  const { conn } = socket;
  socket.disconnect();
  conn?.terminate?.();
}
