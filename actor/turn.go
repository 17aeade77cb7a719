package actor

import (
	"context"
	"sync/atomic"
)

// pendingCall is the part of a call that its callee's end concerns. In the zero one
// the first turn is pending.
type pendingCall struct {
	state atomic.Uint64 // a turn, and what is up with it
	err   error
	wake  chan struct{} // has room for the claimer
	asked *asked        // in place of wake for a Pending
	typed any           // the call[R] that this is the part of, if it is kept
}

// turn numbers the calls that one pendingCall serves, one after the other. The goroutine
// that claims a turn, and no other, settles it: the replier and the callee's end by
// setting value or err and then waking the caller, the caller by giving up. A Reply of an
// earlier turn can claim nothing, whenever it comes.
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

// settled tells the caller. The goroutine that has claimed the call must call it.
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
	// called is usually called again, and rarely by two at a time.
	kept   atomic.Pointer[pendingCall]
	others smallMap[*pendingCall, struct{}] // all others, each in its first turn
}

// expect makes p's end fail the call. It reports false if p is doomed already.
func (p *process) expect(c *pendingCall) bool {
	r := p.relations()
	r.mu.Lock()
	// Doom is set before endWaits collects the calls under the same lock: either
	// it is seen here, or endWaits will see the call.
	open := !r.closed && p.doomed() == nil
	if open {
		r.calls.others.set(c, struct{}{})
	}
	r.mu.Unlock()
	return open
}

// unexpect takes back expect, once the call is settled.
func (p *process) unexpect(c *pendingCall) {
	forget(p, func(r *relations) { r.calls.others.delete(c) })
}
