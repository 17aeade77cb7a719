package ws

import (
	"iter"
	"net/netip"
	"reflect"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// ConnectionInfo is what can be seen of a connection from outside. It is a snapshot: by the
// time it is read it may be different.
type ConnectionInfo struct {
	PID       actor.PID // of its socket actor
	Path      string    // of the Socket
	Transport string    // "websocket" or "longpoll"
	Version   string    // of the protocol
	SocketID  string    // see Identity

	// Remote is where the request has come from with which the client connected: perhaps
	// from a proxy. It is not valid if that is unknown; the port is 0 if that is.
	Remote     netip.AddrPort
	Since      time.Time // to a tenth of a second
	Channels   int       // those that are joining or about to end included
	QueueBytes int       // that wait for the client to read them
	Parked     bool      // it has no goroutine, see Socket.Park
}

// ChannelInfo is what can be seen of a channel from outside. It is a snapshot.
type ChannelInfo struct {
	PID        actor.PID
	Connection actor.PID // the socket actor; of one that is lost, if the channel lingers
	SocketID   string    // see Identity
	Topic      string
	Route      string       // the pattern that the topic matches
	Handler    reflect.Type // while Join runs, the type that the route declares
	Joined     bool         // false while Join runs
	Lingering  bool         // its connection is lost, see Route.Linger
	Waiting    int64        // about so many bytes of the client's messages are not handled yet
}

// TopicInfo is what can be seen of a topic that clients of this endpoint have joined.
type TopicInfo struct {
	Topic    string
	Route    string // the pattern that it matches; of the first socket that has one
	Channels int    // those that are joining included if they listen already
}

// Connections returns the connections of the endpoint, the oldest first, as they are when
// the walk gets there. One that lasts as long as the walk is met once.
//
// A walk makes no list and asks nobody, so it shows those that are stuck as well; it holds
// up no connection, and takes a fraction of a microsecond for each.
func (e *Endpoint) Connections() iter.Seq[ConnectionInfo] {
	return func(yield func(ConnectionInfo) bool) {
		for s := range e.directory.all {
			if !s.isGone() && !yield(s.info()) {
				return
			}
		}
	}
}

// Connection returns what can be seen of the connection with this socket actor. It reports
// false if there is none. It walks over the connections to find it.
func (e *Endpoint) Connection(pid actor.PID) (info ConnectionInfo, ok bool) {
	if s := e.sessionOf(pid); s != nil && !s.isGone() {
		return s.info(), true
	}
	return ConnectionInfo{}, false
}

// Channels returns the channels of all connections, those of a connection together; see
// [Endpoint.Connections]. Those whose Join runs are among them, and those that are stuck.
func (e *Endpoint) Channels() iter.Seq[ChannelInfo] {
	return func(yield func(ChannelInfo) bool) {
		for s := range e.directory.all {
			if !s.showChannels(yield) {
				return
			}
		}
	}
}

// ChannelsOf returns the channels of the connection with this socket actor.
func (e *Endpoint) ChannelsOf(connection actor.PID) iter.Seq[ChannelInfo] {
	return func(yield func(ChannelInfo) bool) {
		if s := e.sessionOf(connection); s != nil {
			s.showChannels(yield)
		}
	}
}

// ChannelsOn returns the channels that listen to a topic, the latest first: those that have
// joined it, and those whose Join has called Listen.
func (e *Endpoint) ChannelsOn(topic string) iter.Seq[ChannelInfo] {
	return func(yield func(ChannelInfo) bool) {
		for c := range e.channelsOn(topic) {
			info := c.info()
			info.PID = c.ctx.PID() // which it had when it subscribed
			if !yield(info) {
				return
			}
		}
	}
}

// channelsOn returns the channels that listen to a topic, and no part of the program that does.
// If it is recorded they are behind its recorder.
func (e *Endpoint) channelsOn(topic string) iter.Seq[*Channel] {
	return func(yield func(*Channel) bool) {
		for _, s := range e.topics.Subscriptions(topic) {
			if r, ok := s.(*recorder); ok {
				for _, c := range r.channels() {
					if !yield(c) {
						return
					}
				}
			}
			if l, ok := s.(listener); ok && !yield(l.Channel) {
				return
			}
		}
	}
}

// Topics returns the topics that clients have joined here, in no order. A topic that stays
// as long as the walk is met once. To count its channels the walk goes through all of them.
func (e *Endpoint) Topics() iter.Seq[TopicInfo] {
	return func(yield func(TopicInfo) bool) {
		for topic := range e.topics.All() {
			info := TopicInfo{Topic: topic}
			for c := range e.channelsOn(topic) {
				info.Channels++
				info.Route = c.route.pattern
			}
			if info.Channels > 0 && !yield(info) {
				return
			}
		}
	}
}

func (e *Endpoint) sessionOf(pid actor.PID) *session {
	for s := range e.directory.all {
		if s.session.PID() == pid {
			return s
		}
	}
	return nil
}

// info may be called on any goroutine, as may all that follow.
func (s *session) info() ConnectionInfo {
	pid := s.session.PID()
	info := ConnectionInfo{
		PID:       pid,
		Path:      s.socket.Path,
		Transport: s.transport.name(),
		Version:   s.encoding.Load().version,
		SocketID:  s.id,
		Since:     pid.Started(),
	}
	for range s.joins.channels.all {
		info.Channels++
	}
	state := s.transport.state()
	info.Remote, info.QueueBytes, info.Parked = state.peer.address(), state.queued, state.parked
	return info
}

// showChannels calls yield for each channel, and reports false if that does.
func (s *session) showChannels(yield func(ChannelInfo) bool) bool {
	for j := range s.joins.channels.all {
		info := j.channel.info()
		info.PID = j.ref.PID() // it may not have begun
		if !yield(info) {
			return false
		}
	}
	return true
}

func (c *Channel) info() ChannelInfo {
	info := ChannelInfo{
		Connection: c.line().session.PID(),
		SocketID:   c.line().id,
		Topic:      c.topic,
		Route:      c.route.pattern,
		Handler:    c.route.handler,
		Joined:     c.hasJoined(),
		Lingering:  c.tether().lingers(),
		Waiting:    max(0, c.pending.Load()),
	}
	if info.Joined { // and so there is a handler, which does not change
		info.Handler = reflect.TypeOf(c.handler)
	}
	return info
}
