package actor

// Source is where an actor fetches messages itself; see [Feed]. Its methods run in the
// actor's turn, on its goroutine, as a part of its handler: they must not block, and a
// panic in them is the actor's crash.
type Source[M any] interface {
	// Next returns a message with what it carries, or reports false if there is none. The
	// actor handles the message at once: nothing comes between.
	Next() (m M, carries Carried, ok bool)
	// Handled is called when Receive has returned nil or [Stop] for the message of the
	// last Next. If the actor fails it is not called.
	Handled()
}

// Feed lets an actor fetch messages, one at a time, in place of having them sent to its
// mailbox: each goes to the actor that is free to handle it, and one that is not fetched
// is not lost with an actor. Each call of wake has the actor, when what was sent to it
// before has been handled, fetch and handle messages until there are none. Between two of
// them it has its turn of what else has come.
//
// What is fetched does not count against a limit of the mailbox, nor in [Info.Handled]. An
// actor that is suspended fetches nothing, and one that has ended fetches nothing more: a
// monitor, or a [Resource] that the actor owns, tells when.
//
// Feed is for packages that hand out work, as supervisor/pool does. Others send. Wake may
// be called from any goroutine; it does not block.
func Feed[M any](to Ref[M], from Source[M]) (wake func()) {
	c := to.c
	if c == nil {
		return func() {}
	}
	turn := &feedSignal[M]{from} // the same for all turns
	return func() { c.mark(turn) }
}

// feedSignal is a turn to fetch a message.
type feedSignal[M any] struct{ from Source[M] }

func (*feedSignal[M]) isSignal() {}

// fetch handles one message of a source. If there was one, the turn for the next is behind
// all that waits now.
func (c *cell[M]) fetch(s *feedSignal[M], h *hand[M]) *doom {
	m, carries, ok := s.from.Next()
	if !ok {
		return nil
	}
	c.notIdle()
	if !c.isWatched(h, carries.first) {
		return ending(c.handleFetched(s, m))
	}
	what := handling{name: inReceive, traced: TraceMessage, message: m, carries: carries.first}
	return c.watched(h, what, func() error { return c.handleFetched(s, m) })
}

func (c *cell[M]) handleFetched(s *feedSignal[M], m M) error {
	err := c.behavior.Receive(c.self(), m)
	if err == nil || err == Stop {
		s.from.Handled()
	}
	if err == nil {
		c.mark(s)
	}
	return err
}
