package actor

// Urgent returns an address of this actor to which urgent messages can be sent: they
// are handled before all ordinary messages, and after earlier urgent ones. The actor
// decides whom it gives the address. A limit of the mailbox does not hold for them.
//
// OTP: alias([priority]).
func (c *Context[M]) Urgent() UrgentRef[M] {
	cell := c.cell()
	cell.makeRare()
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
