package actor

import (
	"context"
	"fmt"

	"github.com/troupe-go/troupe/actor/internal/queue"
)

// What package sys does in OTP: the means to look into one running actor. The
// requests take their turn between handlers, in the order of the mailbox; a
// suspended actor serves them at once.

// Suspend makes the actor handle no more messages until Resume: they wait, and
// calls time out. Signals wait as well, but for exit signals of its parent and
// lethal ones, Stop, and requests like this one. Suspending twice is the same as
// once. It returns when the actor is suspended, with an error that wraps [NoProc] if
// the actor is dead or dies before that, or with ctx's error, as Resume, Inspect,
// Trace and [Replace] do. If ctx is done already nothing is asked of the actor.
func (p PID) Suspend(ctx context.Context) error {
	return p.control(ctx, "suspend", func(a controlled) error { return a.suspend(true) })
}

// Resume ends a Suspend. All that has waited is handled, in order.
func (p PID) Resume(ctx context.Context) error {
	return p.control(ctx, "resume", func(a controlled) error { return a.suspend(false) })
}

// Inspect calls f with the actor's behavior, between two of its handlers, and
// waits for it. The state may be read and, with care, changed there; it must not
// be kept. If f panics or calls runtime.Goexit the actor goes on, and Inspect returns a
// [*PanicError] or [Goexit]. If ctx is done while f runs, f goes on when Inspect has
// returned; the actor waits for it, until it is killed.
// The behavior of a state machine is one of package statem, whose Inspect shows the machine.
//
// OTP: sys:get_state/1.
func (p PID) Inspect(ctx context.Context, f func(behavior any)) error {
	return p.control(ctx, "inspect", func(a controlled) error {
		b := a.state()
		return Guard(p.p.context(), func() error { f(b); return nil })
	})
}

// Replace puts the behavior that f returns, for the present one, in its place. If f
// returns an error or panics, nothing changes, and Replace returns that error.
//
// OTP: sys:replace_state/2, sys:change_code/4.
func Replace[M any](ctx context.Context, to Ref[M], f func(Behavior[M]) (Behavior[M], error)) error {
	return to.PID().control(ctx, "replace", func(controlled) error {
		var b Behavior[M]
		old := to.c.behavior
		err := Guard(to.c.context(), func() (err error) { b, err = f(old); return err })
		if err == nil && isNil(b) {
			err = errNoBehavior
		}
		if err == nil {
			err = checkMethods(b)
		}
		if err == nil {
			to.c.setBehavior(b)
		}
		return err
	})
}

// controlled is an actor as a control request, which runs on its runner, sees it.
type controlled interface {
	suspend(bool) error
	state() any
	debug() *debug
}

func (c *cell[M]) state() any { return c.behavior }

func (c *cell[M]) debug() *debug {
	x := c.makeRare()
	if x.debugging == nil {
		x.debugging = new(debug)
	}
	return x.debugging
}

func (c *cell[M]) suspend(on bool) error {
	c.makeRare().suspended = on
	if on {
		c.flags.Or(suspended)
	} else {
		c.flags.And(^suspended)
	}
	return nil
}

// controlSignal is a request that an actor carries out between two handlers. It is
// a call by other means.
type controlSignal struct{ *request }

func (controlSignal) isSignal() {}

type request struct {
	pendingCall
	do       func(controlled) error
	answered bool // do has returned, and err is what it returned
}

// control has f run on the actor's runner and waits for it. An actor that asks
// for itself gets its answer at once. A request that has not begun when the caller
// gives up is not carried out.
//
// What f calls of others must run behind Guard, and nothing else: that may be left alone
// by an actor that is killed, and must not touch the cell then.
func (p PID) control(ctx context.Context, what string, f func(controlled) error) error {
	fail := func(err error) error { return fmt.Errorf("actor: %s %s: %w", what, p.subject(), err) }
	if p.p == nil {
		return fail(NoProc)
	}
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	r := &request{pendingCall: pendingCall{wake: make(chan struct{}, 1)}, do: f}
	if !p.p.expect(&r.pendingCall) {
		return fail(NoProc)
	}
	if caller(ctx) == p.p {
		controlSignal{r}.run(p.p.typed)
	} else {
		p.p.typed.mark(controlSignal{r})
	}
	gaveUp := r.await(ctx, firstTurn)
	p.p.unexpect(&r.pendingCall)
	switch {
	case gaveUp != nil:
		return fail(gaveUp)
	case !r.answered:
		return fail(NoProc)
	case r.err != nil:
		return fail(r.err)
	}
	return nil
}

func (s controlSignal) run(a controlled) {
	if s.state.Load() != firstTurn.at(pending) {
		return
	}
	err := s.do(a)
	if s.claim(firstTurn) {
		s.answered, s.err = true, err
		s.settled()
	}
}

// handleSuspended is the runner's step for a suspended actor: it serves requests
// and stops, ahead of everything else. What it has in hand is held until it is
// resumed; it takes no more, so that the limit of a bounded mailbox holds.
func (c *cell[M]) handleSuspended(h *hand[M]) (step, *doom) {
	x := c.rare
	if !h.Empty() {
		x.held, h.Batch = h.Batch, queue.Batch[M]{}
	}
	value, ok := x.held.TakeMark(c.servesSuspended)
	if !ok {
		var state queue.State
		switch value, state = c.box.TakeMark(c.servesSuspended); state {
		case queue.Asleep:
			return asleep, nil
		case queue.Ended: // the actor is doomed
			return handled, nil
		}
	}
	d := c.handleSignal(value.(signal), h)
	if !x.suspended {
		h.Batch, x.held = x.held, queue.Batch[M]{}
	}
	return handled, d
}

// servesSuspended tells the signals that an actor handles even while it is
// suspended.
func (c *cell[M]) servesSuspended(mark any) bool {
	switch s := mark.(type) {
	case controlSignal, stopSignal:
		return true
	case exitSignal:
		return c.obeys(s)
	}
	return false
}
