package actor

import "context"

// AskTo is [Ask] by an actor that does not wait: the answer comes to it as a message, the one
// that answer makes of the value or of the error, in its place among the others. All types
// are inferred:
//
//	actor.AskTo(c, bank, newDebit(order.Price), func(left Money, err error) message {
//		return debited{order.ID, left, err}
//	}).GiveUpAfter(5 * time.Second)
//
// One message comes for each request, as long as the asker lives, and a full mailbox does
// not lose it. The error is a [*CallError], as of Call: the callee ended, had ended, had no
// room, refused with [Reply.Fail], or the request was given up. Nothing is logged for any
// of them.
//
// The function answer runs in the asker, as part of the handler that gets the message: it may
// use what the asker may, and if it panics that is a crash of the asker. When the asker ends,
// its requests are given up and nothing is left with the callee.
//
// A state machine asks with its [Context], which is the Context field of its own. AskTo
// panics if newRequest or answer is nil.
//
// OTP: gen_server:send_request/4, handled in handle_info/2.
func AskTo[M, N, R any](c *Context[M], to Ref[N], newRequest func(Reply[R]) N, answer func(R, error) M) *Pending[R] {
	switch {
	case newRequest == nil:
		panic("actor: AskTo: newRequest is nil")
	case answer == nil:
		panic("actor: AskTo: answer is nil")
	}
	q := &question[M, R]{answer: answer, carries: c.PID().carry(c, "Answer")}
	carries := to.PID().carry(c, "AskTo")
	p := &q.Pending
	p.begin(to.PID().p)
	p.asked.asker, p.asked.answer = &c.process, q
	if p.expect() && p.asked.bindTo(&c.process, &p.call.pendingCall) {
		send(p, to, newRequest, carries)
	}
	return p
}

// question is a Pending whose answer comes as a message. It is the signal that brings it, too:
// the mark of that signal needs no room, and keeps its place.
type question[M, R any] struct {
	Pending[R]
	answer  func(R, error) M
	carries *carried // what the asker has given the answer to take along
}

func (q *question[M, R]) brings() *carried { return q.carries }

func (*question[M, R]) isSignal() {}

// message makes the message of a question that is settled.
func (q *question[M, R]) message() M {
	if err := q.call.err; err != nil {
		var none R
		return q.answer(none, callError(PID{q.asked.callee}, err))
	}
	return q.answer(q.call.value, nil)
}

// answerSignal is a question, whatever the type of its answer.
type answerSignal[M any] interface {
	signal
	message() M
	brings() *carried
}

// handleAnswer has the behavior handle the message of an answer.
func (c *cell[M]) handleAnswer(s answerSignal[M], h *hand[M]) *doom {
	carries := s.brings()
	if !h.sampled && carries == nil {
		return c.receive(h, s.message(), nil)
	}
	// The message is made by the asker's code, which has the values that it brings.
	c.notIdle()
	var none M
	what := handling{name: inReceive, traced: untraced, message: none, carries: carries}
	return c.watched(h, what, func() error {
		m := s.message()
		if c.isDebugged() {
			return c.handle(TraceMessage, m, func() error { return c.behavior.Receive(c.self(), m) })
		}
		return c.behavior.Receive(c.self(), m)
	})
}

// bindTo makes the asker's end give the request up. If the asker is doomed that has happened
// then, and bindTo reports false.
func (a *asked) bindTo(asker *process, c *pendingCall) bool {
	if a.enlist(asker, c) {
		return true
	}
	c.fail(firstTurn, context.Canceled)
	return false
}

// enlist puts c on the list of the asker. The lock of a is held, so that the goroutine that
// settles c either finds it there or has marked it as over before.
func (a *asked) enlist(asker *process, c *pendingCall) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.over || asker.asks(c)
}

// tellNobody has no message come of a request that could not be made.
func (a *asked) tellNobody() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer = nil
}

// asks makes p's end give c up. It reports false if p is doomed already.
func (p *process) asks(c *pendingCall) bool {
	r := p.relations()
	r.mu.Lock()
	defer r.mu.Unlock()
	// As in expect: either the doom is seen here, or endWaits will see the question.
	if r.closed || p.doomed() != nil {
		return false
	}
	r.makeRare().asking.set(c, struct{}{})
	return true
}

// asksNoMore takes back asks, once c is settled.
func (p *process) asksNoMore(c *pendingCall) {
	forget(p, func(r *relations) {
		if r.rare != nil {
			r.rare.asking.delete(c)
		}
	})
}
