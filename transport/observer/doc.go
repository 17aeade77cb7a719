// Package observer shows a running system in a browser: the tree of actors as it changes,
// those with the most to do, one actor with its links and state, crashes and what came before
// them, connections, channels and topics, the last minutes, and the nodes of a cluster.
//
//	o := observer.New(observer.Config{Endpoints: []*ws.Endpoint{endpoint}})
//	spec.Children = append([]supervisor.Child{o.Child()}, spec.Children...)
//	mux.Handle("/observer/", o)
//
// Its parts:
//
//	browser ── page ──► HTTP ──► Authorize ──► page's files
//	             │                   │
//	             └── WebSocket ──────┴──► channel ──► package query ──► the system
//	                                                       ▲
//	                              other nodes ── Peers ────┘
//
// [Rights] say what somebody may do: Look, Trace or Act, as Config.Authorize grants. Without
// an Authorize, requests from the same machine may look. Rights are asked for again at each
// act and trace, and each of those is logged. Behind a proxy all requests come from the
// proxy's address: write an Authorize then, and have the proxy pass the Host header and
// WebSockets on.
//
// Nobody pays for a page that is not open, but for the history: a record of each actor that
// ends. An open page costs a walk over all actors now and then. Sends and handlers pay
// nothing, except those of an actor that is traced.
//
// Between nodes only questions cross, and no acts: see [query.Peers]. The observer keeps
// nothing across a restart of the program, and raises no alarms: package otel has metrics.
//
// # Examples
//
// The tests run this file:
//
//   - example_test.go: an observer in a supervision tree, for the developer's own machine,
//     and one for those who have the password.
//
// OTP: observer.
package observer
