package actor

import (
	"context"
)

// Reply answers one [Call] or [Ask]. It is a small value that travels in the request. It
// may be kept and used later, from any goroutine, even after the callee's end;
// only the first answer counts, and one that comes after the caller has given up
// is dropped. The zero Reply answers nobody, so a request that was sent with Send
// needs no other handling.
type Reply[R any] struct {
	call *call[R]
	turn turn
}

// Send answers the call with v. It reports whether that is the answer: not if there was
// one before, if the caller has given up or its callee has ended, or if nobody asked.
func (r Reply[R]) Send(v R) bool {
	c := r.call
	if c == nil || !c.claim(r.turn) {
		return false
	}
	c.value = v
	c.settled()
	return true
}

// Fail answers the call with an error, which Call returns wrapped. It reports the same
// as Send. An error whose methods panic reaches the caller as a [*ReasonError], and nil as
// an error that says so.
func (r Reply[R]) Fail(err error) bool {
	c := r.call
	if c == nil {
		return false
	}
	if err == nil {
		err = errFailedWithNil
	}
	return c.fail(r.turn, vet(err))
}

// Wanted reports whether there is no answer yet and the caller still waits for one. It is
// for requests that are costly to carry out, or hard to undo, and may have waited for long.
func (r Reply[R]) Wanted() bool {
	return r.call != nil && r.call.state.Load() == r.turn.at(pending)
}

// Call sends the actor the request that newRequest makes around a [Reply], and waits
// for the answer.
//
// Call fails with a [*CallError] when ctx is done or the callee ends. It fails at once if
// the callee has ended already, or is the caller itself.
//
// If ctx is done before the call, the request is not made. If ctx is done later, the
// callee may carry the request out or not; [Reply.Wanted] tells it that the caller has
// given up. Call sets no deadline of its own: without one in ctx, two actors that call each
// other wait for ever, and so does a caller whose request a bounded mailbox has dropped.
//
// OTP: gen_server:call/2.
func Call[M, R any](ctx context.Context, to Ref[M], newRequest func(Reply[R]) M) (R, error) {
	var none R
	callee := to.PID()
	if callee.p == nil {
		return none, callError(callee, NoProc)
	}
	if caller(ctx) == callee.p {
		return none, callError(callee, ErrSelf)
	}
	if err := ctx.Err(); err != nil {
		return none, callError(callee, err)
	}
	carries := callee.carry(ctx, "Call")
	c, t, ok := begin[R](callee.p)
	if !ok {
		return none, callError(callee, NoProc)
	}
	err := to.c.send(ctx, makeRequest(callee.p, c, t, newRequest), carries)
	// If the callee has died since begin, its end fails the call, with the reason.
	if err != nil && err != NoProc && c.claim(t) {
		c.err = err
	} else if err := c.await(ctx, t); err != nil {
		c.err = err
	}
	v, err := c.finish(callee.p, t)
	if err != nil {
		return none, callError(callee, err)
	}
	return v, nil
}

// makeRequest makes the request of a call. If newRequest does not return the call is over,
// or p could not lend it to anybody else.
func makeRequest[M, R any](p *process, c *call[R], t turn, newRequest func(Reply[R]) M) M {
	made := false
	defer func() {
		if made {
			return
		}
		if !c.claim(t) {
			<-c.wake
		}
		c.finish(p, t)
	}()
	m := newRequest(Reply[R]{c, t})
	made = true
	return m
}

// call is the caller's side of a Reply. An actor that is called keeps one and lends
// it to one caller after the other, so most calls allocate nothing.
type call[R any] struct {
	pendingCall
	value R
}

// begin returns a call that the end of p will fail: the one that p keeps, if nobody has
// it and the type is right; otherwise one of its own. It returns false if p is doomed
// already.
func begin[R any](p *process) (*call[R], turn, bool) {
	if kept := p.relations().calls.kept.Load(); kept != nil {
		if c, ok := kept.typed.(*call[R]); ok {
			if t, ok := c.take(); ok {
				return c, t, c.confirm(p, t)
			}
		}
	}
	wakers := &p.sys.wakers
	c := &call[R]{pendingCall: pendingCall{wake: wakers.Get().(chan struct{})}}
	if !p.expect(&c.pendingCall) {
		wakers.Put(c.wake)
		return nil, 0, false
	}
	return c, firstTurn, true
}

// confirm reports whether the call that p keeps was taken before p was doomed. Either
// doom is seen here, or the goroutine that has set it will see that the turn is pending:
// each looks for the other's mark after it has set its own.
func (c *call[R]) confirm(p *process, t turn) bool {
	if p.doomed() == nil {
		return true
	}
	if !c.claim(t) {
		<-c.wake
	}
	c.finish(p, t)
	return false
}

// finish returns the outcome of a call that is settled, and makes it ready for the
// next turn.
func (c *call[R]) finish(p *process, t turn) (v R, err error) {
	var none R
	v, err = c.value, c.err
	c.value, c.err = none, nil // what is kept lets go
	if t == firstTurn {
		p.unexpect(&c.pendingCall)
		c.keep(p)
	} else {
		c.state.Store(t.at(free))
	}
	return v, err
}

// keep makes c, whose first turn is over, the call that p keeps, if p has none or
// one of another type that nobody uses now.
func (c *call[R]) keep(p *process) {
	wakers := &p.sys.wakers
	kept := &p.rel.Load().calls.kept // p has relations since expect
	old := kept.Load()
	if old != nil {
		if _, same := old.typed.(*call[R]); same || !old.retire() {
			wakers.Put(c.wake) // empty: it was received from, or the claim was ours
			return
		}
		wakers.Put(old.wake)
	}
	c.typed = c
	c.state.Store(firstTurn.at(free))
	if !kept.CompareAndSwap(old, &c.pendingCall) { // another was quicker
		c.retire()
		wakers.Put(c.wake)
	}
}
