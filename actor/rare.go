package actor

import (
	"context"
	"reflect"

	"github.com/troupe-go/troupe/actor/internal/queue"
)

// rareState is what only actors have that use more than messages and signals. It is
// allocated at the first use: other actors do not carry it, nor look into it at each
// message. Only the runner touches it.
type rareState[M any] struct {
	next      func(*Context[M]) error // set by Continue
	nextWith  *carried                // what that carries
	stash     []stashed[M]            // put aside
	replay    [][]stashed[M]          // unstashed, to be handled before the mailbox, the last list first
	suspended bool
	held      queue.Batch[M] // was in hand when the actor was suspended
	timers    map[string]*namedTimer[M]
	idle      *idleTimer
	debugging *debug
}

// makeRare returns c.rare, allocating it on first use. An actor that has ended has none, so
// the use of its Context is found out here, where it costs nothing.
func (c *cell[M]) makeRare() *rareState[M] {
	if c.rare == nil {
		if c.has(returned) {
			panic("actor: the Context of " + PID{&c.process}.subject() + " is used after its end")
		}
		c.rare = new(rareState[M])
	}
	return c.rare
}

// handleNext is the runner's step for an actor with rare state. It handles one thing,
// in this order: what Continue asked for, urgent messages, unstashed ones, and
// the batch.
func (c *cell[M]) handleNext(h *hand[M]) (step, *doom) {
	x := c.rare
	if next := x.next; next != nil {
		return handled, c.goOn(h, next)
	}
	if x.suspended {
		return c.handleSuspended(h)
	}
	if m, ok := c.box.NextUrgent(); ok {
		return handled, c.receive(h, m, nil)
	}
	if s, ok := x.unstashed(); ok {
		return handled, c.receive(h, s.message, s.carries)
	}
	return c.handleOne(h)
}

// handleOne handles what comes next of what the runner has in hand.
func (c *cell[M]) handleOne(h *hand[M]) (step, *doom) {
	if h.AtMark() {
		if mark := h.Mark(); mark != nil {
			return handled, c.handleSignal(mark.(signal), h)
		}
		return handled, nil
	}
	if m, ok := h.Next(); ok {
		return handled, c.receive(h, m, nil)
	}
	return nothing, nil
}

// receive hands a message to the behavior, with all that may have to be done besides.
func (c *cell[M]) receive(h *hand[M], m M, carries *carried) *doom {
	c.notIdle()
	if !c.isWatched(h, carries) {
		return ending(c.behavior.Receive(c.self(), m))
	}
	return c.receiveWatched(h, m, carries)
}

// goOn runs what Continue asked for.
func (c *cell[M]) goOn(h *hand[M], next func(*Context[M]) error) *doom {
	x := c.rare
	carries := x.nextWith
	x.next, x.nextWith = nil, nil
	traced := c.steps()
	if !h.sampled && carries == nil && traced == untraced {
		return ending(next(c.self()))
	}
	what := handling{name: "Continue", traced: traced, carries: carries}
	return c.watched(h, what, func() error { return next(c.self()) })
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
	for s, ok := x.unstashed(); ok; s, ok = x.unstashed() {
		deadLetter(&c.process, s.message, NoProc)
	}
	for _, s := range x.stash {
		deadLetter(&c.process, s.message, NoProc)
	}
	for m, ok := x.held.Next(); ok; m, ok = x.held.Next() {
		deadLetter(&c.process, m, NoProc)
	}
	c.rare = nil
}

// unstashed removes and returns the next message to be replayed.
func (x *rareState[M]) unstashed() (s stashed[M], ok bool) {
	if len(x.replay) == 0 {
		return s, false
	}
	list := &x.replay[len(x.replay)-1]
	s, (*list)[0] = (*list)[0], stashed[M]{}
	if *list = (*list)[1:]; len(*list) == 0 {
		x.replay[len(x.replay)-1] = nil
		x.replay = x.replay[:len(x.replay)-1]
	}
	return s, true
}

// rareRelations holds what few actors need, among those that have relations. The lock of
// the relations guards it.
type rareRelations struct {
	name    string
	label   string
	first   reflect.Type    // of the behavior that it was spawned with, if it has become another
	profile context.Context // labels, see keepProfileLabels
	ctx     context.Context // the actor's own; nil until asked for
	cancel  context.CancelCauseFunc
	values  context.Context                  // that the message in hand gives; nil if it gives none
	carries *carried                         // what that message carries
	done    chan struct{}                    // closed when all have been told; nil until asked for
	starts  *startup                         // those whose Init this actor waits for
	asking  smallMap[*pendingCall, struct{}] // what this actor has asked, with AskTo
	// releasing is what a dead actor owns and has not been released, if that is much.
	releasing []Resource
	restarts  int // that its supervisor has noted
}

// noteRare runs f on p's rare relations, unless p has ended without any.
func (p *process) noteRare(f func(*rareRelations)) {
	r := p.relations()
	if r == gone {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r.makeRare())
}

// makeRare returns r.rare, allocating it on first use. The caller holds the lock.
func (r *relations) makeRare() *rareRelations {
	if r.rare == nil {
		r.rare = new(rareRelations)
	}
	return r.rare
}
