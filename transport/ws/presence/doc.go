// Package presence tells who is in a topic, on all nodes of a cluster, to the program
// and to the clients of package ws. It works with the class Presence of the official
// client.
//
//	who := presence.New(presence.Config{})
//	endpoint := ws.New(ws.Config{Trackers: []ws.Tracker{who}, Sockets: sockets})
//	children := []supervisor.Child{who.Child(), endpoint.Child()}
//
//	func (r *Room) Join(c *ws.Channel, topic string, in ws.Payload) (any, error) {
//		r.who.Enter(c, r.user, Meta{OnlineAt: time.Now().Unix()})
//		return nil, nil
//	}
//
// A presence is a key, such as a user's ID, in a topic, with a meta, any JSON object. A
// key may have several: one for each device of the user, say. Each belongs to an actor,
// usually the channel, and goes when that ends, however it ends.
//
// # What clients get
//
// [Tracker.PushState] sends a client the event presence_state, with all that are
// present. From then on each change comes as presence_diff: to all clients in the
// topic, on every node. It is broadcast to the members on the endpoints that have the
// Tracker in their Config.
//
// # Several nodes
//
// With [Config].Cluster the trackers of all nodes agree on who is present. Each
// speaks for its own presences only; there is no leader, and nothing to elect. On the
// node where it happens a change is seen at once, on the others after up to
// BroadcastPeriod. A node that is not heard of for DownPeriod is down: its presences
// leave, and join again, with the same refs, when it comes back. Messages may get
// lost: a node notices what it lacks, and asks for it.
//
// # Cost
//
// Every change in a topic goes to every member of it, and every member who joins gets
// the whole list. So a topic with ten thousand members makes work that grows with
// their square. Presence is for rooms, not for all users of a site.
//
// # Examples
//
// The examples are in example_test.go: a room that shows who is in it, actors that are
// present, data from elsewhere, several nodes. The program examples/chat has a page that
// shows it. The guide is docs/guide/presence.md.
//
// Phoenix: Phoenix.Presence.
package presence
