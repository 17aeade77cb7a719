// Channels that miss nothing, for the npm package "phoenix" and for this page's own client: on
// a topic that the server records, each message has a position as its ref, and a join that
// names one gets what came after it. See docs/guide/missed.md.

/** Makes a channel, as socket.channel does, which tells at each join how far it has got. */
export function recorded(socket, topic, params = {}) {
  const own = typeof params === "function" ? params : () => params;
  let since = null;
  const channel = socket.channel(topic, () => ({ ...own(), since }));
  channel.onMessage = (event, payload, ref) => {
    if (ref?.[0] === "@") since = ref;
    else if (event === "phx_reply" && payload.status === "ok") since ??= "unknown"; // it is on its way
    return payload;
  };
  return channel;
}
