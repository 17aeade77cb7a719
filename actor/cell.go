package actor

import (
	"context"
	"runtime"

	"github.com/troupe-go/troupe/actor/internal/queue"
)

// cell is an actor: its process, its mailbox and its behavior.
//
// It has no goroutine of its own. A sender that finds the mailbox asleep starts one to
// run it; that goroutine, the runner, handles what waits, and ends. There is one runner
// at a time, and what one runner did happens before what the next one does: the mailbox's
// lock lies between them.
type cell[M any] struct {
	process
	box      queue.Queue[M]
	behavior Behavior[M]   // see setBehavior
	rare     *rareState[M] // nil for most; only the runner touches it
}

// A runner yields the processor after so many messages, so that one flooded
// actor cannot keep the others waiting.
const yieldAfter = 1024

func (c *cell[M]) self() *Context[M] { return (*Context[M])(c) }

func (c *cell[M]) mark(s signal) {
	if c.box.Mark(s) == queue.Wake {
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
func (c *cell[M]) run() *doom {
	var batch queue.Batch[M]
	c.box.TakeFirst(&batch)
	return c.resume(&batch)
}

// resume is run with a batch that has been taken already.
func (c *cell[M]) resume(batch *queue.Batch[M]) *doom {
	d := c.work(batch)
	if d != nil {
		d = c.terminate(d, batch)
	}
	return d
}

// work handles what waits until there is no more, and then returns nil: the
// actor sleeps. It returns a doom if the actor must end.
func (c *cell[M]) work(batch *queue.Batch[M]) (d *doom) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			d = judgePanic(Recovered(v))
		} else { // runtime.Goexit: this deferred call is all that is left of the runner
			c.bury(c.terminate(judge(Goexit), batch))
		}
	}()
	d = c.handleAll(batch)
	returned = true
	return d
}

func (c *cell[M]) handleAll(batch *queue.Batch[M]) *doom {
	ctx := c.self()
	for budget := yieldAfter; ; {
		// Doom is looked at before each message: nothing is handled after a lethal
		// signal, however long the batch.
		if d := c.doom.Load(); d != nil {
			if !d.isProbe() {
				return d
			}
			c.doom.CompareAndSwap(d, nil)
			continue
		}
		did, d := handled, (*doom)(nil)
		if c.rare != nil {
			did, d = c.handleNext(batch)
		} else if batch.AtMark() {
			d = c.handleSignal(batch.Mark().(signal))
		} else if m, ok := batch.Next(); ok {
			d = ending(c.behavior.Receive(ctx, m))
		} else {
			did = nothing
		}
		switch {
		case d != nil:
			return d
		case did == asleep || did == nothing && c.box.Take(batch) == queue.Asleep:
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

func (c *cell[M]) handleSignal(s signal) *doom {
	switch s := s.(type) {
	case stopSignal:
		return s.end
	case controlSignal:
		c.notIdle()
		s.run(c)
	case timerSignal:
		return ending(s.handle())
	case idleSignal:
		return c.handleIdle(s)
	case downSignal:
		if !s.monitor.settle() {
			return nil
		}
		c.notIdle()
		if h, ok := c.behavior.(DownHandler[M]); ok {
			down := Down{Monitor{s.monitor}, PID{s.monitor.target}, s.end.reason, s.end.verdict()}
			if down.PID.p == c.sys.nobody {
				down.PID = PID{}
			}
			if c.isDebugged() {
				return ending(c.handle(TraceDown, down, func() error { return h.HandleDown(c.self(), down) }))
			}
			return ending(h.HandleDown(c.self(), down))
		}
	case exitSignal:
		if !s.link.settle(&c.process, s.from) {
			return nil
		}
		if c.obeys(s) {
			if s.link != nil { // the sender has ended with that reason, and has logged it
				c.flags.Or(inherits)
			}
			return s.end
		}
		c.notIdle()
		if h, ok := c.behavior.(ExitHandler[M]); ok {
			exit := Exit{PID{s.from}, s.end.reason, s.end.verdict()}
			if c.isDebugged() {
				return ending(c.handle(TraceExit, exit, func() error { return h.HandleExit(c.self(), exit) }))
			}
			return ending(h.HandleExit(c.self(), exit))
		}
	case answerSignal[M]:
		return c.handleAnswer(s)
	}
	return nil
}

// terminate runs the last handler of an actor that must end, unless it is doomed,
// and returns what it ends with. What it has in hand, and has put aside, is lost.
func (c *cell[M]) terminate(d *doom, batch *queue.Batch[M]) *doom {
	doomed := c.doomed()
	// One failure makes one record. A reason that came with a signal has been logged where
	// it came up; a panic of an actor that was doomed meanwhile is news.
	if !d.clean && d != doomed && !c.has(inherits) && (doomed == nil || d.isPanic()) {
		if doomed != nil {
			doomed.claimRecord()
		}
		logEnd(&c.process, d, c.behavior)
	}
	if doomed == nil {
		if t, ok := c.behavior.(Terminator[M]); ok {
			d = c.callTerminate(t, d, batch)
		}
	}
	c.lose(batch)
	return d
}

func (c *cell[M]) callTerminate(t Terminator[M], d *doom, batch *queue.Batch[M]) (final *doom) {
	final = d
	returned := false
	defer func() {
		if returned {
			return
		}
		v := recover()
		failure := judge(Goexit)
		if v != nil {
			failure = judgePanic(Recovered(v))
		}
		logEnd(&c.process, failure, c.behavior)
		if d.clean { // otherwise the first failure is the one that counts
			final = failure
		}
		if v == nil { // nobody else is left to do it
			c.lose(batch)
			c.bury(final)
		}
	}()
	t.Terminate(c.self(), d.reason)
	returned = true
	return final
}

// lose turns what a runner has in hand, and what the actor has put aside, into dead
// letters.
func (c *cell[M]) lose(batch *queue.Batch[M]) {
	for m, ok := batch.Next(); ok; m, ok = batch.Next() {
		deadLetter(&c.process, m, NoProc)
	}
	c.discardRare()
}

// start implements typed: it runs Init, reports its outcome, and goes on as the
// actor's first runner.
func (c *cell[M]) start(s *startup) *doom {
	d := c.init(s)
	if d == nil {
		s.done(nil)
		return c.run()
	}
	c.fail(d)
	s.done(d)
	return nil // it is over already
}

// init runs Init, and returns a doom if the actor must not go on.
func (c *cell[M]) init(s *startup) (d *doom) {
	returned := false
	defer func() {
		if returned {
			return
		}
		v := recover()
		d = judge(Goexit)
		if v != nil {
			d = judgePanic(Recovered(v))
		}
		logEnd(&c.process, d, c.behavior)
		if v == nil { // nobody else is left to do it
			c.fail(d)
			s.done(d)
		}
	}()
	err := c.behavior.(Initializer[M]).Init(c.self())
	if err != nil {
		d = judge(err)
	}
	returned = true
	if doomed := c.doomed(); doomed != nil {
		return doomed
	}
	if d != nil {
		// The spawner gets the error; its link must not strike it as well.
		disconnect(&c.process, c.parent)
	}
	return d
}

// fail ends an actor whose Init did not succeed.
func (c *cell[M]) fail(d *doom) {
	c.discardRare()
	if d.ignore {
		d = doomNormal
	}
	c.bury(d)
}

// clear implements typed.
func (c *cell[M]) clear() { c.setBehavior(nil) }

// send puts m into the mailbox; ctx bounds the wait for room in one that blocks.
func (c *cell[M]) send(ctx context.Context, m M) error {
	outcome := c.box.Push(m)
	if outcome == queue.Full {
		var err error
		if outcome, err = c.box.PushWait(ctx, m); err != nil {
			return err
		}
	}
	return c.sent(outcome, m)
}

// sent finishes a push.
func (c *cell[M]) sent(outcome queue.Outcome, m M) error {
	switch outcome {
	case queue.Wake:
		c.wake()
	case queue.Closed:
		deadLetter(&c.process, m, NoProc)
		return NoProc
	case queue.Full:
		return ErrFull
	}
	return nil
}
