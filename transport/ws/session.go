package ws

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/internal/frame"
	"github.com/troupe-go/troupe/transport/ws/internal/limit"
	"github.com/troupe-go/troupe/transport/ws/internal/netconn"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// session is the socket actor, one for each connection: it decodes what the
// client sends, hands it to the channels, starts them and tells the client of
// their end. Channels answer their client themselves.
type session struct {
	line
	ctx     *actor.Context[sessionMsg]
	claimed atomic.Bool // the goroutine that sets this releases the transport
	told    bool        // the observer knows that it ends

	// Few, so a list: it takes no memory while there are none.
	channels []*joined

	joins limit.Rate // of joins
}

// transport is the way to one client: a WebSocket, or a client that polls. Its
// methods may be called from any goroutine, and do not wait.
type transport interface {
	actor.Resource // it ends with its session

	// name is what events call it.
	name() string
	// attach says which line it is of, before anything else.
	attach(*line)
	// send sends a frame.
	send(frame.Sealed)
	// handled tells that messages of the client which count for n have been handled;
	// see limit.Weight.
	handled(n int64)
	// closeWith decides how the connection will end, unless that is decided.
	closeWith(code websocket.StatusCode, reason string)
}

// joined is a channel as its session knows it.
type joined struct {
	topic   string
	joinRef string
	ref     actor.Ref[channelMsg]
	channel *Channel
	leaving bool  // the client has left; the channel is about to end
	door    *door // nil: what comes for the topic goes to the channel
}

// sessionMsg is a message to a socket actor.
type sessionMsg struct {
	op       sessionOp
	binary   bool      // opFrame
	data     []byte    // opFrame
	encoding *encoding // opOpen
	err      error     // opHangup
	channel  actor.PID // opJoined, opOverdue, opGiveUp
}

type sessionOp uint8

const (
	opOpen       sessionOp = iota // the connection is open: the first message, but for ends
	opFrame                       // the client sent a message
	opHangup                      // the connection has failed or was closed
	opJoined                      // a channel has let the client in
	opOverdue                     // a channel had time enough to end
	opGiveUp                      // a Join that the client has left had time enough
	opStuck                       // the client is held back, and nothing is handled
	opDisconnect                  // somebody wants the client off
	opDrain                       // the endpoint is being emptied
	opSlow                        // the client does not read
)

// Init implements [actor.Initializer].
func (s *session) Init(ctx *actor.Context[sessionMsg]) error {
	s.ctx, s.line.session = ctx, ctx.Self()
	ctx.TrapExit(true)
	if !s.claimed.CompareAndSwap(false, true) {
		return actor.NoProc // the endpoint has been told that there is no session
	}
	s.transport.attach(&s.line)
	if !ctx.PID().Own(s) {
		s.Release(ctx.PID(), actor.NoProc)
		return actor.NoProc
	}
	if s.identity.ID != "" {
		return s.endpoint.topics.Subscribe(ctx.PID(), s.identity.ID, s)
	}
	return nil
}

// ActorLabel says whose session it is: the path of the socket, the transport, and the
// socket ID if there is one. It implements [actor.Labeler].
func (s *session) ActorLabel() string {
	label := s.socket.Path + " " + s.transport.name()
	if s.identity.ID != "" {
		label += " " + s.identity.ID
	}
	return label
}

// Release implements [actor.Resource]. The transport goes with the session, however
// that ends, and if it was killed the channels have not been counted out.
func (s *session) Release(owner actor.PID, reason error) {
	for _, j := range s.channels {
		s.countOut(j)
	}
	s.transport.Release(owner, reason)
}

// Deliver hears broadcasts to the socket ID. It implements pubsub.Subscriber.
func (s *session) Deliver(_ string, b *broadcast) {
	if b.Event == eventDisconnect {
		s.ctx.Self().Send(sessionMsg{op: opDisconnect})
	}
}

// Receive implements [actor.Behavior].
func (s *session) Receive(ctx *actor.Context[sessionMsg], m sessionMsg) error {
	switch m.op {
	case opOpen:
		s.encoding = m.encoding
	case opFrame:
		s.endpoint.in.Add(1)
		in, err := s.encoding.Decode(m.data, m.binary)
		if err != nil {
			s.log().Debug("malformed message", "error", err)
			s.disconnected(websocket.StatusInvalidFramePayloadData, "malformed message", err)
			return s.hangUp(websocket.StatusInvalidFramePayloadData, "malformed message")
		}
		return s.receive(inward{in, limit.Weight(m.data)})
	case opJoined:
		return s.letIn(m.channel)
	case opOverdue:
		s.overdue(m.channel)
	case opGiveUp:
		s.giveUp(m.channel)
	case opStuck:
		s.unblock()
	case opDisconnect:
		return s.hangUp(websocket.StatusGoingAway, "disconnected")
	case opDrain:
		return s.hangUp(websocket.StatusServiceRestart, "drain")
	case opSlow:
		s.endpoint.slow.Add(1)
		s.log().Warn("client too slow", "queue", s.socket.MaxQueue)
		return s.hangUp(websocket.StatusPolicyViolation, "too slow")
	case opHangup:
		return s.hungUp(m.err)
	}
	return nil
}

// hangUp ends the session; the client gets the code.
func (s *session) hangUp(code websocket.StatusCode, reason string) error {
	s.disconnected(code, reason, nil)
	s.transport.closeWith(code, reason)
	return actor.Stop
}

// hungUp ends the session of a connection that has ended.
func (s *session) hungUp(err error) error {
	s.log().Debug("disconnected", "error", err)
	var timeout interface{ Timeout() bool }
	var broken *frame.Error
	var closed netconn.CloseError
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return s.hangUp(websocket.StatusGoingAway, "idle")
	case errors.As(err, &broken): // and the client has been told
		s.disconnected(websocket.StatusCode(broken.Code), broken.Reason, nil)
	case errors.As(err, &closed):
		s.disconnected(websocket.StatusCode(closed.Code), "", nil)
	default:
		s.disconnected(websocket.StatusAbnormalClosure, "", err)
	}
	return s.hangUp(websocket.StatusProtocolError, "")
}

// dispatch handles a message for j, the topic's channel, which may be nil.
func (s *session) dispatch(j *joined, m inward) error {
	if m.Event == wire.EventJoin {
		s.transport.handled(m.weight)
		return s.join(j, m.Message)
	}
	current := j != nil && !j.leaving
	if current && j.means(m) {
		j.leaving = m.Event == wire.EventLeave
		j.channel.pending.Add(m.weight)
		j.ref.Send(channelMsg{op: opIn, in: m.Message, weight: m.weight})
		return nil
	}
	s.transport.handled(m.weight)
	switch {
	case current: // meant for a channel that this one has replaced
		return nil
	case m.Event == wire.EventLeave:
		return s.reply(wire.Message{JoinRef: m.JoinRef, Ref: m.Ref, Topic: m.Topic}, OK(nil))
	default:
		return s.reply(wire.Message{Ref: m.Ref, Topic: m.Topic}, Error(Reason("unmatched topic")))
	}
}

// means reports whether a message on the channel's topic is meant for it, and not for
// one that it has replaced.
func (j *joined) means(m inward) bool { return m.JoinRef == "" || m.JoinRef == j.joinRef }

// Channel returns the channel that the client has on a topic. It is for package wstest,
// which calls it by [actor.PID.Inspect].
func (s *session) Channel(topic string) (ref Ref, ok bool) {
	if j := s.find(topic); j != nil {
		return Ref{j.ref}, true
	}
	return Ref{}, false
}

func (s *session) find(topic string) *joined {
	for _, j := range s.channels {
		if j.topic == topic {
			return j
		}
	}
	return nil
}

// stopTimeout is how long a channel has to end before it is killed, and
// killGrace how long it then has before it is given up.
const (
	stopTimeout = 5 * time.Second
	killGrace   = 100 * time.Millisecond
)

// join starts a channel, or first ends old, the one that the client has on the topic.
func (s *session) join(old *joined, m wire.Message) error {
	answer := wire.Message{JoinRef: m.JoinRef, Ref: m.Ref, Topic: m.Topic}
	route := s.socket.Channels.match(m.Topic)
	switch {
	case route != nil && old == nil && s.full():
		return s.reply(answer, Error(Reason("too many channels joined")))
	case s.joins.Take(s.endpoint.now(), s.socket.MaxJoinRate) > 0:
		return s.reply(answer, Error(Reason("too many joins")))
	case len(m.Topic) > maxTopic || len(m.JoinRef) > maxTopic:
		return s.reply(answer, Error(Reason("topic too long")))
	case route == nil:
		s.log().Warn("no channel for topic", "topic", m.Topic)
		return s.reply(wire.Message{Ref: m.Ref, Topic: m.Topic}, Error(Reason("unmatched topic")))
	case old == nil:
		return s.startChannel(m, route)
	}
	first := old.door
	old.door = &door{rejoin: &m}
	if first != nil { // its Join is running still
		old.door.join = first.join
		s.drop(first.waiting)
	}
	old.channel.mark(flagReplaced)
	s.ctx.Exit(old.ref.PID(), Rejoined)
	s.ctx.SendAfter(stopTimeout, sessionMsg{op: opOverdue, channel: old.ref.PID()})
	return nil
}

// full reports whether the client has all the channels that it may have. One that
// it is leaving does not count, unless very many of them take their time.
func (s *session) full() bool {
	n := 0
	for _, j := range s.channels {
		if !j.leaving {
			n++
		}
	}
	return n >= s.socket.MaxChannels || len(s.channels) >= 2*s.socket.MaxChannels
}

// startChannel starts a channel, which answers the join m.
func (s *session) startChannel(m wire.Message, route *Route) error {
	a := &channelActor{Channel{line: &s.line, route: route, topic: m.Topic, joinRef: m.JoinRef}}
	ref, err := actor.SpawnLink(s.ctx, func() *channelActor { return a })
	if err != nil {
		s.log().Error("channel not started", "topic", m.Topic, "error", err)
		return s.reply(wire.Message{JoinRef: m.JoinRef, Ref: m.Ref, Topic: m.Topic}, Error(Reason("join crashed")))
	}
	s.channels = append(s.channels, &joined{
		topic: m.Topic, joinRef: m.JoinRef, ref: ref, channel: &a.Channel, door: &door{join: m.Ref},
	})
	ref.Send(channelMsg{op: opJoin, in: m})
	return nil
}
