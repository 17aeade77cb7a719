// Package httpapi lets services that are no part of the program, and may be in any
// language, publish to the clients of an endpoint over HTTP, disconnect them, and see who is
// there and what has been said.
//
//	api, err := httpapi.New(httpapi.Config{
//		Endpoint: endpoint,
//		Tokens:   token.Signed[httpapi.Grant]{Keys: keys, Purpose: "http api"},
//	})
//	mux.Handle("/api/", http.StripPrefix("/api", api))
//
// A request has a token, which says whose it is and what it may do; see [Grant].
//
//	curl https://example.com/api/publish -H "Authorization: Bearer $TOKEN" \
//	  -H "Content-Type: application/json" \
//	  -d '{"topic": "room:lobby", "event": "new_msg", "payload": {"body": "hello"}}'
//
// # Requests
//
//	POST publish     {"topic": …, "event": …, "payload": {…}}   an event to all in a topic, on all nodes
//	POST disconnect  {"id": "user:17"}                          closes the connections with this ID
//	GET  presence    ?topic=…&filter=…&limit=…                  the keys that are present in a topic
//	GET  presence    ?topic=…&key=…                             what there is of one key
//	GET  history     ?topic=…&since=…&limit=…                   what is recorded of a topic
//
// The answer to publish and disconnect is {}: it is on its way, as from [ws.Endpoint.Broadcast]
// and [ws.Endpoint.Disconnect]. presence answers with {"total": 2, "keys": [{"key": "ann",
// "count": 1}, …]}, where count is how many presences a key has, in the order of the keys and
// at most limit of them, 100 if it is not given and 1,000 at most; or with {"key": "ann",
// "entry": {"metas": […]}}, what clients get of the key.
//
// A publish to a topic that is recorded, see [ws.History], may have a "key". Of several with the
// same one clients get the first: so a service that does not know whether a request was taken
// makes it again, and is answered {} each time. All services that may publish to a topic share
// its keys. In memory the log knows them for its TTL, and Size of them; the Store of transport/nats
// for five minutes. The log in memory begins with the first channel on the topic, with the first
// request for its history, or with the first publish that has a key. What is published without one
// before that is answered {} as well, but is not recorded here. In the modes other than Stream, and
// with a Store, it is.
//
// history answers with {"complete": true, "position": "@e:17", "messages": [{"position":
// "@e:16", "event": "new_msg", "payload": {…}}, …]}, in the order in which they were broadcast,
// 100 if there is no limit and 1,000 at most, and 1 MiB or so. A binary message has "binary", in
// base64, in place of the payload. since is a position: the messages are those behind it. Without
// it they are the oldest that are kept. If the last message has another position than the answer,
// there are more behind it. complete is false if messages behind since are lost, or if there is no
// since; see [ws.Endpoint.Recorded].
//
// Events that have a meaning of their own cannot be published: those that begin with "phx_" or
// "chan_reply_", presence_state, presence_diff and disconnect.
//
// A payload is a JSON object, {} if it is left out. A topic must be one that a socket of the
// endpoint has a route for. Fields and parameters that there are not are refused, so that
// what is misspelt is noticed.
//
// # Errors
//
// The body of an error is {"error": {"code": "unknown_topic", "message": "…"}}. The code is
// for programs, the message for people.
//
//	400  invalid_request, invalid_topic, invalid_event, invalid_payload, invalid_id,
//	     invalid_key, not_recorded (a key for a topic that is not)
//	401  no_token, token_expired, token_invalid
//	403  forbidden          the token does not give the right to it
//	404  unknown_act, unknown_topic, not_present, no_presence (the program has no Tracker),
//	     not_recorded (there is no history of the topic)
//	405  wrong_method
//	408  too_slow           the body took too long
//	413  too_large
//	415  not_json
//	429  too_many_requests  Retry-After says when to come back
//	500  internal
//	503  unavailable        the endpoint is down, a token cannot be verified now, Fetch has failed,
//	                        a log cannot be read, or the message did not reach the other nodes
//
// After a 503 of publish some clients may have got the event; with a key it can be made again.
//
// # Safety
//
// The token is taken from the header only, since URLs are logged. Each request has a line in
// the log that says who did what to which topic, and nothing of the token or the payload.
// Pages of other origins cannot call the API: it has no CORS headers, and looks at no cookies.
//
// # Examples
//
// The examples in example_test.go are requests and their answers. The program
// examples/publish has an API next to a room, and prints a command that publishes to it.
package httpapi
