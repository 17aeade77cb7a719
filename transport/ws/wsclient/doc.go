// Package wsclient is a client of the Phoenix Channels protocol, version 2: for
// services that talk to each other, for tests, and for load generators. It is tested
// with package ws, and uses nothing that Phoenix does not have.
//
// A [Client] keeps one connection; any number of topics are joined on it, each
// through a [Channel]:
//
//	client, err := wsclient.Dial(ctx, wsclient.Config{URL: "ws://127.0.0.1:4000/socket"})
//	…
//	defer client.Close(ctx)
//	room := client.Channel("room:lobby", nil)
//	room.On("new_msg", func(m wsclient.Message) { … })
//	_, err = room.Join(ctx)
//	reply, err := room.Push(ctx, "new_msg", map[string]string{"body": "hello"})
//
// # What it does by itself
//
// A connection that is lost, or that does not answer a heartbeat, is replaced, with
// growing delays; the channels that were joined join again as soon as there is a new
// one. A channel that crashes on the server, or whose join is refused or not answered
// in time, joins again after a while, for as long as it is not left. Pushes that
// cannot be sent yet wait, up to a limit. A server that asks for another token, before
// it ends the connection with the one that it has, is sent it.
//
// Where no WebSocket gets through, it polls, if Config.LongPollFallback is set.
//
// # In a browser
//
// It builds for js/wasm, and uses the WebSockets of the browser then: Config.Header
// does not apply to these, and a refusal has no status.
//
// # What it does not do
//
// Delivery is at most once, but for topics that the server records: there the client names
// its position when it joins again, and gets what it has missed, see [Channel.OnRecovery].
// Where the server has channels linger, it comes back to its channel: see [Channel.OnResume], and
// the field resumed of the answer that OnJoin gets. Elsewhere what the server sends while the
// client is away is lost. A push that was on its
// way when the connection broke is reported as failed, not sent again. A program that must not miss anything fetches its state in the
// function that it gives to [Channel.OnJoin], which runs after every join.
//
// # Goroutines and order
//
// All methods may be called from any goroutine. The functions given to a channel run
// one at a time, in the order in which their messages came, on a goroutine that is
// there only while there is something to run. They may block, and may wait for
// replies. One that panics is logged, and the next one runs. A push's reply does not wait for them: it may be returned while an earlier
// message is still waiting for its function.
//
// # Examples
//
// The examples are in example_test.go: a client of a room, and one that polls where it
// must. The guide is docs/guide/missed.md for recorded topics.
package wsclient
