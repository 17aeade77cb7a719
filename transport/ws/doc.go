// Package ws speaks the Phoenix Channels protocol over WebSocket, with an actor
// for each connection and for each joined channel.
//
// A client connects to an [Endpoint] once and joins any number of topics on that
// connection. Each topic that it has joined is served by a [Handler] of its own,
// in a supervised actor: it gets the client's events in order, replies, pushes,
// and broadcasts to all who have joined the topic. A panic in a Handler costs
// that one channel; the client is told and joins again.
//
//	endpoint, err := ws.Start(sys, ws.Config{Sockets: []ws.Socket{{
//		Path:     "/socket",
//		Channels: ws.Routes{ws.Topic("room:*", func() *Room { return &Room{} }, nil)},
//	}}})
//	http.ListenAndServe("127.0.0.1:4000", endpoint)
//
// What a channel does on which event is best put in a table, [Events], whose functions
// get their payloads decoded into structs of their own, and checked.
//
// What the clients on one topic share, and what outlives them, is best put in a room: see
// package [github.com/troupe-go/troupe/transport/ws/room].
//
// The official clients for JavaScript, Swift, Kotlin and others work unmodified.
// Versions 1 and 2 of the protocol are spoken, as the client asks, and others by a
// [Serializer] of your own; messages are JSON, or bytes in version 2. With
// Socket.LongPoll, clients that cannot use a WebSocket poll over plain HTTP.
//
// # Order and delivery
//
// Events of one client on one topic are handled in the order in which they were
// sent, and different topics at the same time. Broadcasts of one sender on one
// topic arrive in order. Delivery is at most once: nothing is kept for a client
// that is away, unless its [Route] has a [History] or a Linger.
//
// # The way of a frame
//
//	client ──► connection ──► socket actor ──► channel actor ──► Handler
//	              reads         decodes,         one for each      decides
//	              frames        routes           topic                │
//	                ▲                                │                │
//	                └─────── has been handled ───────┘                │ broadcasts
//	                                                                  ▼
//	client ◄── connection ◄── channel actors of all that have joined ◄┘
//	              writes        share one frame, encoded once
//
// A frame is decoded once and encoded once, and goes forward only, but for one thing: the
// channel tells the connection that a message has been handled. That is the back pressure:
// the connection reads no further while too much of its client waits to be handled.
//
// # Overload
//
// A client that does not read what it is sent is closed when Socket.MaxQueue bytes
// wait for it, or loses messages, as Socket.Overflow says; nobody waits for it. A
// client that sends faster than its channels handle, or than Socket.MaxMessageRate,
// is made to wait by TCP. Other limits are on the size of a message, on channels and
// on joins. Socket.MaxConnections and Socket.MaxPerAddress limit how many clients there
// are, in all and of one address; there is no such limit unless they are set.
//
// A stack overflow ends the program, whatever an actor can contain. So a handler that
// goes through a payload by recursion limits the depth, which is the client's choice.
//
// # Several nodes
//
// With [Config].Cluster, broadcasts and disconnects reach the clients of the endpoints of
// all nodes.
//
// # Metrics and logs
//
// [Stats] are counters. Socket.Observe is told of each [Observation]: a connection, a
// join, an event and the time that it has waited and that its handler took, an end and its
// reason. [ObservationLog] logs them. [Endpoint.Connections], [Endpoint.Channels] and
// [Endpoint.Topics] show what there is now.
//
// # Examples
//
// The tests run these files:
//
//   - example_test.go: tables of events, payloads with a type, middleware;
//   - example_channel_test.go: what comes after the answer to a join, and a late reply;
//   - example_endpoint_test.go: an endpoint in a program, who may connect, broadcasts,
//     draining, several nodes;
//   - example_expire_test.go: a client whose token ends;
//   - example_gap_test.go: what was lost between nodes;
//   - example_client_test.go: the clients of these examples;
//   - example_linger_test.go: a channel that outlives its connection;
//   - example_history_test.go: what a client gets that was away, and what it gets at its join;
//   - example_rate_limit_test.go: a limit on how often an event may come;
//   - metrics_example_test.go: metrics of channels.
//
// The programs examples/room, examples/auction, examples/board and examples/chat are a room
// in 25 lines, the two of the guide docs/guide/channels.md, and one with presence and a page.
// The guide docs/guide/cluster.md is about several nodes, docs/guide/missed.md about clients
// that were away. The guide
// docs/phoenix.md has the functions of Phoenix next to those of Troupe.
package ws
