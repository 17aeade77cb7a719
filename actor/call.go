package actor

import (
	"context"
	"sync/atomic"
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

// Call sends the actor the request that newRequest makes around a [Reply], and
// waits for the answer. It is gen_server:call.
//
// The wait ends with an error, always a [*CallError], when ctx is done, when the
// callee ends, and at once when it is dead already or is the caller itself. If ctx is
// done already the request is not made; if it is done later, the callee may or may not
// carry the request out. Call
// sets no deadline of its own: without one in ctx, two actors that call each other
// wait for ever. A callee does not notice that its caller has given up, nor a
// caller that a bounded mailbox has dropped its request.
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
	c, t, ok := begin[R](callee.p)
	if !ok {
		return none, callError(callee, NoProc)
	}
	err := to.c.send(ctx, makeRequest(callee.p, c, t, newRequest))
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

// begin returns a call that the end of p will fail: the one that p keeps, if nobody
// has it and the type is right, or else one of its own. It returns false if p is
// doomed already.
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

// confirm reports whether the call that p keeps was taken before p was doomed.
// Either doom is seen here, or whoever has set it will see that the turn is pending:
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

// pendingCall is the part of a call that its callee's end concerns. In the zero one
// the first turn is pending.
type pendingCall struct {
	state atomic.Uint64 // a turn, and what is up with it
	err   error
	wake  chan struct{} // with room for the one who claims
	asked *asked        // in place of wake for a Pending
	typed any           // the call[R] that this is the part of, if it is kept
}

// turn numbers the calls that one pendingCall serves, one after the other. Whoever
// claims a turn, and nobody else, settles it: the replier and the callee's end by
// setting value or err and then waking the caller, the caller by giving up. A Reply
// of an earlier turn can claim nothing, whenever it comes.
type turn uint64

const firstTurn turn = 0

// What is up with a turn, in the low bits of the state.
const (
	pending = iota // it is to be claimed
	claimed        // it is being settled, or is and has not been finished
	free           // it is over, and the next one may begin
	retired        // it is over, and was the last

	turnShift = 2
	upMask    = 1<<turnShift - 1
)

// at returns the state in which t is what up says.
func (t turn) at(up uint64) uint64 { return uint64(t)<<turnShift | up }

// take begins the next turn. It reports false if another caller has its turn.
func (c *pendingCall) take() (turn, bool) {
	s := c.state.Load()
	t := turn(s>>turnShift) + 1
	return t, s&upMask == free && c.state.CompareAndSwap(s, t.at(pending))
}

// retire keeps a call that nobody uses from being taken any more.
func (c *pendingCall) retire() bool {
	s := c.state.Load()
	return s&upMask == free && c.state.CompareAndSwap(s, s&^upMask|retired)
}

func (c *pendingCall) claim(t turn) bool {
	return c.state.CompareAndSwap(t.at(pending), t.at(claimed))
}

func (c *pendingCall) fail(t turn, err error) bool {
	if !c.claim(t) {
		return false
	}
	c.err = err
	c.settled()
	return true
}

// calleeEnded fails the turn that is pending now, if there is one.
func (c *pendingCall) calleeEnded(reason error) {
	if s := c.state.Load(); s&upMask == pending {
		c.fail(turn(s>>turnShift), calleeEnd{reason})
	}
}

// settled tells the caller. Whoever has claimed the call must call it.
func (c *pendingCall) settled() {
	if c.asked != nil {
		c.asked.settled(c)
		return
	}
	c.wake <- struct{}{}
}

// await waits until the call is settled. It returns ctx's error if it had to give
// up.
func (c *pendingCall) await(ctx context.Context, t turn) error {
	done := ctx.Done()
	if done == nil {
		<-c.wake
		return nil
	}
	select {
	case <-c.wake:
		return nil
	case <-done:
		if c.claim(t) {
			return ctx.Err()
		}
		<-c.wake // the claimer is about to send
		return nil
	}
}

// pendingCalls are the calls that wait for one actor.
type pendingCalls struct {
	// kept serves one caller after the other, without the lock: an actor that is
	// called is, as a rule, called again, and seldom by two at a time.
	kept atomic.Pointer[pendingCall]
	more smallMap[*pendingCall, struct{}] // all others, each in its first turn
}

// expect makes p's end fail the call. It reports false if p is doomed already.
func (p *process) expect(c *pendingCall) bool {
	r := p.relations()
	r.mu.Lock()
	// Doom is set before release collects the calls under the same lock: either
	// it is seen here, or release will see the call.
	open := !r.closed && p.doomed() == nil
	if open {
		r.calls.more.set(c, struct{}{})
	}
	r.mu.Unlock()
	return open
}

// unexpect takes back expect, once the call is settled.
func (p *process) unexpect(c *pendingCall) {
	forget(p, func(r *relations) { r.calls.more.delete(c) })
}
