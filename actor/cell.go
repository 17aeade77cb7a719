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

func (c *cell[M]) load() queue.Load { return c.box.Load() }

func (c *cell[M]) isRun() bool { return c.box.Awake() }

// run implements typed.
func (c *cell[M]) run() *doom {
	var h hand[M]
	c.box.TakeFirst(&h.Batch)
	return c.resume(&h)
}

// resume is run with something in hand already.
func (c *cell[M]) resume(h *hand[M]) *doom {
	d, done := c.work(h)
	for !done {
		d, done = c.work(h)
	}
	if d != nil {
		d = c.terminate(d, h)
	}
	return d
}

// work handles what waits until there is no more, and then returns nil: the
// actor sleeps. It returns a doom if the actor must end. If it is not done it is to be called
// again: instruments have to be told of a panic, or one of them has panicked.
func (c *cell[M]) work(h *hand[M]) (d *doom, done bool) {
	defer func() {
		if done || h.told != nil && h.told.lost { // another runner has gone on
			return
		}
		v := recover()
		if h.told != nil {
			h.told.fail(v)
			return
		}
		d, done = judge(Goexit), true
		if v != nil {
			d = judgePanic(Recovered(v))
		} else { // runtime.Goexit: this deferred call is all that is left of the runner
			c.bury(c.terminate(d, h))
		}
	}()
	d = c.handleAll(h)
	done = true
	if t := h.spare; t != nil {
		t.rest()
	}
	return d, done
}

func (c *cell[M]) handleAll(h *hand[M]) *doom {
	ctx := c.self()
	if t := h.told; t != nil { // what another runner has left
		d := t.run()
		if h.told = nil; d != nil {
			return d
		}
	}
	left := int32(yieldAfter)
	if list := c.sys.instruments.Load(); list != nil && list.oneIn > 0 {
		left = h.startSampling(list)
	}
	for {
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
			did, d = c.handleNext(h)
		} else if h.AtMark() {
			did, d = c.handleOne(h)
		} else if m, ok := h.Next(); !ok {
			did = nothing
		} else if h.sampled {
			d = c.receiveTold(h, m, nil)
		} else {
			d = ending(c.behavior.Receive(ctx, m))
		}
		switch {
		case d != nil:
			return d
		case did == asleep || did == nothing && c.box.Take(&h.Batch) == queue.Asleep:
			return nil
		}
		if left--; left == 0 {
			left = c.pause(h)
		}
	}
}

// hand is what a runner has in hand.
type hand[M any] struct {
	queue.Batch[M]
	told     *told // the handling under way, if it is told of
	spare    *told // for the next one
	sampled  bool  // the next handling is one that instruments are told of
	sampling       // with instruments
}

// startSampling returns after how many turns the runner has to pause.
func (h *hand[M]) startSampling(list *instruments) int32 {
	h.yield, h.left = yieldAfter, h.sampling.begin(list)
	if h.sampled = h.left == 0; h.sampled {
		h.left = h.sampling.next(list)
	}
	return min(h.yield, h.left)
}

// pause does what is due between two turns, and returns when to pause again.
func (c *cell[M]) pause(h *hand[M]) int32 {
	if h.yield == 0 { // no sampling
		runtime.Gosched()
		return yieldAfter
	}
	turns := min(h.yield, h.left)
	if h.yield -= turns; h.yield == 0 {
		runtime.Gosched()
		h.yield = yieldAfter
	}
	if h.left -= turns; h.left == 0 {
		h.sampled, h.left = true, h.sampling.next(c.sys.instruments.Load())
	}
	return min(h.yield, h.left)
}

// step is what a runner did with what it has in hand.
type step uint8

const (
	handled step = iota
	nothing      // there is nothing left; the mailbox may have more
	asleep       // the mailbox counts the actor as asleep
)

func (c *cell[M]) handleSignal(s signal, hand *hand[M]) *doom {
	switch s := s.(type) {
	case *carried:
		if m, ok := hand.Next(); ok {
			return c.receive(hand, m, s)
		}
	case stopSignal:
		return s.end
	case controlSignal:
		c.notIdle()
		s.run(c)
	case idleSignal:
		return c.handleIdle(s, hand)
	case downSignal:
		return c.handleDown(s, hand)
	case exitSignal:
		return c.handleExit(s, hand)
	case *afterTimer[M]:
		return c.handleAfter(s, hand)
	case *namedTimer[M]:
		return c.handleTimer(s, hand)
	case *feedSignal[M]:
		return c.fetch(s, hand)
	case answerSignal[M]:
		return c.handleAnswer(s, hand)
	}
	return nil
}

func (c *cell[M]) handleDown(s downSignal, hand *hand[M]) *doom {
	if !s.monitor.settle() {
		return nil
	}
	c.notIdle()
	h, ok := c.behavior.(DownHandler[M])
	if !ok {
		return nil
	}
	down := Down{Monitor{s.monitor}, PID{s.monitor.target}, s.end.reason, s.end.verdict()}
	if down.PID.p == c.sys.nobody {
		down.PID = PID{}
	}
	if c.isWatched(hand, nil) {
		what := handling{name: "HandleDown", traced: TraceDown, message: down}
		return c.watched(hand, what, func() error { return h.HandleDown(c.self(), down) })
	}
	return ending(h.HandleDown(c.self(), down))
}

func (c *cell[M]) handleExit(s exitSignal, hand *hand[M]) *doom {
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
	h, ok := c.behavior.(ExitHandler[M])
	if !ok {
		return nil
	}
	exit := Exit{PID{s.from}, s.end.reason, s.end.verdict()}
	if c.isWatched(hand, nil) {
		what := handling{name: "HandleExit", traced: TraceExit, message: exit}
		return c.watched(hand, what, func() error { return h.HandleExit(c.self(), exit) })
	}
	return ending(h.HandleExit(c.self(), exit))
}

// terminate runs the last handler of an actor that must end, unless it is doomed,
// and returns what it ends with. What it has in hand, and has put aside, is lost.
func (c *cell[M]) terminate(d *doom, h *hand[M]) *doom {
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
			d = c.callTerminate(t, d, h)
		}
	}
	c.lose(h)
	return d
}

func (c *cell[M]) callTerminate(t Terminator[M], d *doom, h *hand[M]) (final *doom) {
	final = d
	var told *aside
	returned := false
	defer func() {
		if returned {
			told.end(nil)
			return
		}
		v := recover()
		failure := judge(Goexit)
		if v != nil {
			failure = judgePanic(Recovered(v))
		}
		told.end(failure)
		logEnd(&c.process, failure, c.behavior)
		if d.clean { // otherwise the first failure is the one that counts
			final = failure
		}
		if v == nil { // nobody else is left to do it
			c.lose(h)
			c.bury(final)
		}
	}()
	told = c.tellAside("Terminate")
	t.Terminate(c.self(), d.reason)
	returned = true
	return final
}

// lose turns what a runner has in hand, and what the actor has put aside, into dead
// letters.
func (c *cell[M]) lose(h *hand[M]) {
	for m, ok := h.Next(); ok; m, ok = h.Next() {
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
	var told *aside
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
		told.end(d)
		logEnd(&c.process, d, c.behavior)
		if v == nil { // nobody else is left to do it
			c.fail(d)
			s.done(d)
		}
	}()
	told = c.tellAside("Init")
	err := c.behavior.(Initializer[M]).Init(c.self())
	if err != nil {
		d = judge(err)
	}
	told.end(d)
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

// clear implements typed. The runner calls it when the actor is off the list of its system,
// or was abandoned: then and from a Labeler others may still look at the behavior.
func (c *cell[M]) clear() {
	if c.has(abandoned | labels) {
		c.setBehavior(nil)
	} else {
		c.behavior = nil
	}
}

// send puts m into the mailbox; ctx bounds the wait for room in one that blocks.
func (c *cell[M]) send(ctx context.Context, m M, carries *carried) error {
	outcome := c.push(m, carries)
	if outcome == queue.Full {
		var err error
		if outcome, err = c.box.PushWait(ctx, m, carries.rider()); err != nil {
			return err
		}
	}
	return c.sent(outcome, m)
}

// trySend is send that does not wait for room.
func (c *cell[M]) trySend(m M, carries *carried) error { return c.sent(c.push(m, carries), m) }

func (c *cell[M]) push(m M, carries *carried) queue.Outcome {
	if carries != nil {
		c.flags.Or(carrying)
		return c.box.PushRider(m, carries)
	}
	return c.box.Push(m)
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
