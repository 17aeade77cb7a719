package ws

import (
	"cmp"
	"context"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// How the channels of a session end, and the session itself.

// stopTimeout is how long a channel has to end before it is killed, and
// killGrace how long it then has before it is given up.
const (
	stopTimeout = 5 * time.Second
	killGrace   = 100 * time.Millisecond
)

// overdue kills a channel that does not end, and then gives it up.
func (s *session) overdue(channel actor.PID) {
	if !s.closes(s.joins.of(channel)) {
		return
	}
	if channel.Alive() {
		s.ctx.Exit(channel, actor.Kill)
		s.ctx.SendAfter(killGrace, sessionMsg{op: opOverdue, channel: channel})
	} else {
		go channel.Abandon() // its end comes as any other; the other channels do not wait
	}
}

// giveUp ends a channel that is still joining, though the client has left.
func (s *session) giveUp(channel actor.PID) error {
	j := s.joins.of(channel)
	if j == nil || !j.overstays() {
		return nil
	}
	if s.renounce(j, Left) {
		return s.receiveAll(j.door.waiting)
	}
	s.overdue(channel)
	return nil
}

// unblock ends the channel behind which most is waiting, because nothing has been
// handled for a long time and so the client is not read any more: the others, and its
// heartbeats, are not to be held up for ever by a handler that does not return.
func (s *session) unblock() error {
	var worst *joined
	var most int64
	for j := range s.joins.channels.all {
		if n := j.behind(); n > most {
			worst, most = j, n
		}
	}
	if worst == nil {
		return nil
	}
	s.log().Error("channel does not handle its messages", "topic", worst.channel.topic, "waiting", most)
	if s.renounce(worst, Closed) { // it does not come back, and is not waited for
		return s.startInstead(worst)
	}
	s.overdue(worst.ref.PID())
	return nil
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

// HandleExit implements [actor.ExitHandler]: a channel has ended.
func (s *session) HandleExit(_ *actor.Context[sessionMsg], exit actor.Exit) error {
	j := s.joins.of(exit.From)
	switch {
	case j == nil:
		return nil
	case s.forgo(j): // it has ended before its client was back
		return s.startInstead(j)
	}
	s.transport.handled(j.channel.pending.Swap(settled))
	s.parted(j, exit.Reason)
	letIn := j.channel.hasJoined() && !j.channel.is(flagRefused)
	end := s.joins.ended(j, letIn, j.channel.is(flagWanted))
	if s.isGone() {
		return s.unlessEmpty()
	}
	if end.notice == joinCrashed || end.notice == channelError {
		s.endpoint.errors.Add(1)
	}
	if err := s.tell(j, end.notice, exit.Reason); err != nil {
		return err
	}
	if m := end.rejoin; m != nil {
		if err := s.start(*m); err != nil {
			return err
		}
	}
	return s.receiveAll(end.waiting)
}

// parted counts the end of a channel, and tells of it.
func (s *session) parted(j *joined, reason error) {
	if s.countOut(j) && s.observed() {
		s.emitApart(Ended{j.channel.topic, j.channel.route.pattern, s.id, reason})
	}
}

// countOut counts the end of a channel, the first time. It reports false if the client
// was not in.
func (s *session) countOut(j *joined) bool {
	if s.isElsewhere(j) || !j.channel.part() {
		return false
	}
	s.endpoint.channels.Add(-1)
	return true
}

// tell tells the client that a channel has ended.
func (s *session) tell(j *joined, n notice, why error) error {
	joinRef, topic := j.joinRef(), j.channel.topic
	end := wire.Message{JoinRef: joinRef, Ref: joinRef, Topic: topic}
	switch n {
	case joinCrashed:
		return s.refuse(wire.Message{JoinRef: joinRef, Ref: j.door.join, Topic: topic}, "join crashed")
	case channelClose:
		end.Event = wire.EventClose
	case channelError:
		end.Event = wire.EventError
		end.Payload = RawJSON([]byte(`{"reason":"channel_crash"}`))
		if why == Expired {
			end.Payload = RawJSON([]byte(`{"reason":"expired"}`))
		}
	default:
		return nil
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
		for j := range s.joins.channels.all {
			s.parted(j, cmp.Or(j.ref.PID().Err(), Closed)) // it may have been about to end anyway
		}
	}()
	var channels []actor.PID
	for j := range s.joins.channels.all {
		switch {
		case j.overstays() && s.renounce(j, Left), s.forgo(j):
		case s.closes(j):
			channels = append(channels, j.ref.PID())
		default:
			s.joins.channels.remove(j)
		}
	}
	ctx, cancel := context.WithTimeout(s.ctx, stopTimeout)
	defer cancel()
	actor.StopAll(ctx, channels, Closed, killGrace)
}
