// Channels that miss nothing, for the npm package "phoenix" and for this page's own client: on
// a topic that the server records, each message has a position as its ref, and a join that
// names one gets what came after it. Where channels outlive their connection, a join gets the
// former one back by a token. See docs/guide/missed.md.

/** Makes a channel, as socket.channel does, which tells at each join how far it has got. */
export function recorded(socket, topic, params = {}) {
  const own = typeof params === "function" ? params : () => params;
  let [since, got, token] = [null, null, null];
  const channel = socket.channel(topic, () => ({ ...own(), since, got, resume_token: token }));
  channel.onMessage = (event, payload, ref) => {
    if (ref?.[0] === "@") since = ref; // of what was broadcast
    else if (ref?.[0] === "~") got = ref; // of what was pushed to this client
    else if (event === "phx_reply" && payload.status === "ok") {
      since ??= "unknown"; // it is on its way
      token = payload.response.resume_token ?? token;
    }
    return payload;
  };
  return channel;
}
