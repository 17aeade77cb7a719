package ws

import "sync/atomic"

// Stats are figures about an endpoint. The first five are as they are now; the others
// count from its start and only grow.
type Stats struct {
	Connections int // that are open
	LongPolls   int // of these, clients that poll
	Channels    int // that are joined
	Lingering   int // of these, those whose clients are away, see Route.Linger
	QueueBytes  int // that wait for clients to read them, of all connections

	Connects       uint64 // clients let in
	Refusals       uint64 // clients refused, by Connect or the checks before it
	Joins          uint64 // channels joined
	Resumes        uint64 // channels that clients have come back to, and were not refused
	JoinRefusals   uint64 // joins refused, by Join, Resumed or the checks before them
	ChannelErrors  uint64 // channels that ended in a way that their clients were told of as an error
	Broadcasts     uint64 // events broadcast here, to however many receivers
	MessagesIn     uint64 // messages from clients, heartbeats included
	Malformed      uint64 // of these, those that could not be decoded
	MessagesOut    uint64 // messages to clients, each receiver of a broadcast counted
	LingerRefusals uint64 // channels that ended with their connection because too many linger
	SlowConsumers  uint64 // clients closed because they did not read, see [CloseSlow]
	Dropped        uint64 // messages that were not sent, see [DropNewest] and [Dropped]
}

// counters are what Stats is made of.
type counters struct {
	connections, channels       atomic.Int64
	polling, queued, lingering  atomic.Int64
	connects, refusals          atomic.Uint64
	joins, joinRefusals, errors atomic.Uint64
	resumes, lingerRefusals     atomic.Uint64
	slow, dropped, malformed    atomic.Uint64
	hanging                     atomic.Int32 // calls of observers

	// Those that are busy have cache lines of their own.
	_          [64]byte
	broadcasts atomic.Uint64
	_          [64]byte
	in         atomic.Uint64
	_          [64]byte
	out        atomic.Uint64
	_          [64]byte
}

// Stats returns the endpoint's present figures.
func (e *Endpoint) Stats() Stats {
	return Stats{
		Connections:    int(e.connections.Load()),
		LongPolls:      int(e.polling.Load()),
		Channels:       int(e.channels.Load()),
		Lingering:      int(e.lingering.Load()),
		QueueBytes:     int(e.queued.Load()),
		Connects:       e.connects.Load(),
		Refusals:       e.refusals.Load(),
		Joins:          e.joins.Load(),
		Resumes:        e.resumes.Load(),
		JoinRefusals:   e.joinRefusals.Load(),
		ChannelErrors:  e.errors.Load(),
		Broadcasts:     e.broadcasts.Load(),
		MessagesIn:     e.in.Load(),
		Malformed:      e.malformed.Load(),
		MessagesOut:    e.out.Load(),
		LingerRefusals: e.lingerRefusals.Load(),
		SlowConsumers:  e.slow.Load(),
		Dropped:        e.dropped.Load(),
	}
}
