package nats

import (
	"time"

	"github.com/troupe-go/troupe/registry/pubsub"
)

// Traffic implements [pubsub.Reporter]: [pubsub.Cluster.Traffic] has all of it. Lost has the
// messages of other nodes that this one has missed, whatever has become of them, and Unsent
// those of its own that could not be sent. A node knows what it has missed when the next
// message of the same sender comes, in the same part of the topics, or its next sign of life,
// after a second at most. Reconnects has those of the connection while the node was a member,
// and Denied how often the server has refused it subscriptions by max_subscriptions: one is that of
// a node that then takes all topics, more are those of a node that is deaf, or was.
//
// It waits for nothing: the counts are the node's own, and the connection, which is held while
// it waits for a slow server, is not asked.
func (a *Adapter) Traffic() pubsub.Traffic {
	t := pubsub.Traffic{
		Lost: a.lost.Load(), Unsent: a.unsent.Load(), Malformed: a.malformed.Load(), Reconnects: a.reconnects.Load(),
		Denied: a.denied.Load(),
	}
	a.mu.RLock()
	m := a.now
	a.mu.RUnlock()
	if m == nil {
		return t
	}
	t.Waiting, t.WaitingBytes, _ = m.out.queue.look()
	t.Waiting += len(m.in.intake)
	for _, q := range m.in.queues {
		n, bytes, came := q.look()
		t.Waiting += n
		t.WaitingBytes += bytes
		if !came.IsZero() {
			t.Lag = max(t.Lag, time.Since(came))
		}
	}
	return t
}
