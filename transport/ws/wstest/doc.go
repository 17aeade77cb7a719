// Package wstest tests channels without a network.
//
//	func TestShout(t *testing.T) {
//		endpoint := wstest.NewEndpoint(t, ws.Socket{Path: "/socket", Channels: routes})
//		ann := wstest.NewClient(t, endpoint, "/socket", ws.Identity{ID: "user:ann"})
//		room, _ := ann.Join("room:lobby", nil)
//
//		ref := room.Push("shout", map[string]string{"text": "hello"})
//		room.AssertReply(ref, "ok")
//		room.AssertBroadcast("shout", wstest.Partial{"text": "hello"})
//		room.RefutePush("alarm")
//	}
//
// What runs is the real thing: the handshake, a WebSocket with its limits and its
// compression, version 2 of the protocol, a socket actor, and an actor for each channel.
// Only the wire is a [net.Pipe]. The test is the client, and is told of all that is
// broadcast on the topics that it joins. A client with nothing to say sends a heartbeat
// every 30 s, for a day.
//
// # Matching
//
// The assertions that take want... look for a message whose payload matches it, among
// those that have not been taken by another assertion; what they find they take, and
// return its payload. Without a want any payload does. A want is
//
//   - a value: the payload must be the same JSON as the value makes, whatever the order
//     of keys, or the same bytes if it is [ws.Binary];
//   - a [Partial]: the payload must be an object with at least these fields;
//   - a func(ws.Payload) bool, which must return true; [Any] is one.
//
// Payloads are compared as JSON because they are JSON as soon as a handler has let go
// of them; Phoenix's tests compare terms. To look closer, decode what is returned.
//
// # Clients that come back
//
// A client that was away is another [NewClient], which joins with what the first one knew: as
// "since", on a recorded topic, the To.String() of what [ws.Endpoint.Recorded] returns; as
// "resume_token", where channels linger, the field of that name in the answer of Join.
//
// # Time
//
// An assertion waits for 100 ms, and a refutation waits them out, unless Within says
// otherwise. Before an assertion fails it also lets the client's socket and channel
// finish what they have at hand, so a machine that is slow does not fail tests. In a
// bubble of testing/synctest, refutations and the timers of the code under test take
// no time at all; make the endpoint inside of it. Tests may run in parallel, each with
// an endpoint of its own.
//
// # Crashes
//
// A channel that crashes fails the test, at its end at the latest, unless the test
// expects it by [Channel.AssertCrash].
//
// A client belongs to the test that it was made for, with its channels and topics: what
// fails ends that test at once, as by Fatal, and so must be called on the test's
// goroutine. A subtest uses them by For.
//
// # Examples
//
// The examples are in example_test.go: a test of a channel. The program examples/auction
// has more, which the guide docs/guide/channels.md explains.
//
// Phoenix: Phoenix.ChannelTest.
package wstest
