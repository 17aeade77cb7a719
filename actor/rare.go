package actor

import (
	"context"

	"github.com/troupe-go/troupe/actor/internal/queue"
)

// rareState is what only actors have that use more than messages and signals. It is
// allocated at the first use: other actors do not carry it, nor look into it at each
// message. Only the runner touches it.
type rareState[M any] struct {
	next      func(*Context[M]) error // set by Continue
	stash     []M                     // put aside
	replay    [][]M                   // unstashed, to be handled before the mailbox, the last list first
	suspended bool
	held      queue.Batch[M] // was in hand when the actor was suspended
	timers    map[string]*namedTimer[M]
	idle      *idleTimer
	debugging *debug
}

// makeRare returns c.rare, allocating it on first use.
func (c *cell[M]) makeRare() *rareState[M] {
	if c.rare == nil {
		c.rare = new(rareState[M])
	}
	return c.rare
}

// handleNext is the runner's step for an actor with rare state. It handles one thing,
// in this order: what Continue asked for, urgent messages, unstashed ones, and
// the batch.
func (c *cell[M]) handleNext(batch *queue.Batch[M]) (step, *doom) {
	x := c.rare
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

// receive hands a message to the behavior of an actor with rare state.
func (c *cell[M]) receive(m M) error {
	c.notIdle()
	if !c.rare.debugging.isOn() {
		return c.behavior.Receive(c.self(), m)
	}
	return c.handle(TraceMessage, m, func() error { return c.behavior.Receive(c.self(), m) })
}

// isDebugged reports whether what the actor handles concerns others, too.
func (c *cell[M]) isDebugged() bool { return c.rare != nil && c.rare.debugging.isOn() }

// discardRare turns the messages that an actor has put aside into dead letters, when
// it ends. The actor's runner calls it, before anybody is told of the end.
func (c *cell[M]) discardRare() {
	x := c.rare
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
	c.rare = nil
}

// unstashed removes and returns the next message to be replayed.
func (x *rareState[M]) unstashed() (m M, ok bool) {
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

// rareRelations holds what few actors need, among those that have relations. The lock of
// the relations guards it.
type rareRelations struct {
	name   string
	label  string
	ctx    context.Context // the actor's own; nil until asked for
	cancel context.CancelCauseFunc
	done   chan struct{}                    // closed when all have been told; nil until asked for
	starts *startup                         // those whose Init this actor waits for
	asking smallMap[*pendingCall, struct{}] // what this actor has asked, with AskTo
	// releasing is what a dead actor owns and has not been released, if that is much.
	releasing []Resource
}

// makeRare returns r.rare, allocating it on first use. The caller holds the lock.
func (r *relations) makeRare() *rareRelations {
	if r.rare == nil {
		r.rare = new(rareRelations)
	}
	return r.rare
}
