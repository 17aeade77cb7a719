package ws

import (
	"cmp"
	"context"
	"slices"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// How the channels of a session end, and the session itself.

// index returns the place of a channel, or -1 if it has ended.
func (s *session) index(channel actor.PID) int {
	return slices.IndexFunc(s.channels, func(j *joined) bool { return j.ref.PID() == channel })
}

// overdue kills a channel that does not end, and then gives it up.
func (s *session) overdue(channel actor.PID) {
	if channel.Alive() {
		s.ctx.Exit(channel, actor.Kill)
		s.ctx.SendAfter(killGrace, sessionMsg{op: opOverdue, channel: channel})
	} else {
		go channel.Abandon() // its end comes as any other; the other channels do not wait
	}
}

// HandleExit implements [actor.ExitHandler]: a channel has ended.
func (s *session) HandleExit(_ *actor.Context[sessionMsg], exit actor.Exit) error {
	i := s.index(exit.From)
	if i < 0 {
		return nil
	}
	j := s.channels[i]
	s.channels = slices.Delete(s.channels, i, i+1)
	s.transport.handled(j.channel.pending.Swap(settled))
	s.parted(j, exit.Reason)
	if err := s.tellEnd(j); err != nil || j.door == nil {
		return err
	}
	if m := j.door.rejoin; m != nil {
		if err := s.startChannel(*m, s.socket.Channels.match(m.Topic)); err != nil {
			return err
		}
	}
	return s.receiveAll(j.door.waiting)
}

// parted counts the end of a channel, and tells of it.
func (s *session) parted(j *joined, reason error) {
	if s.countOut(j) && s.observed() {
		s.emitApart(Ended{j.topic, s.identity.ID, reason})
	}
}

// countOut counts the end of a channel, the first time. It reports false if the client
// was not in.
func (s *session) countOut(j *joined) bool {
	if !j.channel.part() {
		return false
	}
	s.endpoint.channels.Add(-1)
	return true
}

// tellEnd tells the client that a channel has ended. A client whose channel closes does
// not come back, and one that gets an error does; so only what the client, or the
// channel itself, wanted is a close.
func (s *session) tellEnd(j *joined) error {
	wanted := j.channel.is(flagWanted)
	end := wire.Message{JoinRef: j.joinRef, Ref: j.joinRef, Topic: j.topic, Event: wire.EventClose}
	switch {
	case !j.channel.hasJoined():
		if wanted { // refused, and the client has been told
			return nil
		}
		return s.reply(wire.Message{JoinRef: j.joinRef, Ref: j.door.join, Topic: j.topic}, Error(Reason("join crashed")))
	case !wanted && !j.channel.is(flagReplaced):
		end.Event = wire.EventError
		end.Payload = RawJSON([]byte(`{"reason":"channel_crash"}`))
	}
	return s.send(end)
}

// Terminate ends the channels, all at once, and waits for them.
func (s *session) Terminate(_ *actor.Context[sessionMsg], reason error) {
	if actor.IsClean(reason) {
		s.disconnected(websocket.StatusServiceRestart, "shutdown", nil)
	} else {
		s.disconnected(websocket.StatusInternalError, "crash", reason)
	}
	defer func() {
		for _, j := range s.channels {
			s.parted(j, cmp.Or(j.ref.PID().Err(), Closed)) // it may have been about to end anyway
		}
	}()
	channels := make([]actor.PID, len(s.channels))
	for i, j := range s.channels {
		channels[i] = j.ref.PID()
	}
	ctx, cancel := context.WithTimeout(s.ctx, stopTimeout)
	defer cancel()
	actor.StopAll(ctx, channels, Closed, killGrace)
}
