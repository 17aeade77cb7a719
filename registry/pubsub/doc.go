// Package pubsub takes what is broadcast on a topic to all who have subscribed to it,
// on one node or on all nodes of a cluster.
//
//	var rooms pubsub.PubSub[string]
//	pubsub.SubscribeTo(&rooms, ref, "room:1", func(_, line string) Msg { return Said(line) })
//	rooms.Broadcast("room:1", "hello")
//
// # Who gets what
//
// A broadcast goes to each subscription that was made before it began and still stands:
// an actor that subscribed before the call gets the message, and one that unsubscribed
// before the call does not. One that is made while the broadcast runs does not get it;
// one that ends meanwhile may or may not, and Deliver may still be called a moment after
// Unsubscribe has returned or the owner has ended.
//
// [PubSub.Broadcast] calls all subscribers before it returns. So what one
// goroutine broadcasts on a topic reaches every subscriber in that order. There
// is no order between the broadcasts of several goroutines, nor among the
// subscribers. Nothing is stored: each subscriber gets a message at most once for
// each of its subscriptions.
//
// # Several nodes
//
// A [Cluster] is the node's membership: one for the program, made from an [Adapter], and
// run by a supervisor. [PubSub.Connect] joins a PubSub to those of the same name on the
// other nodes; a [Codec] turns the messages into bytes. Then a broadcast goes to all nodes,
// and [PubSub.LocalBroadcast] and [PubSub.DirectBroadcast] to one. What one goroutine
// broadcasts on a topic still arrives in order everywhere, at most once, and possibly not
// at all. A [Hub] makes a cluster of one program.
//
// # The fast lane
//
// A [Subscriber] is called on the broadcaster's goroutine, and need not be an actor.
// Let T keep the encoded form of a message once it is made, and let a connection's
// Deliver write that form: then a message is encoded once however many connections it
// goes to, and no actor wakes up for it. The package's example shows it; Phoenix calls
// it fastlane.
//
// # Cost
//
// Subscribing and unsubscribing take the same short time whether a topic has one
// subscriber or a hundred thousand, also while a broadcast runs: no subscriber is
// called with a lock held. A topic exists while it has subscribers and leaves
// nothing behind.
//
// # Examples
//
// The examples are in example_test.go: subscribers, the fast lane, and a cluster of two
// nodes.
//
// Phoenix: Phoenix.PubSub.
package pubsub
