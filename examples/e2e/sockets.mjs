// Sockets of the official client that go away with their test.

import { Socket } from "phoenix";
import { WebSocket } from "ws";

/** A socket that is not connected yet, and does not wait for long when it comes back. */
export function newSocket(t, url, options = {}) {
  const socket = new Socket(url, {
    transport: WebSocket,
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
