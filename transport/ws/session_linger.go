package ws

import (
	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// How channels outlive their connection. The session of a connection that was lost goes on
// without one, as the keeper of the channels that linger: it ends them when nobody comes back,
// and when the endpoint ends or their user is disconnected or expires. It ends with the last of
// them. See tether for how they get to another session.

// isGone reports whether the connection is given back, and the session goes on without one. It
// may be called from any goroutine.
func (s *session) isGone() bool { return s.claim.Load() == released }

// linger has those channels stay that may, when the connection is lost, ends the others and
// gives the connection back. It reports false if none stays.
func (s *session) linger() bool {
	if !s.socket.lingers || s.endpoint.takesNone() {
		return false
	}
	var stay, end []*joined
	for j := range s.joins.channels.all {
		switch {
		case j.overstays() && s.renounce(j, Left): // its client has left it before it was back
		case s.forgo(j): // it is another session's still
		case !j.leaving && !j.overstays() && j.channel.tether().lose(&s.line):
			stay = append(stay, j)
		default:
			end = append(end, j)
		}
	}
	if len(stay) == 0 {
		return false
	}
	s.transport.closeWith(websocket.StatusGoingAway, "")
	s.releaseTransport(s.ctx.PID(), actor.Normal)
	for _, j := range end {
		s.end(j, Closed)
	}
	for _, j := range stay {
		j.door = nil // with what the client has sent since it joined: its answer may have been lost
		s.ctx.SendAfter(j.channel.route.Linger, sessionMsg{op: opLingered, channel: j.ref.PID()})
		if s.observed() {
			s.emitApart(Lingering{j.channel.topic, j.channel.route.pattern, s.id, j.channel.route.Linger})
		}
	}
	return true
}

// lingered ends a channel to which nobody has come back.
func (s *session) lingered(channel actor.PID) {
	if j := s.joins.of(channel); j != nil {
		s.end(j, Lingered)
	}
}

// end ends a channel, unless it is another session's by now.
func (s *session) end(j *joined, reason error) {
	if !s.closes(j) {
		return
	}
	s.ctx.Exit(j.ref.PID(), reason)
	s.ctx.SendAfter(stopTimeout, sessionMsg{op: opOverdue, channel: j.ref.PID()})
}

// closes takes a channel before the session ends it. It reports false if the channel is another
// session's, or nobody's.
func (s *session) closes(j *joined) bool {
	if j == nil {
		return false
	}
	t := j.channel.tether()
	return t == nil || t.owner.CompareAndSwap(&s.line, nil) || t.owner.Load() == nil
}

// isElsewhere reports whether a channel is another session's by now, or still.
func (s *session) isElsewhere(j *joined) bool {
	t := j.channel.tether()
	if t == nil {
		return false
	}
	owner := t.owner.Load()
	return owner != nil && owner != &s.line
}

// resume asks the channel that a join's token names whether its client may have it back. It
// reports false if there is none.
func (s *session) resume(m inward, route *Route) bool {
	if route.Linger == 0 {
		return false
	}
	claim, ok := s.endpoint.verifyResume(resumeTokenOf(m.Payload), &s.line, m.Topic)
	if !ok {
		return false
	}
	known, ok := s.endpoint.tethers.Load(claim.of)
	if !ok {
		return false
	}
	t := known.(*tether)
	if t.owner.Load() == nil { // it ends, and is not to be waited for
		return false
	}
	b := &comeback{line: &s.line, join: m, token: claim.number}
	s.joins.started(&joined{channel: t.channel, ref: t.self}, m.Ref)
	s.joins.of(t.self.PID()).door.back = b
	s.ctx.Link(t.self.PID()) // if it has ended, that is told
	t.self.Send(channelMsg{op: opResume, info: b})
	return true
}

// back returns the join with which the client has come back to a channel, until it is let in.
func (j *joined) back() *comeback {
	if j.door == nil {
		return nil
	}
	return j.door.back
}

// joinRef returns the ref of the join that the client knows the channel by.
func (j *joined) joinRef() string {
	if b := j.back(); b != nil {
		return b.join.JoinRef
	}
	return j.channel.joinedAs()
}

// forgo has a channel not come to this session, if it has not yet.
func (s *session) forgo(j *joined) bool {
	b := j.back()
	if b == nil || !b.forgo() {
		return false
	}
	s.dismiss(j)
	return true
}

// asksAgain reports whether the join that replaces one with a token has the same token: its
// client has lost patience, and still wants that channel.
func (s *session) asksAgain(j *joined) bool {
	b := j.back()
	return b != nil && resumeTokenOf(b.join.Payload) == resumeTokenOf(j.door.rejoin.Payload)
}

// renounce is forgo for a channel that its client does without from now on.
func (s *session) renounce(j *joined, end error) bool {
	b := j.back()
	if b == nil || !b.renounce(end) {
		return false
	}
	s.dismiss(j)
	return true
}

// dismiss forgets a channel that its client has not come back to. The comeback may wait in the
// channel's mailbox for long, and holds nothing of the join, which the client still asks for unless
// it has asked for something else since.
func (s *session) dismiss(j *joined) {
	s.joins.channels.remove(j)
	s.ctx.Unlink(j.ref.PID())
	b := j.back()
	if j.door.rejoin == nil {
		join := b.join
		j.door.rejoin = &join
	}
	b.join = inward{}
}

// declined starts a channel for a client that cannot have its former one back.
func (s *session) declined(b *comeback, channel actor.PID) error {
	j := s.joins.of(channel)
	if j == nil || j.back() != b {
		return nil
	}
	s.dismiss(j)
	return s.startInstead(j)
}

// startInstead starts a channel in place of one that was not resumed.
func (s *session) startInstead(j *joined) error {
	m := j.door.rejoin
	if err := s.startChannel(*m, s.socket.Channels.match(m.Topic)); err != nil {
		return err
	}
	return s.receiveAll(j.door.waiting)
}

// taken forgets a channel whose client has come back on another connection, and tells the one
// here, if there still is one.
func (s *session) taken(channel actor.PID, joinRef string) error {
	j := s.joins.of(channel)
	if j == nil {
		return nil
	}
	s.joins.channels.remove(j)
	if s.isGone() {
		return s.unlessEmpty()
	}
	end := wire.Message{JoinRef: joinRef, Ref: joinRef, Topic: j.channel.topic, Event: wire.EventError}
	end.Payload = RawJSON([]byte(`{"reason":"resumed elsewhere"}`))
	if err := s.send(end); err != nil || j.door == nil {
		return err
	}
	if m := j.door.rejoin; m != nil {
		if err := s.start(*m); err != nil {
			return err
		}
	}
	return s.receiveAll(j.door.waiting)
}

// unlessEmpty ends a session that has no connection and no channel any more.
func (s *session) unlessEmpty() error {
	for range s.joins.channels.all {
		return nil
	}
	return actor.Stop
}
