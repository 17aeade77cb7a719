package actor

import "fmt"

// stashLimit is how many messages an actor may put aside.
const stashLimit = 100_000

// Stash puts m, the message that is being handled, aside until Unstash. It is the
// counterpart of a selective receive: a message that cannot be handled now does
// not have to be. It returns [ErrFull] when 100,000 messages have been stashed;
// the actor has then forgotten to unstash, as a rule. Stashed messages are lost
// when the actor ends.
func (c *Context[M]) Stash(m M) error {
	x := c.cell().more()
	if len(x.stash) >= stashLimit {
		return fmt.Errorf("actor: stash: %w", errStashForgotten)
	}
	x.stash = append(x.stash, m)
	return nil
}

// Unstash puts all stashed messages back, in the order in which they were
// stashed and before everything that waits in the mailbox.
func (c *Context[M]) Unstash() {
	if x := c.cell().extra; x != nil && len(x.stash) > 0 {
		x.replay = append(x.replay, x.stash)
		x.stash = nil
	}
}

// Become makes b the actor's behavior from the next message on. The present one
// can be kept, to go back to. Init of b does not run. Become panics if b is nil.
func (c *Context[M]) Become(b Behavior[M]) {
	if isNil(b) {
		panic("actor: Become: the behavior is nil")
	}
	c.cell().behavior = b
}

// Urgent returns an address of this actor to which urgent messages can be sent:
// they are handled before all ordinary messages, and after earlier urgent ones.
// The actor decides whom it gives the address. A limit of the mailbox does not
// hold for them. It is the priority alias of OTP 28.
func (c *Context[M]) Urgent() UrgentRef[M] {
	cell := c.cell()
	cell.more()
	cell.box.AllowUrgent()
	return UrgentRef[M]{cell}
}

// UrgentRef is the address for urgent messages to an actor. It is comparable and
// may be used from any goroutine. The zero UrgentRef is nobody.
type UrgentRef[M any] struct{ c *cell[M] }

// Send is [Ref.Send] for an urgent message.
func (r UrgentRef[M]) Send(m M) {
	if r.c != nil {
		r.c.sent(r.c.box.PushUrgent(m), m)
	}
}

// PID returns the actor's identity.
func (r UrgentRef[M]) PID() PID { return Ref[M](r).PID() }
