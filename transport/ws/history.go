package ws

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/actor/foreign"
	"github.com/troupe-go/troupe/transport/ws/history"
)

// History has what is broadcast on the topics of a [Route] recorded, so that a client
// which was away gets what it has missed when it joins again, or is told that it cannot.
// The zero History keeps the last 1,000 messages of the last five minutes.
//
//	rooms := ws.Topic("room:*", newRoom, roomEvents)
//	rooms.History = &ws.History{Size: 500, TTL: 10 * time.Minute}
//
// # On the wire
//
// Each recorded message carries its [Position] as its ref, "@epoch:offset". A client that
// joins with the last one that it has got as the parameter since gets the answer to its
// join, then what it has missed, each message as it would have come, and then what is
// broadcast from now on: nothing twice, and nothing left out in between. The official
// client needs a short function for it, see docs/guide/missed.md; package wsclient does
// it by itself.
//
// A client that sends since, be it null, is told where it stands, since it may have missed
// something before it has got anything. Behind the answer to its join comes the event
// [wire.EventPosition], of which only the ref counts; or, if since is a position,
// [wire.EventRecovery] with {"complete": true, "missed": 3, "position": "@epoch:offset"}. A
// client whose first position has not reached it sends a text that is none at its next join,
// such as "unknown", and is told that it may have missed something: "complete" is false.
//
// # What is recorded
//
// Broadcast and BroadcastFrom of a Channel and of an Endpoint, also those of other nodes.
// Not recorded are what is pushed to one client, local broadcasts, presence diffs among
// them, and what is broadcast as [Unrecorded]: a client that was away does not get it. From its
// join on it does, also while it is sent what it has missed.
//
// What a channel's handler intercepts is replayed through it: its HandleOut decides anew.
// What other goroutines push while HandleOut runs is taken for a part of that, and is not
// kept for a client that is away. A client that was cut off while it got the messages that
// HandleOut pushes for one broadcast, if these are several, gets those anew. So does one
// that was cut off between a binary broadcast and the position event that follows it, for a
// binary message has no ref. A client gets back what its own BroadcastFrom kept from it if
// it was cut off before it was told of that position.
//
// # What it costs
//
// The messages of a topic are given their places one after the other, and of two messages
// each client is sent the first one first, so a topic's broadcasts follow each other from
// client to client. The log is in memory, of this node, and begins with the topic's first use
// here, which is a channel, [Endpoint.Recorded], or a broadcast of this node that is [Idempotent], and
// in the other modes than Stream any broadcast of this node. It goes on when the last channel has
// gone, for TTL. Another node, and a server that was started anew, have logs of their own: a position
// of another log is not recovered, and the client and the handler are told so.
//
// # With a Store
//
// A Store, such as that of transport/nats on JetStream, gives the messages of a topic one
// order on all nodes, and takes them there. A position holds on each node, and when the program
// is started anew: so a client recovers on whatever node it comes to. Each node with a client on
// the topic has a copy of the log, of what its History keeps, which it reads from the store once.
//
// A recorded broadcast returns when the store has it, five seconds later at most. If it fails
// it may have been made nevertheless; it can be made again with Idempotent, whose key is known
// for as long as the store knows it. While the store cannot be reached broadcasts fail, and a
// client that joins has waited for three seconds and is told that it may have missed something;
// when the store is back, it joins again. What is Unrecorded does not go through the store, and
// may overtake what is recorded. The mode Keyed has the keys of what the store keeps of a topic.
//
// Where a node has missed something that the store does not have any more, and where the store
// has lost its log, the node's clients join anew and are told. So are those that come with a
// position which is older than what the store keeps of all topics.
//
// Phoenix: none.
type History struct {
	// Size is how many messages of a topic are kept; 1,000 if 0.
	Size int
	// TTL is how long a message is kept, and the log of a topic that no channel is on;
	// five minutes if 0.
	TTL time.Duration
	// MaxBytes is how many bytes of a topic are kept, with 512 more for each message;
	// 1 MiB if 0.
	MaxBytes int
	// MaxIdle is how many topics are kept that no channel is on; 1,000 if 0. If there are more,
	// one is forgotten of which nobody can have missed anything: nothing was recorded on it, or
	// it was begun by an [Idempotent] broadcast, and nobody has been there. So clients which only
	// look at topics, and news for users that are not there, push out little that counts. Where no
	// more than an eighth of MaxIdle are such, the one goes that no channel has been on for
	// longest. A client that may broadcast on many topics can still push others' out.
	MaxIdle int

	// Mode says what of a topic is kept: [Stream] if not set.
	Mode Mode
	// Key returns what a message is about, in the mode Keyed, which needs it. It must be
	// quick, and must not broadcast. If it panics or takes longer than a second, or while 16
	// calls have not returned, the message is delivered, and not recorded: the log has a hole
	// there.
	Key func(event string, p Payload) string

	// Store keeps the logs for all nodes, and from one start of a program to the next. In
	// memory, of this node, if nil. See [History] for what that changes.
	Store history.Store

	storage *storage       // around Store; nil without one
	keys    *foreign.Calls // of Key
}

// foresees reports whether there is something to do for a broadcast before it is sent, and not only
// where the topic's recorder gets it.
func (h *History) foresees() bool { return h.storage != nil || h.Mode != Stream }

// Mode says what a [History] keeps of a topic.
type Mode uint8

const (
	// Stream keeps messages as they came. A client gets those that it has missed; one that
	// joins for the first time gets none, nor does one that has missed more than is kept.
	Stream Mode = iota
	// Latest keeps the last message. A client gets it at its join, unless it has it.
	Latest
	// Keyed keeps the last message about each key. A client gets these at its join, but for
	// those that it has.
	Keyed
)

// String returns the mode's name.
func (m Mode) String() string {
	switch m {
	case Stream:
		return "stream"
	case Latest:
		return "latest"
	case Keyed:
		return "keyed"
	}
	return fmt.Sprintf("mode(%d)", uint8(m))
}

// Recovery says what became of what a client has missed.
type Recovery struct {
	// From is the position that the client has named, or none if that makes no sense.
	From Position
	// To is the last position there was when it came.
	To Position
	// Missed is how many messages it gets behind the answer to its join.
	Missed int
	// Complete says that it has then got all that was recorded: in the mode Stream each
	// message behind From, in the others what these keep of them. If it is false, messages
	// are lost to this client: in the mode Stream it gets none of what it has missed, and
	// what is broadcast from now on. It is the moment to send it the present state.
	Complete bool
}

// Recovery returns what becomes of what the client has missed, from Join on. It reports
// false if the client has not named a position, as at its first join, or if the topic is
// not recorded.
func (c *Channel) Recovery() (Recovery, bool) {
	p := c.replay()
	if p == nil {
		return Recovery{}, false
	}
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	if !p.named {
		return Recovery{}, false
	}
	return p.recovery, true
}

// withDefaults returns the history as it is used, or what is wrong with it.
func (h History) withDefaults() (*History, error) {
	switch {
	case h.Size < 0 || h.TTL < 0 || h.MaxBytes < 0 || h.MaxIdle < 0:
		return nil, errors.New("a limit of its History is negative")
	case h.Mode > Keyed:
		return nil, fmt.Errorf("there is no History in %v", h.Mode)
	case h.Mode == Keyed && h.Key == nil:
		return nil, errors.New("its History is Keyed and has no Key")
	case h.Store != nil && isNil(h.Store):
		return nil, fmt.Errorf("the Store of its History is a %T that is nil", h.Store)
	case h.Mode != Keyed && h.Key != nil:
		return nil, fmt.Errorf("its History has a Key, which the mode %v does not use", h.Mode)
	}
	h.Size = cmp.Or(h.Size, 1000)
	h.TTL = cmp.Or(h.TTL, 5*time.Minute)
	h.MaxBytes = cmp.Or(h.MaxBytes, 1<<20)
	h.MaxIdle = cmp.Or(h.MaxIdle, 1000)
	if h.Store != nil {
		h.storage = newStorage(h.Store)
	}
	h.keys = &foreign.Calls{Limit: keyPatience, Most: mostHanging}
	return &h, nil
}

// keyPatience is how long a Key may take, which a topic's broadcasts wait for.
const keyPatience = time.Second

// keyOf returns what a message is about, where that counts.
func (h *History) keyOf(b *broadcast) (key string, err error) {
	if h.Mode != Keyed {
		return "", nil
	}
	made := make(chan string, 1) // not a variable, which one that is late would still write
	err = h.keys.Do(func() error {
		made <- h.Key(b.Event, b.Payload)
		return nil
	})
	if err != nil {
		return "", err
	}
	return <-made, nil
}
