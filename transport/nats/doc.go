// Package nats makes a cluster of Troupe's nodes, with NATS between them. NATS knows
// the members and moves the messages; nothing of that is home-made.
//
// An [Adapter] connects a [pubsub.PubSub] to those of the other nodes, so that a
// broadcast reaches the subscribers of all of them:
//
//	var rooms pubsub.PubSub[string]
//	err := rooms.Connect(&nats.Adapter{Conn: conn, Name: "berlin"}, pubsub.JSON[string]{})
//
// Order, back-pressure and what else it promises are in [pubsub.Adapter].
//
// # In a split
//
// A node that is cut off from NATS goes on by itself, and tries to connect again as
// its connection's options say. What it broadcasts meanwhile is kept, up to the
// connection's limit, or lost; what the others broadcast, it does not get. Nothing
// arrives twice.
package nats
