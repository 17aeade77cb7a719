package ws

import (
	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// How a session does what its joins have decided on the messages of the client.

// receive handles one message, or puts it off while its topic's channel takes none. It
// waits for that channel only: a Join that never returns costs the client no other.
func (s *session) receive(m inward) error {
	if m.Topic == wire.TopicPhoenix && m.Event == wire.EventHeartbeat {
		s.transport.handled(m.weight)
		return s.reply(wire.Message{Ref: m.Ref, Topic: m.Topic}, OK(nil))
	}
	if m.Topic == wire.TopicPhoenix && m.Event == wire.EventRefresh && s.socket.Refresh != nil {
		s.transport.handled(m.weight)
		return s.refresh(m.Message)
	}
	j := s.joins.on(m.Topic)
	v := s.joins.came(j, m)
	switch v {
	case toChannel:
		j.channel.pending.Add(m.weight)
		in := channelMsg{op: opIn, ref: m.Ref, event: m.Event, payload: m.Payload, weight: m.weight, read: m.read}
		if j.channel.tether() != nil {
			in.info = &s.line
		}
		j.ref.Send(in)
		return nil
	case waits:
		return nil
	case waitsNotLong:
		s.ctx.SendAfter(stopTimeout, sessionMsg{op: opGiveUp, channel: j.ref.PID()})
		return nil
	}
	s.transport.handled(m.weight)
	switch v {
	case asksToJoin:
		return s.join(j, m)
	case hasLeft:
		return s.reply(wire.Message{JoinRef: m.JoinRef, Ref: m.Ref, Topic: m.Topic}, OK(nil))
	case unmatchedTopic:
		return s.unmatched(m.Message)
	}
	return nil
}

// receiveAll handles messages that have waited. They may have to wait again.
func (s *session) receiveAll(waiting []inward) error {
	for _, m := range waiting {
		if err := s.receive(m); err != nil {
			return err
		}
	}
	return nil
}

// unmatched answers a message on a topic that has no channel.
func (s *session) unmatched(m wire.Message) error {
	return s.reply(wire.Message{Ref: m.Ref, Topic: m.Topic}, Error(Reason("unmatched topic")))
}

// join starts a channel, or first ends old, the one that the client has on the topic.
func (s *session) join(old *joined, m inward) error {
	route := s.socket.Channels.match(m.Topic)
	d := s.joins.asked(old, &m, route != nil, s.socket, s.endpoint.now())
	switch d.verdict {
	case startsChannel:
		return s.start(m)
	case replacesChannel:
		return s.replace(old, d.dropped)
	case unmatchedTopic:
		s.endpoint.joinRefusals.Add(1)
		s.log().Warn("no channel for topic", "topic", m.Topic)
		return s.unmatched(m.Message)
	}
	s.endpoint.joinRefusals.Add(1)
	return s.refuse(m.Message, d.reason)
}

// refuse answers a join that starts no channel.
func (s *session) refuse(m wire.Message, reason string) error {
	return s.reply(wire.Message{JoinRef: m.JoinRef, Ref: m.Ref, Topic: m.Topic}, Error(Reason(reason)))
}

// replace ends a channel because the client joins its topic anew. What has waited for it is
// given up, as the channel does with what it has got.
func (s *session) replace(old *joined, dropped []inward) error {
	for _, m := range dropped {
		s.transport.handled(m.weight)
	}
	if s.asksAgain(old) && s.forgo(old) {
		return s.start(*old.door.rejoin)
	}
	if s.renounce(old, Rejoined) {
		return s.startInstead(old)
	}
	if s.closes(old) { // otherwise its client is elsewhere, and that is told next
		old.channel.mark(flagReplaced)
		s.end(old, Rejoined)
	}
	return nil
}

// start has a join resume the channel that the client had before, or starts one.
func (s *session) start(m inward) error {
	route := s.socket.Channels.match(m.Topic)
	if s.resume(m, route) {
		return nil
	}
	return s.startChannel(m, route)
}

// startChannel starts a channel, which answers the join m.
func (s *session) startChannel(m inward, route *Route) error {
	a := &channelActor{Channel{route: route, topic: m.Topic, joinRef: m.JoinRef}}
	a.way.Store(&s.line)
	if route.Linger > 0 {
		a.hears = &hearing{tether: newTether(&a.Channel, &s.line)}
	}
	ref, err := actor.SpawnLink(s.parentOf(route), func() *channelActor { return a })
	if err != nil {
		s.log().Error("channel not started", "topic", m.Topic, "error", err)
		return s.refuse(m.Message, "join crashed")
	}
	s.joins.started(&joined{channel: &a.Channel, ref: ref}, m.Ref)
	if err := s.ctx.Link(ref.PID()); err != nil { // the session is about to end
		ref.PID().Exit(Closed)
	}
	ref.Send(channelMsg{op: opJoin, ref: m.Ref, payload: m.Payload, read: m.read})
	return nil
}

// letIn has a channel that the client is in now get what has waited for it.
func (s *session) letIn(channel actor.PID) error {
	j := s.joins.of(channel)
	if j == nil {
		return nil
	}
	return s.receiveAll(s.joins.letIn(j))
}
