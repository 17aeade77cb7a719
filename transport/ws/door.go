package ws

import (
	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// door is before a channel that takes no messages: until its Join has let the client
// in, and until it has ended when the client joins its topic anew.
type door struct {
	join    string        // the ref of the message that asked for the Join
	giveUp  bool          // the client has left meanwhile, and does not wait for ever
	rejoin  *wire.Message // the join that waits for the channel to end
	waiting []inward      // what else has come for the topic
}

// inward is a message of the client's, and what it counts for until it is handled.
type inward struct {
	wire.Message
	weight int64
}

// receive handles one message, or puts it off while its topic's channel takes none. It
// waits for that channel only: a Join that never returns costs the client no other.
func (s *session) receive(m inward) error {
	if m.Topic == wire.TopicPhoenix && m.Event == wire.EventHeartbeat {
		s.transport.handled(m.weight)
		return s.reply(wire.Message{Ref: m.Ref, Topic: m.Topic}, OK(nil))
	}
	j := s.find(m.Topic)
	if j == nil || j.door == nil {
		return s.dispatch(j, m)
	}
	if m.Event == wire.EventJoin && j.door.rejoin == nil {
		s.transport.handled(m.weight)
		return s.join(j, m.Message)
	}
	j.door.waiting = append(j.door.waiting, m)
	if m.Event == wire.EventLeave && j.means(m) && !j.door.giveUp {
		j.door.giveUp = true
		s.ctx.SendAfter(stopTimeout, sessionMsg{op: opGiveUp, channel: j.ref.PID()})
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

// letIn opens the door of a channel that the client is in now, unless it is to be
// replaced.
func (s *session) letIn(channel actor.PID) error {
	i := s.index(channel)
	if i < 0 || s.channels[i].door.rejoin != nil {
		return nil
	}
	j := s.channels[i]
	waiting := j.door.waiting
	j.door = nil
	return s.receiveAll(waiting)
}

// drop gives up what has waited for a channel that the client replaces, as the channel
// does with what it has got.
func (s *session) drop(waiting []inward) {
	for _, m := range waiting {
		s.transport.handled(m.weight)
	}
}

// giveUp ends a channel that is still joining, though the client has left.
func (s *session) giveUp(channel actor.PID) {
	if i := s.index(channel); i >= 0 && s.channels[i].door != nil && s.channels[i].door.giveUp {
		s.overdue(channel)
	}
}

// unblock ends the channel behind which most is waiting, because nothing has been
// handled for a long time and so the client is not read any more: the others, and its
// heartbeats, are not to be held up for ever by a handler that does not return.
func (s *session) unblock() {
	var worst *joined
	var most int64
	for _, j := range s.channels {
		if n := j.behind(); n > most {
			worst, most = j, n
		}
	}
	if worst != nil {
		s.log().Error("channel does not handle its messages", "topic", worst.topic, "waiting", most)
		s.overdue(worst.ref.PID())
	}
}

// behind returns what waits behind a channel.
func (j *joined) behind() int64 {
	n := j.channel.pending.Load()
	if j.door != nil {
		for _, m := range j.door.waiting {
			n += m.weight
		}
	}
	return n
}
