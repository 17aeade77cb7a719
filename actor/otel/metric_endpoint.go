package otel

import (
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence"
)

// Endpoint reports the figures of an endpoint, [ws.Stats], at each collection, until stop is
// called. Those of several endpoints are added up.
func (m *Metrics) Endpoint(e *ws.Endpoint) (stop func()) {
	return m.add(func(f figures) {
		s := e.Stats()
		f(connections, int64(s.Connections))
		f(longPolls, int64(s.LongPolls))
		f(connects, int64(s.Connects))
		f(refusals, int64(s.Refusals))
		f(slowClients, int64(s.SlowConsumers))
		f(channels, int64(s.Channels))
		f(lingering, int64(s.Lingering))
		f(joins, int64(s.Joins))
		f(resumes, int64(s.Resumes))
		f(joinRefusals, int64(s.JoinRefusals))
		f(lingerRefusals, int64(s.LingerRefusals))
		f(channelErrors, int64(s.ChannelErrors))
		f(messagesIn, int64(s.MessagesIn))
		f(malformed, int64(s.Malformed))
		f(messagesOut, int64(s.MessagesOut))
		f(messagesDropped, int64(s.Dropped))
		f(broadcasts, int64(s.Broadcasts))
		f(queueBytes, int64(s.QueueBytes))
	})
}

// Presence reports the figures of a tracker, [presence.Stats], at each collection, until stop
// is called. Each node counts the presences of all nodes, as far as it knows of them: do not
// add up those of several nodes.
func (m *Metrics) Presence(t *presence.Tracker) (stop func()) {
	return m.add(func(f figures) {
		s := t.Stats()
		f(presences, int64(s.Presences))
		f(presenceTopics, int64(s.Topics))
		f(presenceJoins, int64(s.Joins))
		f(presenceLeaves, int64(s.Leaves))
	})
}

// Cluster reports what goes between this node and the others, [pubsub.Traffic], at each
// collection, until stop is called. What is lost, waits or lags is known of an adapter that is
// a [pubsub.Reporter], and 0 otherwise.
func (m *Metrics) Cluster(c *pubsub.Cluster) (stop func()) {
	return m.add(func(f figures) {
		t := c.Traffic()
		f(published, int64(t.Published))
		f(notPublished, int64(t.Refused))
		f(received, int64(t.Received))
		f(stray, int64(t.Stray))
		f(lost, int64(t.Lost))
		f(unsent, int64(t.Unsent))
		f(foreign, int64(t.Malformed))
		f(reconnects, int64(t.Reconnects))
		f(denied, int64(t.Denied))
		f(waiting, int64(t.Waiting))
		f(waitingBytes, t.WaitingBytes)
		f(lag, int64(t.Lag))
	})
}
