package actor

import (
	"time"

	"github.com/troupe-go/troupe/mailbox"
)

// extra is what an actor has that uses more than messages and signals: it is made
// at the first use, so that the others neither carry it nor look for it at each
// message. Only the runner touches it.
type extra[M any] struct {
	next      func(*Context[M]) error // set by Continue
	stash     []M                     // put aside
	replay    []M                     // unstashed, to be handled before the mailbox
	suspended bool
	held      mailbox.Batch[M] // was in hand when the actor was suspended
	timers    map[string]*namedTimer[M]
	idle      *idleTimer
	trace     func(Trace)
}

func (c *cell[M]) more() *extra[M] {
	if c.extra == nil {
		c.extra = new(extra[M])
	}
	return c.extra
}

// handleNext is the runner's step for an actor with extras. It handles one thing,
// in this order: what Continue asked for, urgent messages, unstashed ones, and
// the batch.
func (c *cell[M]) handleNext(batch *mailbox.Batch[M]) (step, error) {
	x := c.extra
	if next := x.next; next != nil {
		x.next = nil
		return handled, next(c.self())
	}
	if x.suspended {
		return c.handleSuspended(batch)
	}
	if m, ok := c.box.NextUrgent(); ok {
		return handled, c.receive(m)
	}
	if len(x.replay) > 0 {
		return handled, c.receive(pop(&x.replay))
	}
	if batch.AtMark() {
		return handled, c.handleSignal(batch.Mark().(signal))
	}
	if m, ok := batch.Next(); ok {
		return handled, c.receive(m)
	}
	return nothing, nil
}

// receive hands a message to the behavior of an actor with extras.
func (c *cell[M]) receive(m M) error {
	c.notIdle()
	x := c.extra
	if x.trace == nil {
		return c.behavior.Receive(c.self(), m)
	}
	start := time.Now()
	err := c.behavior.Receive(c.self(), m)
	if x.trace != nil { // it may have been taken off
		x.trace(Trace{PID: PID{&c.process}, Message: m, Took: time.Since(start), Result: err})
	}
	return err
}

// discardExtra turns the messages that an ended actor had put aside into dead
// letters.
func (c *cell[M]) discardExtra() {
	x := c.extra
	if x == nil {
		return
	}
	for _, list := range [][]M{x.replay, x.stash} {
		for _, m := range list {
			deadLetter(&c.process, m, NoProc)
		}
	}
	for m, ok := x.held.Next(); ok; m, ok = x.held.Next() {
		deadLetter(&c.process, m, NoProc)
	}
	c.extra = nil
}

// pop removes and returns the first of the list.
func pop[M any](list *[]M) M {
	var zero M
	m := (*list)[0]
	(*list)[0] = zero
	if *list = (*list)[1:]; len(*list) == 0 {
		*list = nil
	}
	return m
}
