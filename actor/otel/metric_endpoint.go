package otel

import (
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence"
)

// Endpoint reports the figures of an endpoint, [ws.Stats], at each collection, until stop is
// called. Those of several endpoints are added up.
func (m *Metrics) Endpoint(e *ws.Endpoint) (stop func()) {
	m.init()
	return m.add(func(f figures) {
		s := e.Stats()
		f(connections, int64(s.Connections))
		f(longPolls, int64(s.LongPolls))
		f(connects, int64(s.Connects))
		f(refusals, int64(s.Refusals))
		f(slowClients, int64(s.SlowConsumers))
		f(channels, int64(s.Channels))
		f(joins, int64(s.Joins))
		f(joinRefusals, int64(s.JoinRefusals))
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
	m.init()
	return m.add(func(f figures) {
		s := t.Stats()
		f(presences, int64(s.Presences))
		f(presenceTopics, int64(s.Topics))
		f(presenceJoins, int64(s.Joins))
		f(presenceLeaves, int64(s.Leaves))
	})
}
