package nats

import "github.com/nats-io/nats.go"

// State is how a node is connected to NATS.
type State int32

// A node that is Away is about to connect again; one that is Gone never will.
const (
	Apart     State = iota // it has not joined, or has left
	Connected              // to a server
	Away                   // from all servers: what it broadcasts is kept for a while, or lost
	Gone                   // for good: the connection is closed, and a broadcast fails
)

// String returns the state in lower case.
func (s State) String() string {
	switch s {
	case Apart:
		return "apart"
	case Connected:
		return "connected"
	case Away:
		return "away"
	case Gone:
		return "gone"
	}
	return "invalid"
}

// StateChanged is an event: a node has lost its connection to NATS, or has it back.
type StateChanged struct {
	Node  string
	State State
}

// ActorEvent implements [actor.Event].
func (StateChanged) ActorEvent() {}

// State returns how the node is connected.
func (a *Adapter) State() State {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.now == nil || a.now.left {
		return Apart
	}
	return State(a.now.state.Load())
}

func stateOf(s nats.Status) State {
	switch s {
	case nats.CONNECTED, nats.DRAINING_PUBS, nats.DRAINING_SUBS:
		return Connected
	case nats.CLOSED:
		return Gone
	}
	return Away
}

// watch follows the connection's state until the end.
func (m *membership) watch(changes chan nats.Status) {
	defer m.conn.RemoveStatusListener(changes)
	for {
		select {
		case <-m.life.Done():
			return
		case s := <-changes:
			next := stateOf(s)
			if m.state.Swap(int32(next)) == int32(next) {
				continue
			}
			if next == Connected {
				m.reconnects.Add(1)
				m.peers.again()
				m.out.hello()
				m.in.suspect()
				if m.routes != nil {
					wake(m.routes.wake) // what was asked for again may be refused
				}
			}
			m.notes.put(func() {
				if next == Connected {
					m.log.Info("node is connected again", "node", m.node)
				} else {
					m.log.Warn("node is cut off", "node", m.node, "state", next)
				}
				m.emit(StateChanged{m.node, next})
			})
		}
	}
}
