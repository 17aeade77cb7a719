package nats

import (
	"time"

	"github.com/troupe-go/troupe/registry/pubsub"
)

// Traffic implements [pubsub.Reporter]: [pubsub.Cluster.Traffic] has all of it. What the
// connection has dropped, because nothing took it to the queues in time, is among Lost, until
// the node leaves. The connection's reconnects are counted from when it was made.
func (a *Adapter) Traffic() pubsub.Traffic {
	t := pubsub.Traffic{Lost: a.lost.Load(), Malformed: a.malformed.Load()}
	if a.Conn != nil {
		t.Reconnects = a.Conn.Stats().Reconnects
	}
	a.mu.RLock()
	m := a.now
	a.mu.RUnlock()
	if m == nil {
		return t
	}
	for sub := range m.in.subs {
		if n, err := sub.Dropped(); err == nil {
			t.Lost += uint64(n)
		}
	}
	now := time.Now()
	t.Waiting, t.WaitingBytes = len(m.out.packets)+len(m.in.intake), m.out.waiting.Load()
	for _, q := range m.in.queues {
		t.Waiting += len(q.packets)
		t.WaitingBytes += q.waiting.Load()
		if p := q.inHand.Load(); p != nil {
			t.Lag = max(t.Lag, now.Sub(p.came))
		}
	}
	return t
}
