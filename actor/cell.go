package actor

import (
	"context"
	"runtime"

	"github.com/troupe-go/troupe/mailbox"
)

// cell is an actor: its process, its mailbox and its behavior.
//
// It has no goroutine of its own. Whoever finds the mailbox asleep starts one to
// run it; that goroutine, the runner, handles what waits, and ends. There is one
// runner at a time, and what one runner did happens before what the next one
// does: the mailbox's lock lies between them.
type cell[M any] struct {
	process
	box      mailbox.Queue[M]
	behavior Behavior[M]
	extra    *extra[M] // nil for most; only the runner touches it
}

// A runner yields the processor after so many messages, so that one flooded
// actor cannot keep the others waiting.
const yieldAfter = 1024

func (c *cell[M]) self() *Context[M] { return (*Context[M])(c) }

func (c *cell[M]) mark(s signal) {
	if c.box.Mark(s) == mailbox.Wake {
		c.wake()
	}
}

func (c *cell[M]) close() {
	if c.box.Close() {
		c.wake()
	}
}

func (c *cell[M]) discard() {
	c.box.Discard(func(m M) { deadLetter(&c.process, m, NoProc) })
}

func (c *cell[M]) load() (waiting int, taken uint64, running bool) {
	return c.box.Len(), c.box.Taken(), c.box.Awake()
}

// run implements typed.
func (c *cell[M]) run() error {
	var batch mailbox.Batch[M]
	c.box.TakeFirst(&batch)
	return c.resume(&batch)
}

// resume is run with a batch that has been taken already.
func (c *cell[M]) resume(batch *mailbox.Batch[M]) error {
	reason := c.work(batch)
	if reason != nil {
		reason = c.terminate(reason, batch)
	}
	return reason
}

// work handles what waits until there is no more, and then returns nil: the
// actor sleeps. It returns a reason if the actor must end.
func (c *cell[M]) work(batch *mailbox.Batch[M]) (reason error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			reason = newPanicError(v)
		} else { // runtime.Goexit: this deferred call is all that is left of the runner
			c.bury(c.terminate(Goexit, batch))
		}
	}()
	reason = c.handleAll(batch)
	returned = true
	return reason
}

func (c *cell[M]) handleAll(batch *mailbox.Batch[M]) error {
	ctx := c.self()
	for budget := yieldAfter; ; {
		// Doom is looked at before each message: nothing is handled after a lethal
		// signal, however long the batch.
		if d := c.doom.Load(); d != nil {
			if !d.isProbe() {
				return d.reason
			}
			c.doom.CompareAndSwap(d, nil)
			continue
		}
		did, err := handled, error(nil)
		if c.extra != nil {
			did, err = c.handleNext(batch)
		} else if batch.AtMark() {
			err = c.handleSignal(batch.Mark().(signal))
		} else if m, ok := batch.Next(); ok {
			err = c.behavior.Receive(ctx, m)
		} else {
			did = nothing
		}
		switch {
		case err != nil:
			return err
		case did == asleep || did == nothing && c.box.Take(batch) == mailbox.Asleep:
			return nil
		}
		if budget--; budget == 0 {
			runtime.Gosched()
			budget = yieldAfter
		}
	}
}

// step is what a runner did with what it has in hand.
type step uint8

const (
	handled step = iota
	nothing      // there is nothing left; the mailbox may have more
	asleep       // the mailbox counts the actor as asleep
)

func (c *cell[M]) handleSignal(s signal) error {
	switch s := s.(type) {
	case stopSignal:
		return s.reason
	case controlSignal:
		c.notIdle()
		s.run(c)
	case timerSignal:
		return s.handle()
	case idleSignal:
		return c.handleIdle(s)
	case downSignal:
		if !s.monitor.settle() {
			return nil
		}
		c.notIdle()
		if h, ok := c.behavior.(DownHandler[M]); ok {
			down := Down{Monitor{s.monitor}, PID{s.monitor.target}, s.reason}
			if down.PID.p == c.sys.nobody {
				down.PID = PID{}
			}
			return h.HandleDown(c.self(), down)
		}
	case exitSignal:
		if !s.link.settle(&c.process, s.from) {
			return nil
		}
		if c.obeys(s) {
			return s.reason
		}
		c.notIdle()
		if h, ok := c.behavior.(ExitHandler[M]); ok {
			return h.HandleExit(c.self(), Exit{PID{s.from}, s.reason})
		}
	}
	return nil
}

// obeys reports whether an exit signal that the actor traps ends it all the same: it
// comes from its parent, or from the system, which stands in for a lost parent.
func (c *cell[M]) obeys(s exitSignal) bool { return s.from == c.parent || s.from == c.sys.root }

// terminate runs the last handler of an actor that must end, unless it is doomed,
// and returns the reason that it ends with. What the runner has in hand is lost.
func (c *cell[M]) terminate(reason error, batch *mailbox.Batch[M]) error {
	if c.doomed() == nil {
		if !IsClean(reason) {
			logCrash(&c.process, reason, c.behavior)
		}
		if t, ok := c.behavior.(Terminator[M]); ok {
			reason = c.callTerminate(t, reason, batch)
		}
	}
	c.lose(batch)
	return reason
}

func (c *cell[M]) callTerminate(t Terminator[M], reason error, batch *mailbox.Batch[M]) (final error) {
	final = reason
	returned := false
	defer func() {
		if returned {
			return
		}
		v := recover()
		var failure error = Goexit
		if v != nil {
			failure = newPanicError(v)
		}
		logCrash(&c.process, failure, c.behavior)
		if IsClean(reason) { // otherwise the first failure is the one that counts
			final = failure
		}
		if v == nil { // nobody else is left to do it
			c.lose(batch)
			c.bury(final)
		}
	}()
	t.Terminate(c.self(), reason)
	returned = true
	return final
}

func (c *cell[M]) lose(batch *mailbox.Batch[M]) {
	for m, ok := batch.Next(); ok; m, ok = batch.Next() {
		deadLetter(&c.process, m, NoProc)
	}
}

// start implements typed: it runs Init, reports its outcome, and goes on as the
// actor's first runner.
func (c *cell[M]) start(s *startup) error {
	err := Goexit // unless Init returns or panics
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			err = newPanicError(v)
		}
		logCrash(&c.process, err, c.behavior)
		c.bury(err)
		s.done(err)
	}()
	err = c.behavior.(Initializer[M]).Init(c.self())
	returned = true
	switch d := c.doomed(); {
	case d != nil:
		c.bury(d.reason)
		err = d.reason
	case err != nil:
		// The spawner gets the error; its link must not strike it as well.
		disconnect(&c.process, c.parent)
		if err == Ignore {
			c.bury(Normal)
		} else {
			c.bury(err)
		}
	}
	s.done(err)
	if err != nil {
		return nil // it is over already
	}
	return c.run()
}

// clear implements typed.
func (c *cell[M]) clear() {
	c.discardExtra()
	c.behavior = nil
}

// send puts m into the mailbox; ctx bounds the wait for room in one that blocks.
func (c *cell[M]) send(ctx context.Context, m M) error {
	outcome := c.box.Push(m)
	if outcome == mailbox.Full {
		var err error
		if outcome, err = c.box.PushWait(ctx, m); err != nil {
			return err
		}
	}
	return c.sent(outcome, m)
}

// sent finishes a push.
func (c *cell[M]) sent(outcome mailbox.Outcome, m M) error {
	switch outcome {
	case mailbox.Wake:
		c.wake()
	case mailbox.Closed:
		deadLetter(&c.process, m, NoProc)
		return NoProc
	case mailbox.Full:
		return ErrFull
	}
	return nil
}
