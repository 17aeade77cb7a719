package actor

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Ask is the first half of a [Call]: it sends the request and returns at once. The
// answer can be waited for later, by any holder of the [Pending], along with other
// things or not at all. An actor that does not want to wait uses [AskTo].
//
// The request is given up when ctx is done: an answer that comes later is dropped,
// as it is in OTP after a receive_response that ran out of time. Ask does not wait
// for room: a full mailbox fails the request with [ErrFull]. It is not an error to
// ask oneself, as long as no handler waits for the answer.
//
// OTP: gen_server:send_request/2.
func Ask[M, R any](ctx context.Context, to Ref[M], newRequest func(Reply[R]) M) *Pending[R] {
	p := new(Pending[R])
	carries := to.PID().carry(ctx, "Ask") // first, for it may not return
	if p.begin(to.PID().p); ctx.Err() != nil {
		p.call.fail(firstTurn, ctx.Err())
	} else if p.expect() {
		p.asked.bind(ctx, func() { p.call.fail(firstTurn, ctx.Err()) })
		send(p, to, newRequest, carries)
	}
	return p
}

// begin makes p a request to callee that has not been sent.
func (p *Pending[R]) begin(callee *process) {
	p.asked.callee, p.asked.done = callee, make(chan struct{})
	p.call.asked = &p.asked
}

// expect makes the callee's end fail p. If it has ended already, that has happened then, and
// expect reports false.
func (p *Pending[R]) expect() bool {
	callee := p.asked.callee
	if callee != nil && callee.expect(&p.call.pendingCall) {
		return true
	}
	p.call.fail(firstTurn, NoProc)
	return false
}

// send sends the request of p.
func send[M, R any](p *Pending[R], to Ref[M], newRequest func(Reply[R]) M, carries *carried) {
	// If the callee has died since expect, its end fails the request.
	if err := to.c.trySend(makeAsked(p, newRequest), carries); err != nil && err != NoProc {
		p.call.fail(firstTurn, err)
	}
}

// makeAsked makes the request of p. If newRequest does not return p is given up: the callee
// has it on its list.
func makeAsked[M, R any](p *Pending[R], newRequest func(Reply[R]) M) M {
	made := false
	defer func() {
		if !made {
			p.asked.tellNobody()
			p.call.fail(firstTurn, NoProc)
		}
	}()
	m := newRequest(Reply[R]{&p.call, firstTurn})
	made = true
	return m
}

// Pending is a request whose answer is still to come, or has come and not been looked
// at. All methods may be called from any goroutine, any number of times: the answer is
// not used up. [Ask] and [AskTo] make it.
//
// A Pending needs no clean-up. Nothing of it is left with the callee when it has
// been answered or given up, or when the callee has ended.
//
// OTP: gen_server:request_id().
type Pending[R any] struct {
	call  call[R]
	asked asked
}

// Done returns a channel that is closed when Wait will return at once: the request
// has been answered or given up, or the callee has ended.
func (p *Pending[R]) Done() <-chan struct{} { return p.asked.done }

// Wait waits for the answer, and fails as [Call] does, with a [*CallError]. If its own
// ctx is done first the request stands, and may be waited for again; the ctx that was
// given to Ask is what ends the request.
//
// OTP: gen_server:wait_response/2.
func (p *Pending[R]) Wait(ctx context.Context) (R, error) {
	var none R
	fail := func(err error) (R, error) { return none, callError(PID{p.asked.callee}, err) }
	select {
	case <-p.asked.done: // goes before ctx
	default:
		if callee := p.asked.callee; callee != nil && caller(ctx) == callee {
			return fail(ErrSelf)
		}
		select {
		case <-p.asked.done:
		case <-ctx.Done():
			return fail(ctx.Err())
		}
	}
	if p.call.err != nil {
		return fail(p.call.err)
	}
	return p.call.value, nil
}

// GiveUp gives the request up: an answer that comes later is dropped, and what waits for one
// fails with [context.Canceled]. It reports false if the request was settled before, by an
// answer or otherwise.
//
// OTP: gen_server:receive_response/2 with a timeout of 0.
func (p *Pending[R]) GiveUp() bool { return p.giveUp(context.Canceled) }

// GiveUpAfter gives the request up when d has passed and there is no answer: what waits for
// one fails with [context.DeadlineExceeded]. The last call counts.
//
// OTP: the timeout of gen_server:receive_response/2.
func (p *Pending[R]) GiveUpAfter(d time.Duration) {
	p.asked.limit(d, func() { p.giveUp(context.DeadlineExceeded) })
}

func (p *Pending[R]) giveUp(err error) bool {
	return p.call.asked != nil && p.call.fail(firstTurn, err) // not that of a zero Pending
}

// asked is the part of a Pending that does not depend on its type: what is told when it
// is settled, and what has to be tidied up then.
type asked struct {
	callee *process
	done   chan struct{} // closed when settled

	mu        sync.Mutex
	over      bool // settled
	unbind    func() bool
	timer     *time.Timer // of GiveUpAfter
	listeners []listener
	asker     *process // nil if no actor gets the answer as a message
	answer    signal   // which the asker gets then; nil: it gets nothing
}

// bind has giveUp called when ctx is done, unless the request is settled before.
func (a *asked) bind(ctx context.Context, giveUp func()) {
	if ctx.Done() == nil {
		return
	}
	unbind := context.AfterFunc(ctx, giveUp)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		unbind()
	} else {
		a.unbind = unbind
	}
}

// limit has giveUp called after d, unless the request is settled before.
func (a *asked) limit(d time.Duration, giveUp func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return
	}
	if a.timer != nil {
		a.timer.Stop()
	}
	a.timer = time.AfterFunc(d, giveUp)
}

// settled is called once, by the goroutine that has claimed c.
func (a *asked) settled(c *pendingCall) {
	if a.callee != nil {
		forget(a.callee, func(r *relations) { r.calls.others.delete(c) })
	}
	if asker, answer := a.close(); asker != nil {
		asker.asksNoMore(c)
		if answer != nil {
			asker.typed.mark(answer)
		}
	}
}

// close tells the listeners, ends what else waits, and returns who is to be told besides.
func (a *asked) close() (asker *process, answer signal) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	close(a.done)
	if a.unbind != nil {
		a.unbind()
	}
	if a.timer != nil {
		a.timer.Stop()
	}
	for _, l := range a.listeners {
		l.came <- l.index
	}
	asker, answer = a.asker, a.answer
	a.listeners, a.unbind, a.timer, a.asker, a.answer = nil, nil, nil, nil, nil
	return asker, answer
}

func (a *asked) tell(l listener) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		l.came <- l.index
	} else {
		a.listeners = append(a.listeners, l)
	}
}

func (a *asked) forget(l listener) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.listeners = slices.DeleteFunc(a.listeners, func(o listener) bool { return o == l })
}
