package actor

import (
	"context"
	"fmt"
	"sync/atomic"
)

// Reply answers one [Call] or [Ask]. It is a small value that travels in the request. It
// may be kept and used later, from any goroutine, even after the callee's end;
// only the first answer counts, and one that comes after the caller has given up
// is dropped. The zero Reply answers nobody, so a request that was sent with Send
// needs no other handling.
type Reply[R any] struct{ call *call[R] }

// Send answers the call with v.
func (r Reply[R]) Send(v R) {
	if c := r.call; c != nil && c.claim() {
		c.value = v
		c.settled()
	}
}

// Fail answers the call with an error, which Call returns wrapped.
func (r Reply[R]) Fail(err error) {
	if c := r.call; c != nil {
		c.fail(err)
	}
}

// CallError is the error of a [Call] that got no value. It wraps the cause: the
// exit reason of the callee, [NoProc] if it had ended, [ErrSelf], [ErrFull], the
// error of the caller's context, or what the callee answered with Reply.Fail.
type CallError struct {
	To  PID
	Err error
}

func (e *CallError) Error() string { return fmt.Sprintf("actor: call %v: %v", e.To, e.Err) }

// Unwrap returns the cause.
func (e *CallError) Unwrap() error { return e.Err }

// Call sends the actor the request that newRequest makes around a [Reply], and
// waits for the answer. It is gen_server:call.
//
// The wait ends with an error, always a [*CallError], when ctx is done, when the
// callee ends, and at once when it is dead already or is the caller itself. Call
// sets no deadline of its own: without one in ctx, two actors that call each other
// wait for ever. A callee does not notice that its caller has given up, nor a
// caller that a bounded mailbox has dropped its request.
func Call[M, R any](ctx context.Context, to Ref[M], newRequest func(Reply[R]) M) (R, error) {
	var none R
	callee := to.PID()
	if callee.p == nil {
		return none, &CallError{callee, NoProc}
	}
	if caller(ctx) == callee.p {
		return none, &CallError{callee, ErrSelf}
	}
	wakers := &callee.p.sys.wakers
	c := &call[R]{pendingCall: pendingCall{wake: wakers.Get().(chan struct{})}}
	if !callee.p.expect(&c.pendingCall) {
		wakers.Put(c.wake)
		return none, &CallError{callee, NoProc}
	}
	err := to.c.send(ctx, newRequest(Reply[R]{c}))
	// If the callee has died since expect, its end fails the call, with the reason.
	if err != nil && err != NoProc && c.claim() {
		c.err = err
	} else if err := c.await(ctx); err != nil {
		c.err = err
	}
	callee.p.unexpect(&c.pendingCall)
	wakers.Put(c.wake) // nothing is in it: it was received, or the claim was ours
	if c.err != nil {
		return none, &CallError{callee, c.err}
	}
	v := c.value
	c.value = none // c may be kept for a while, with a Reply or by pendingCalls
	return v, nil
}

// call is the caller's side of a Reply.
type call[R any] struct {
	pendingCall
	value R
}

// pendingCall is the part of a call that its callee's end concerns. Whoever
// claims it, and nobody else, settles it: the replier and the callee's end by
// setting value or err and then waking the caller, the caller by giving up.
type pendingCall struct {
	claimed atomic.Bool
	inMore  bool // see pendingCalls; only the caller reads it
	err     error
	wake    chan struct{} // with room for the one who claims
	asked   *asked        // in place of wake for a Pending
}

func (c *pendingCall) claim() bool { return c.claimed.CompareAndSwap(false, true) }

func (c *pendingCall) fail(err error) {
	if c.claim() {
		c.err = err
		c.settled()
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
func (c *pendingCall) await(ctx context.Context) error {
	done := ctx.Done()
	if done == nil {
		<-c.wake
		return nil
	}
	select {
	case <-c.wake:
		return nil
	case <-done:
		if c.claim() {
			return ctx.Err()
		}
		<-c.wake // the claimer is about to send
		return nil
	}
}

// pendingCalls are the calls that wait for one actor.
type pendingCalls struct {
	// last was put here while nobody else waited, which is the usual case. It is not
	// taken out when it is settled, because the lock would cost as much as the
	// mailbox does, but when the next one comes: a settled call cannot be failed.
	last *pendingCall
	more smallMap[*pendingCall, struct{}]
}

func (l *pendingCalls) add(c *pendingCall) {
	if l.last == nil || l.last.claimed.Load() {
		l.last = c
		return
	}
	c.inMore = true
	l.more.set(c, struct{}{})
}

func (l *pendingCalls) delete(c *pendingCall) {
	if l.last == c {
		l.last = nil
	} else {
		l.more.delete(c)
	}
}

func (l *pendingCalls) fail(err error) {
	if l.last != nil {
		l.last.fail(err)
	}
	for c := range l.more.all() {
		c.fail(err)
	}
}

// expect makes p's end fail the call. It reports false if p is doomed already.
func (p *process) expect(c *pendingCall) bool {
	r := p.relations()
	r.mu.Lock()
	// Doom is set before release collects the calls under the same lock: either
	// it is seen here, or release will see the call.
	open := !r.closed && p.doomed() == nil
	if open {
		r.calls.add(c)
	}
	r.mu.Unlock()
	return open
}

// unexpect takes back expect, once the call is settled.
func (p *process) unexpect(c *pendingCall) {
	if c.inMore {
		r := p.rel.Load() // not nil since expect
		r.mu.Lock()
		r.calls.delete(c)
		r.mu.Unlock()
	}
}
