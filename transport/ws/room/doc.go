// Package room has rooms: what the clients on one topic share, in an actor that outlives
// them. It takes as much to write one as a channel.
//
//	type Board struct{ strokes []Stroke }
//
//	// Join shows a client what there is.
//	func (b *Board) Join(*room.Member, ws.Payload) (any, error) {
//		return map[string]any{"strokes": b.strokes}, nil
//	}
//
//	func (b *Board) Draw(m *room.Member, s Stroke) (ws.Reply, error) {
//		b.strokes = append(b.strokes, s)
//		return ws.OK(nil), m.BroadcastFrom("stroke", s)
//	}
//
//	boards := room.New(room.Config{Linger: time.Minute}, newBoard, room.Events[*Board]{
//		"draw": room.On((*Board).Draw),
//	})
//	endpoint := ws.New(ws.Config{Sockets: []ws.Socket{{
//		Path: "/socket", Channels: ws.Routes{boards.Topic("board:*")},
//	}}})
//	// in the tree: boards.Child(), endpoint.Child()
//
// The first client that joins a topic starts its room. All that the clients push there is
// handled by that one actor, one event at a time, so they agree on what happened first.
// When a client leaves, or is gone, [Leaver] is told; when the last one has gone the room
// lingers, and ends if nobody comes. A room that crashes is started again under its topic.
//
// With a Linger of its route, see [ws.Route], a member stays in the room for a while when its
// connection is lost, and nobody sees it go; see [Resumer].
//
// # Order and delivery
//
// A client's events are handled in the order in which they were sent, each once at most. A
// client misses nothing that is broadcast after the Join that let it in, while its connection
// holds: what comes before it has the answer is kept, and sent behind it.
//
// With a History of the route, a client that comes back gets what it has missed behind the answer
// to its join: a Join that shows a state leaves it out then, see [Member.Recovery].
//
// # Limits
//
// Payloads are decoded in the channels, so a room does not wait for that; everything else
// takes turns there. What may take long belongs in a task, which sends its answer with
// [Rooms.Send] to [InfoHandler]. While a room does not answer, the channels of its clients wait, and at
// last their connections: the limits of [ws.Socket] hold.
//
// # Several nodes
//
// In a cluster each node has a room of its own for a topic, with the clients of that node.
// What is broadcast reaches the clients of all, but not the other rooms: what a room keeps is
// that node's, unless they tell each other. The guide docs/guide/cluster.md shows how, so that
// a client that comes late is shown the same on each node, each thing once.
//
// # Examples
//
// The program examples/board is a board for many, with its tests. The guide
// docs/guide/channels.md goes through it.
package room
