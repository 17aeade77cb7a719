package pubsub

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor/foreign"
)

// Traffic is what has gone between a node and the others of its cluster since it was made:
// numbers of messages that only grow, and behind them how it is now.
type Traffic struct {
	Published uint64 // accepted for other nodes; a broadcast counts once
	Refused   uint64 // not accepted, as the error of the broadcast says
	Received  uint64 // of other nodes
	Stray     uint64 // of these, for what is not connected here

	// These are from an adapter that is a [Reporter], otherwise zero.
	Lost       uint64 // of other nodes, which this one has missed
	Unsent     uint64 // had been accepted, and could not be sent
	Malformed  uint64 // came, and were none of this cluster's
	Reconnects uint64 // of the adapter's connection
	Denied     uint64 // connections on which the adapter was refused what it is to hear by; each counts once

	Waiting      int           // to be sent or to be delivered
	WaitingBytes int64         // their bytes
	Lag          time.Duration // age of the oldest that has come and is not delivered yet
}

// Reporter is an [Adapter] that knows more of its traffic than the [Cluster]: what is lost,
// malformed and waiting. It may be called from any goroutine, and must not block.
type Reporter interface {
	Traffic() Traffic
}

// traffic are the counts of a cluster.
type traffic struct {
	published, refused, received atomic.Uint64
	asking                       foreign.Calls // of the Reporter
}

// reportFor is how long a Reporter may take.
const reportFor = time.Second

// Traffic returns what has gone between this node and the others. It is for metrics.
func (c *Cluster) Traffic() Traffic {
	var t Traffic
	if r, ok := c.adapter.(Reporter); ok {
		t, _ = foreign.Value(context.Background(), &c.traffic.asking, func(context.Context) (Traffic, error) {
			return r.Traffic(), nil
		})
	}
	t.Published, t.Refused = c.traffic.published.Load(), c.traffic.refused.Load()
	t.Received, t.Stray = c.traffic.received.Load(), c.stray.Load()
	return t
}

// sent counts what was sent, and returns its error.
func (t *traffic) sent(err error) error {
	if err == nil {
		t.published.Add(1)
	} else {
		t.refused.Add(1)
	}
	return err
}
