package actor

import (
	"context"

	"github.com/troupe-go/troupe/actor/internal/queue"
)

// Ref is the typed address of an actor whose messages are of type M. It is a
// small value, comparable, and safe to use after the actor's end. The zero Ref
// is nobody: what is sent to it is lost.
//
// All methods may be called from any goroutine.
type Ref[M any] struct{ c *cell[M] }

// PID returns the actor's identity.
func (r Ref[M]) PID() PID {
	if r.c == nil {
		return PID{}
	}
	return PID{&r.c.process}
}

// String returns the actor's PID.
func (r Ref[M]) String() string { return r.PID().String() }

// Send puts m into the actor's mailbox. It does not wait and does not fail: a
// message to an actor that has ended, or to a full mailbox that refuses it,
// becomes a dead letter, as in Erlang. Only a mailbox that is bounded with
// [mailbox.Block] can make Send wait; use SendContext for those, and never let an
// actor Send to itself through one.
//
// Messages from one sender arrive in the order in which it sent them. The
// receiver gets m itself, not a copy: the sender must not change what it refers
// to.
func (r Ref[M]) Send(m M) {
	c := r.c
	if c == nil {
		return
	}
	switch outcome := c.box.Push(m); outcome {
	case queue.Queued:
	case queue.Wake:
		c.wake()
	default:
		c.sendSlow(outcome, m)
	}
}

// sendSlow deals with a message that was not simply queued.
func (c *cell[M]) sendSlow(outcome queue.Outcome, m M) {
	var err error
	if outcome == queue.Full { // wait if the mailbox blocks, or be refused again
		err = c.send(context.Background(), m, nil)
	} else {
		err = c.sent(outcome, m)
	}
	if err == ErrFull {
		deadLetter(&c.process, m, ErrFull)
	}
}

// TrySend is Send that reports what it knows: [NoProc] if the actor has ended,
// [ErrFull] if a bounded mailbox has no room. It never waits. A nil error says
// that the message is in the mailbox, or that it or an older one was dropped by
// the mailbox's policy; not that it will be handled.
func (r Ref[M]) TrySend(m M) error {
	if r.c == nil {
		return NoProc
	}
	return r.c.sent(r.c.box.Push(m), m)
}

// SendContext is TrySend that waits for room in a mailbox bounded with
// [mailbox.Block], until ctx is done, and then returns ctx's error. An actor that
// sends to itself so gets [ErrFull] instead of a deadlock.
func (r Ref[M]) SendContext(ctx context.Context, m M) error {
	if r.c == nil {
		return NoProc
	}
	carries := r.PID().carry(ctx, "SendContext")
	if caller(ctx) == &r.c.process {
		return r.c.trySend(m, carries)
	}
	return r.c.send(ctx, m, carries)
}

// RefOf returns the typed address of an actor. It reports false if the actor's
// messages are not of type M, or pid is zero.
func RefOf[M any](pid PID) (Ref[M], bool) {
	if pid.p == nil {
		return Ref[M]{}, false
	}
	c, ok := pid.p.typed.(*cell[M])
	return Ref[M]{c}, ok
}
