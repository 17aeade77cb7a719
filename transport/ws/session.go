package ws

import (
	"errors"
	"sync/atomic"

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
	ctx    *actor.Context[sessionMsg]
	claim  atomic.Uint32 // of the transport, which the goroutine that sets claimed releases
	told   bool          // the observer knows that it ends
	renews bool          // a Refresh runs, or hangs
	joins  joins

	prev, next *session // in the endpoint's directory
}

// newSession makes the session of a client that is served by ser, and starts nothing.
func newSession(e *Endpoint, s *Socket, t transport, identity Identity, ser wire.Serializer) *session {
	session := &session{line: line{endpoint: e, socket: s, transport: t, id: identity.ID, assigned: identity.assigned(s)}}
	session.encoding.Store(e.encodings.get(ser, false))
	return session
}

// The states of a session's claim.
const (
	unclaimed uint32 = iota
	claimed
	released
)

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
	// cut ends the connection so at once. What its session does until its own end does not
	// reach the client any more.
	cut()
	// state returns what can be seen of it from outside.
	state() transportState
}

// transportState is what can be seen of a transport.
type transportState struct {
	peer   peer
	queued int // bytes that wait for the client
	parked bool
}

// sessionMsg is a message to a socket actor.
type sessionMsg struct {
	op      sessionOp
	binary  bool      // opFrame
	read    moment    // opFrame, if the socket is timed
	data    []byte    // opFrame
	with    any       // opOpen: an *encoding; opHangup: an error; opRefreshed: a refreshed; opTaken: its join ref; opDeclined: a *comeback
	channel actor.PID // opJoined, opOverdue, opGiveUp, opLingered, opTaken, opDeclined; opExpired: it, or the session
}

type sessionOp uint8

const (
	opOpen       sessionOp = iota // a WebSocket is open, and compresses or not: the first message, but for ends
	opFrame                       // the client sent a message
	opHangup                      // the connection has failed or was closed
	opJoined                      // a channel has let the client in
	opOverdue                     // a channel had time enough to end
	opGiveUp                      // a Join that the client has left had time enough
	opStuck                       // the client is held back, and nothing is handled
	opDisconnect                  // somebody wants the client off
	opDrain                       // the endpoint is being emptied
	opSlow                        // the client does not read
	opRefreshed                   // a Refresh is over
	opExpired                     // the connection or a channel has expired, unless that was changed
	opLingered                    // a channel has lingered for long enough
	opTaken                       // a channel's client has come back on another connection
	opDeclined                    // a channel cannot be resumed
)

// Init implements [actor.Initializer].
func (s *session) Init(ctx *actor.Context[sessionMsg]) error {
	s.ctx, s.line.session = ctx, ctx.Self()
	ctx.TrapExit(true)
	if !s.claim.CompareAndSwap(unclaimed, claimed) {
		return actor.NoProc // the endpoint has been told that there is no session
	}
	s.transport.attach(&s.line)
	if !ctx.PID().Own(s) {
		s.Release(ctx.PID(), actor.NoProc)
		return actor.NoProc
	}
	s.endpoint.directory.add(s)
	s.awaitExpiry()
	if s.id != "" {
		// There is one for each user, and next to nothing is said on it.
		return s.endpoint.topics.SubscribeWide(ctx.PID(), s.id, s)
	}
	return nil
}

// ActorLabel says whose session it is: the path of the socket, the transport unless only
// channels are left that linger, and the socket ID if there is one. It implements [actor.Labeler].
func (s *session) ActorLabel() string {
	label := s.socket.Path + " "
	if s.isGone() {
		label += "lingering"
	} else {
		label += s.transport.name()
	}
	if s.id != "" {
		label += " " + s.id
	}
	return label
}

// Release implements [actor.Resource]. The transport goes with the session, however
// that ends, and if it was killed the channels have not been counted out.
func (s *session) Release(owner actor.PID, reason error) {
	s.endpoint.directory.remove(s)
	for j := range s.joins.channels.all {
		if b := j.back(); b == nil || !b.forgo() {
			s.countOut(j)
		}
	}
	s.releaseTransport(owner, reason)
}

// releaseTransport ends the way to the client, and the client's claim to one, if that is not
// done.
func (s *session) releaseTransport(owner actor.PID, reason error) {
	if s.claim.Swap(released) == released {
		return
	}
	s.socket.users.leave(s.id) // first: a client that sees its connection gone may come back at once
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
	case opFrame, opStuck, opSlow, opHangup, opOpen:
		if s.isGone() { // of the connection that was lost
			return nil
		}
	}
	switch m.op {
	case opOpen:
		s.encoding.Store(m.with.(*encoding))
	case opFrame:
		s.endpoint.in.Add(1)
		in, err := s.encoding.Load().Decode(m.data, m.binary)
		if err != nil {
			s.endpoint.malformed.Add(1)
			s.log().Debug("malformed message", "error", err)
			s.disconnected(websocket.StatusInvalidFramePayloadData, "malformed message", err)
			return s.hangUp(websocket.StatusInvalidFramePayloadData, "malformed message")
		}
		return s.receive(inward{in, limit.Weight(m.data), m.read})
	case opJoined:
		return s.letIn(m.channel)
	case opOverdue:
		s.overdue(m.channel)
	case opGiveUp:
		return s.giveUp(m.channel)
	case opLingered:
		s.lingered(m.channel)
	case opTaken:
		return s.taken(m.channel, m.with.(string))
	case opDeclined:
		return s.declined(m.with.(*comeback), m.channel)
	case opStuck:
		return s.unblock()
	case opDisconnect:
		return s.cutOff(websocket.StatusGoingAway, "disconnected")
	case opDrain:
		return s.hangUp(websocket.StatusServiceRestart, "drain")
	case opSlow:
		s.endpoint.slow.Add(1)
		s.log().Warn("client too slow", "queue", s.socket.MaxQueue)
		return s.hangUp(websocket.StatusPolicyViolation, "too slow")
	case opRefreshed:
		return s.refreshed(m.with.(refreshed))
	case opExpired:
		return s.expired(m.channel)
	case opHangup:
		return s.hungUp(m.with.(error))
	}
	return nil
}

// hangUp ends the session; the client gets the code.
func (s *session) hangUp(code websocket.StatusCode, reason string) error {
	s.disconnected(code, reason, nil)
	s.transport.closeWith(code, reason)
	return actor.Stop
}

// cutOff is hangUp for a client that must not hear any more: the connection is closed first,
// and waits neither for an observer nor for channels that take their time to end.
func (s *session) cutOff(code websocket.StatusCode, reason string) error {
	s.transport.closeWith(code, reason)
	s.transport.cut()
	return s.hangUp(code, reason)
}

// hungUp ends the session of a connection that has ended.
func (s *session) hungUp(err error) error {
	s.log().Debug("disconnected", "error", err)
	var timeout interface{ Timeout() bool }
	var broken *frame.Error
	var closed netconn.CloseError
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		s.disconnected(websocket.StatusGoingAway, "idle", nil)
		if s.linger() {
			return nil
		}
		return s.hangUp(websocket.StatusGoingAway, "idle")
	case errors.As(err, &broken): // and the client has been told
		s.disconnected(websocket.StatusCode(broken.Code), broken.Reason, nil)
	case errors.As(err, &closed):
		s.disconnected(websocket.StatusCode(closed.Code), "", nil)
	default:
		s.disconnected(websocket.StatusAbnormalClosure, "", err)
	}
	if s.linger() {
		return nil
	}
	return s.hangUp(websocket.StatusProtocolError, "")
}

// Channel returns the channel that the client has on a topic. It is for package wstest,
// which calls it by [actor.PID.Inspect].
func (s *session) Channel(topic string) (ref Ref, ok bool) {
	if j := s.joins.on(topic); j != nil {
		return Ref{j.ref}, true
	}
	return Ref{}, false
}
