package nats

import (
	"errors"
	"sync/atomic"

	"github.com/nats-io/nats.go"
)

// denial is what a node knows of subscriptions that its server has refused, by
// max_subscriptions. A server does not say which, and whatever they were for is deaf: so the
// node gives up those of its topics, takes all topics by one, and connects anew, since then
// all that are left are asked for again.
type denial struct {
	met    bool   // the node has given up its topics
	before uint64 // the connection's reconnects until then
	last   uint64 // the connection that was counted last, by its number; the first is 1
	deaf   atomic.Bool
}

var errDeaf = errors.New("NATS refuses it subscriptions, by max_subscriptions: it does not hear all that is for it")

// refusals returns a connection's error handler, which logs what NATS refuses, and has it looked
// at. What is lost for want of room is counted elsewhere. It calls the program's own as well.
func (a *Adapter) refusals(next nats.ErrHandler) nats.ErrHandler {
	log := newLog(a.Logger)
	return func(conn *nats.Conn, sub *nats.Subscription, err error) {
		if !errors.Is(err, nats.ErrSlowConsumer) {
			log.Warn("NATS has refused something", "node", a.Name, "error", err)
		}
		if errors.Is(err, nats.ErrMaxSubscriptionsExceeded) {
			a.mu.RLock()
			if a.now != nil && a.now.routes != nil {
				wake(a.now.routes.wake)
			}
			a.mu.RUnlock()
		}
		if next != nil {
			next(conn, sub, err)
		}
	}
}

// deaf reports whether subscriptions are refused that the node cannot do without.
func (a *Adapter) deaf() bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.now != nil && a.now.routes != nil && a.now.routes.refused.deaf.Load()
}

// look looks whether the server has refused a subscription since the connection was made. Only the
// last error of a connection is known: of several at once this may not be it, but each subscription
// that is refused makes another one.
func (rs *routes) look() {
	if !rs.conn.IsConnected() {
		return
	}
	// The number first: an error that is read after it is of that connection, or of the next one.
	number := rs.conn.Stats().Reconnects + 1
	refused := errors.Is(rs.conn.LastError(), nats.ErrMaxSubscriptionsExceeded)
	r := &rs.refused
	if refused && r.last != number {
		r.last = number
		rs.denied.Add(1)
	}
	switch {
	case !refused:
		r.deaf.Store(false)
	case !r.met:
		rs.retreat()
	case number > r.before+1 && !r.deaf.Swap(true):
		rs.notes.put(func() { rs.log.Error("node is deaf", "node", rs.node, "error", errDeaf) })
	}
}

// retreat has all topics come by one subscription, until far fewer are wanted. The topics' own are
// given up first, or there would be no room for it.
func (rs *routes) retreat() {
	rs.refused.met, rs.refused.before = true, rs.conn.Stats().Reconnects
	list := rs.copy()
	rs.limit = min(rs.limit, len(list)/2)
	for _, r := range list {
		rs.unsubscribeFrom(r)
	}
	if rs.all == nil {
		all, err := rs.conn.ChanSubscribe(rs.subjects.ofTopics(), rs.in.intake)
		if err != nil {
			return // the connection is closed
		}
		rs.setBlind(all)
	}
	rs.notes.put(func() {
		rs.log.Warn("node takes all topics: its server's max_subscriptions is below its TopicLimit",
			"node", rs.node, "topics", len(list))
	})
	_ = rs.conn.ForceReconnect() // it fails if the connection is closed
}
