package pubsub

import (
	"context"
	"errors"
	"reflect"

	"github.com/troupe-go/troupe/actor"
)

// Adapter takes messages between the nodes of a cluster. It stands for one node, and
// belongs to one [Cluster]. Package pubsubtest checks an implementation against all that
// follows.
//
// # Life
//
// A node joins and leaves, in turns, any number of times. After a Leave that returned
// nil, Join makes it a member again, as if it had never been one. A node may send and
// receive from when Join returns, though the others may take a moment to notice it:
// what they send meanwhile may or may not reach it. A Join that fails changes nothing.
//
// # Delivery
//
// Nothing is stored, and each node gets a message at most once, whatever fails.
// While the network works and no queue is full, it gets each message. The sender
// itself never gets its broadcasts back: its PubSub has called its subscribers
// already.
//
// Topic and data arrive as they were sent, byte for byte; any string is a topic,
// the empty one, too, and data may be empty. Once sent, data is not changed any
// more, by nobody: the sender, the adapter and the receivers may all keep it.
//
// # Order
//
// If one call of Broadcast or Send returns before the next one begins, on the same
// node with the same topic, no node gets the two the other way round: the first
// receive has returned when the second one begins. There may be gaps between them.
// There is no order between topics, nor between the messages of two nodes, nor
// does a message reach all nodes at the same time.
//
// # Errors and back-pressure
//
// Broadcast and Send queue a message and return; they never wait for another node
// or a subscriber there. Queues are bounded. Where one is full the message is lost
// for the nodes behind it, not for the others, and if the adapter notices at once
// it returns an error that wraps [ErrOverloaded]. So an error means that some node
// will not get the message, though others may; nil does not mean that it arrives.
// The adapter tries nothing twice if it could arrive twice. A node that notices what it
// has missed tells its [Receiver].
//
// A node that does not take its messages, or has gone without a word, holds up
// nobody else.
//
// # Concurrency
//
// Join is not called beside another Join or Leave. The other methods may be called
// from any goroutine, and all but Join and Leave from within the Receiver. The adapter may
// call that for different senders or topics at the same time.
//
// Phoenix: Phoenix.PubSub.Adapter.
type Adapter interface {
	// Node returns this node's name, which is not empty, never changes, and is
	// no other node's in the cluster.
	Node() string

	// Join makes the node a member. From then on the adapter calls r with what the
	// others send. Join fails for a member, and while a Leave that was given up goes on.
	Join(r Receiver) error

	// Broadcast sends to all other nodes. Before Join and after Leave the error
	// wraps [ErrNotJoined].
	Broadcast(topic string, data []byte) error

	// Send sends to one other node. If the adapter knows that there is no such
	// node the error wraps [ErrNoNode]; if it cannot know, the message is lost.
	// Before Join and after Leave the error wraps [ErrNotJoined].
	Send(node, topic string, data []byte) error

	// Leave ends the membership: it passes on what Broadcast and Send have
	// accepted, drops what has not been received, and returns when no call of the
	// Receiver runs. There is none after that. If ctx is done before, Leave returns its
	// error and goes on in the background; calling it again waits again. It does
	// nothing on a node that is not a member.
	Leave(ctx context.Context) error
}

// Router is an [Adapter] that takes a message only to the nodes that want its topic, so that
// it costs the others nothing. Package pubsubtest checks it as well.
//
// What [Adapter] says of Broadcast holds for Publish: of what one node sends on one topic, in
// whichever way, no other node gets two the other way round. A node that follows a topic gets
// what is published on it after the channel of its Follow is closed, while it is a member and
// is not cut off. It may get it a while earlier, and later than Unfollow. A node that has joined
// with a Receiver that is not [Selective] gets all: its cluster knows of an Adapter only, as of
// one that is wrapped.
type Router interface {
	Adapter

	// Publish is Broadcast to the nodes that follow the topic.
	Publish(topic string, data []byte) error

	// Follow says that this node wants the topic, and Unfollow that it does not. They count:
	// a node follows a topic for which Follow was called more often. They may be called in
	// any order, also before Join and after Leave, and hold from one membership to the next.
	// Neither waits. What Follow returns is closed when the network knows of it, or is not
	// to be waited for; nil says that it does by now.
	Follow(topic string) (known <-chan struct{})
	Unfollow(topic string)
}

// Prompt is an [Adapter] that vouches for its Broadcast, Send and Publish: they keep nobody
// waiting, and neither panic nor end their goroutine, whatever happens. Then no goroutine of
// its own is needed for each of them.
type Prompt interface {
	Adapter

	// Prompt returns the adapter itself. One that wraps it, and has its methods by embedding,
	// returns another one by that, and so vouches for nothing.
	Prompt() Adapter
}

// isPrompt reports whether a vouches for itself.
func isPrompt(a Adapter) bool {
	p, ok := a.(Prompt)
	return ok && reflect.TypeOf(a).Comparable() && p.Prompt() == a
}

// Receiver is what an [Adapter] calls from Join to Leave. Its methods do not block for long,
// and do not panic. [Cluster] has one.
type Receiver interface {
	// Receive gets a message of another node. The adapter vouches for the sender as far
	// as its network does: nothing in the data can.
	Receive(from, topic string, data []byte)

	// Missed tells that messages of other nodes were lost, or may have been, soon after they were.
	Missed(Gap)

	// Emit tells the observers of the node's system of an event.
	Emit(actor.Event)
}

// Selective is a [Receiver] that wants what its node follows, by a [Router].
type Selective interface {
	Receiver

	// Selective does nothing.
	Selective()
}

// Errors of an [Adapter], and of a [PubSub] that has one.
var (
	ErrNoNode     = errors.New("no such node")
	ErrOverloaded = errors.New("too many messages are waiting")
	ErrNotJoined  = errors.New("not a member of the cluster")
)
