package actor

import (
	"context"

	"github.com/troupe-go/troupe/actor/internal/queue"
)

// extra is what an actor has that uses more than messages and signals: it is made
// at the first use, so that the others neither carry it nor look for it at each
// message. Only the runner touches it.
type extra[M any] struct {
	next      func(*Context[M]) error // set by Continue
	stash     []M                     // put aside
	replay    [][]M                   // unstashed, to be handled before the mailbox, the last list first
	suspended bool
	held      queue.Batch[M] // was in hand when the actor was suspended
	timers    map[string]*namedTimer[M]
	idle      *idleTimer
	debugging *debug
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
func (c *cell[M]) handleNext(batch *queue.Batch[M]) (step, *doom) {
	x := c.extra
	if next := x.next; next != nil {
		x.next = nil
		return handled, ending(next(c.self()))
	}
	if x.suspended {
		return c.handleSuspended(batch)
	}
	if m, ok := c.box.NextUrgent(); ok {
		return handled, ending(c.receive(m))
	}
	if m, ok := x.unstashed(); ok {
		return handled, ending(c.receive(m))
	}
	if batch.AtMark() {
		return handled, c.handleSignal(batch.Mark().(signal))
	}
	if m, ok := batch.Next(); ok {
		return handled, ending(c.receive(m))
	}
	return nothing, nil
}

// receive hands a message to the behavior of an actor with extras.
func (c *cell[M]) receive(m M) error {
	c.notIdle()
	if !c.extra.debugging.isOn() {
		return c.behavior.Receive(c.self(), m)
	}
	return c.handle(TraceMessage, m, func() error { return c.behavior.Receive(c.self(), m) })
}

// isDebugged reports whether what the actor handles concerns others, too.
func (c *cell[M]) isDebugged() bool { return c.extra != nil && c.extra.debugging.isOn() }

// discardExtra turns the messages that an actor has put aside into dead letters, when
// it ends. The actor's runner calls it, before anybody is told of the end.
func (c *cell[M]) discardExtra() {
	x := c.extra
	if x == nil {
		return
	}
	for m, ok := x.unstashed(); ok; m, ok = x.unstashed() {
		deadLetter(&c.process, m, NoProc)
	}
	for _, m := range x.stash {
		deadLetter(&c.process, m, NoProc)
	}
	for m, ok := x.held.Next(); ok; m, ok = x.held.Next() {
		deadLetter(&c.process, m, NoProc)
	}
	c.extra = nil
}

// unstashed removes and returns the next message to be replayed.
func (x *extra[M]) unstashed() (m M, ok bool) {
	if len(x.replay) == 0 {
		return m, false
	}
	var none M
	list := &x.replay[len(x.replay)-1]
	m, (*list)[0] = (*list)[0], none
	if *list = (*list)[1:]; len(*list) == 0 {
		x.replay[len(x.replay)-1] = nil
		x.replay = x.replay[:len(x.replay)-1]
	}
	return m, true
}

// seldom is what few of the actors that have relations have, too.
type seldom struct {
	name   string
	label  string
	ctx    context.Context // the actor's own; nil until asked for
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when all have been told; nil until asked for
	starts *startup      // those whose Init this actor waits for
	// releasing is what a dead actor owns and has not been released, if that is much.
	releasing []Resource
}

// few returns r's rarities, made if need be. The lock must be held.
func (r *relations) few() *seldom {
	if r.seldom == nil {
		r.seldom = new(seldom)
	}
	return r.seldom
}
