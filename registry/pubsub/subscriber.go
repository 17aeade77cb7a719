package pubsub

import (
	"reflect"

	"github.com/troupe-go/troupe/actor"
)

// Subscriber gets what is broadcast on a topic.
type Subscriber[T any] interface {
	// Deliver takes one message. It runs on the broadcaster's goroutine, and for
	// several broadcasters at the same time. It must not block, and must not
	// change msg, which all subscribers share.
	Deliver(topic string, msg T)
}

// To returns a subscriber that sends each message, as wrap makes it one of the
// actor's own, to the actor. It never waits: if a bounded mailbox refuses the
// message, it is lost. It panics if wrap is nil.
//
// The subscription's owner may be the actor itself or another one.
func To[M, T any](ref actor.Ref[M], wrap func(topic string, msg T) M) Subscriber[T] {
	if wrap == nil {
		panic("pubsub: To: wrap is nil")
	}
	return &mailer[M, T]{ref, wrap}
}

// SubscribeTo subscribes an actor to a topic: each message, as wrap makes it one of the
// actor's own, is sent to it, until it unsubscribes or ends. It never holds up a
// broadcast: if a bounded mailbox refuses the message, it is lost. It fails with an error
// that wraps [actor.NoProc] if the actor has ended, and panics if wrap is nil.
//
//	pubsub.SubscribeTo(&rooms, ctx.Self(), "room:1", toHeard)
//
// Phoenix: Phoenix.PubSub.subscribe/3.
func SubscribeTo[M, T any](ps *PubSub[T], ref actor.Ref[M], topic string, wrap func(topic string, msg T) M) error {
	if wrap == nil {
		panic("pubsub: SubscribeTo: wrap is nil")
	}
	return ps.Subscribe(ref.PID(), topic, To(ref, wrap))
}

type mailer[M, T any] struct {
	ref  actor.Ref[M]
	wrap func(topic string, msg T) M
}

func (m *mailer[M, T]) Deliver(topic string, msg T) {
	// Not Send, which would have the broadcaster wait for room in a mailbox that
	// blocks its senders.
	_ = m.ref.TrySend(m.wrap(topic, msg))
}

// isNil reports whether v is nil, or a nil pointer or function in an interface, which
// would panic when it is called: that is too late.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	x := reflect.ValueOf(v)
	return (x.Kind() == reflect.Pointer || x.Kind() == reflect.Func) && x.IsNil()
}
