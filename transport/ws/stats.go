package ws

import "sync/atomic"

// Stats are figures about an endpoint. All but Connections and Channels count from
// its start and only grow.
type Stats struct {
	Connections int // that are open now
	Channels    int // that are joined now

	Connects      uint64 // clients let in
	Refusals      uint64 // clients refused, by Connect or the checks before it
	Joins         uint64 // channels joined
	MessagesIn    uint64 // messages from clients, heartbeats included
	MessagesOut   uint64 // messages to clients, each receiver of a broadcast counted
	SlowConsumers uint64 // clients closed because they did not read, see [CloseSlow]
	Dropped       uint64 // messages that were not sent, see [DropNewest] and [Dropped]
}

// counters are what Stats is made of.
type counters struct {
	connections, channels atomic.Int64
	connects, refusals    atomic.Uint64
	joins, slow, dropped  atomic.Uint64
	hanging               atomic.Int32 // calls of observers

	// Those that are busy have cache lines of their own.
	_   [64]byte
	in  atomic.Uint64
	_   [64]byte
	out atomic.Uint64
	_   [64]byte
}

// Stats returns the endpoint's present figures.
func (e *Endpoint) Stats() Stats {
	return Stats{
		Connections:   int(e.connections.Load()),
		Channels:      int(e.channels.Load()),
		Connects:      e.connects.Load(),
		Refusals:      e.refusals.Load(),
		Joins:         e.joins.Load(),
		MessagesIn:    e.in.Load(),
		MessagesOut:   e.out.Load(),
		SlowConsumers: e.slow.Load(),
		Dropped:       e.dropped.Load(),
	}
}
