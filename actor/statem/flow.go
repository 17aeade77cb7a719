package statem

import (
	"fmt"
	"slices"

	"github.com/troupe-go/troupe/actor"
)

// flow is where a machine stands: its state, and which event comes next. It
// knows neither actors nor the machine's code. Time is a matter of its timeouts.
type flow[S comparable, M any] struct {
	state     S
	queue     []event[M] // goes ahead of the mailbox; the next event is the last
	postponed []event[M] // oldest first
	timeouts  timeouts[M]
}

// transition is what the handling of one event comes to.
type transition[S comparable, M any] struct {
	event    event[M]
	next     S
	postpone bool
	repeat   bool
	inserted []event[M]         // in the order in which they were inserted
	timeouts []timeoutChange[M] // in the order in which they were asked for
}

// done forgets what was asked for, and keeps the room for it.
func (t *transition[S, M]) done() {
	*t = transition[S, M]{inserted: emptied(t.inserted), timeouts: emptied(t.timeouts)}
}

// postponedLimit is how many events may be postponed: as many as an actor may
// stash.
const postponedLimit = 100_000

// enter makes t's next state the machine's. It reports whether that is an
// occasion for an enter call.
func (f *flow[S, M]) enter(t *transition[S, M]) (old S, due bool) {
	old, f.state = f.state, t.next
	return old, t.repeat || old != t.next
}

// finish does the rest of the transition, when the enter call has been made.
//
// What is to come first goes on the queue last: postponed events, and then the
// inserted ones. See SM-6 in OTP's rules.
func (f *flow[S, M]) finish(t *transition[S, M], changed bool) error {
	if t.postpone {
		if len(f.postponed) >= postponedLimit {
			return fmt.Errorf("%d events are postponed: %w", len(f.postponed), actor.ErrFull)
		}
		f.postponed = append(f.postponed, t.event)
	}
	if changed {
		f.timeouts.cancel(StateTimeout)
		if len(f.postponed) > 0 {
			f.putBack(f.postponed)
			f.postponed = emptied(f.postponed)
		}
	}
	f.putBack(t.inserted)
	for _, change := range t.timeouts {
		f.timeouts.apply(change)
	}
	return nil
}

// putBack puts events ahead of the queue, the first of them foremost.
func (f *flow[S, M]) putBack(events []event[M]) {
	for _, e := range slices.Backward(events) {
		f.queue = append(f.queue, e)
	}
}

// waiting reports whether there is an event to handle before the mailbox.
func (f *flow[S, M]) waiting() bool { return len(f.queue) > 0 || len(f.timeouts.zero) > 0 }

// next takes the event to handle before the mailbox. There must be one. Timeouts
// of zero come when the queue is empty.
func (f *flow[S, M]) next() event[M] {
	last := len(f.queue) - 1
	if last < 0 {
		t := f.timeouts.firedZero()
		return event[M]{kind: t.kind, message: t.message}
	}
	e := f.queue[last]
	f.queue[last] = event[M]{}
	f.queue = f.queue[:last]
	if last == 0 {
		f.queue = emptied(f.queue)
	}
	return e
}

// handling notes that an event is about to be handled.
func (f *flow[S, M]) handling() {
	if f.timeouts.event != nil {
		f.timeouts.cancel(EventTimeout)
	}
}

// kept is how much room an idle machine keeps in each of its lists.
const kept = 8

// emptied returns an empty list that refers to nothing. It keeps the room of the
// list that it was, if that is not too much.
func emptied[T any](list []T) []T {
	if cap(list) > kept {
		return nil
	}
	clear(list[:cap(list)])
	return list[:0]
}
