package ws

import "github.com/troupe-go/troupe/actor"

// Overflow says what happens when Socket.MaxQueue bytes wait for a client that
// does not read as fast as it is sent to. Nobody is held up in either case.
type Overflow uint8

const (
	// CloseSlow closes the connection with code 1008; Stats.SlowConsumers counts.
	// The client reconnects, joins again, and so knows that it may have missed
	// something.
	CloseSlow Overflow = iota

	// DropNewest loses what does not fit, replies included, without a word to the
	// client; Stats.Dropped counts. It is for what the next message makes up for,
	// such as positions or prices.
	DropNewest
)

// overflow is called for what a client has no room for: a message, or several that travel
// together. After the first time it is not called for a client that is to be closed.
func (e *Endpoint) overflow(s *Socket, session actor.Ref[sessionMsg], messages int) {
	if s.Overflow == CloseSlow {
		session.Send(sessionMsg{op: opSlow})
		return
	}
	for range messages {
		e.drop(s, Dropped{Err: ErrSlow})
	}
}
