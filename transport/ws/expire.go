package ws

import (
	"errors"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
)

// StatusExpired is the code that a connection is closed with when its [Identity] has expired:
// "unauthorized" in the registry of WebSocket close codes. Phoenix clients reconnect upon it.
const StatusExpired websocket.StatusCode = 3000

var errExpired = errors.New("what the client connects with has expired")

// hasExpired reports whether the Identity does not hold any more.
func (i *Identity) hasExpired() bool { return !i.Expires.IsZero() && i.left() <= 0 }

// left returns for how long the Identity holds still, by the wall clock as expiries go by it. An
// Expires that was made of time.Now has a monotonic reading too, which says something else
// once the clock was set or the machine suspended.
func (i *Identity) left() time.Duration { return time.Until(i.Expires.Round(0)) }

// Expire ends the channel at a time of the wall clock, such as the end of the token that it
// was joined with; a zero time never does, and takes back what was set before. Nothing that is
// broadcast reaches the client then any more; the handler ends with [Expired], and the client
// is told of an error, so that it joins again: the official one calls the channel's params
// anew for that, if they are a function. It may be called in Join, and later on any goroutine.
func (c *Channel) Expire(at time.Time) {
	for l := (*line)(nil); l != c.line(); { // whose session is told, be it another one meanwhile
		l = c.line()
		l.endpoint.expiries.set(c.ctx.PID(), l.session, at)
	}
}

// awaitExpiry has the session told when its Identity expires, if it does; and, if that can be
// refreshed, first when it is time to ask the client for that.
func (s *session) awaitExpiry() {
	identity := s.identity()
	at := identity.Expires
	if s.socket.Refresh != nil && !at.IsZero() {
		at = at.Add(-min(identity.left()/2, refreshLead))
	}
	s.tellAt(at)
}

func (s *session) tellAt(at time.Time) { s.endpoint.expiries.set(s.ctx.PID(), s.ctx.Self(), at) }

// expired does what is to be done when what awaitExpiry or Channel.Expire has set has come.
func (s *session) expired(who actor.PID) error {
	if who != s.ctx.PID() {
		s.channelExpired(who)
		return nil
	}
	switch identity := s.identity(); {
	case !s.endpoint.expiries.take(who, func() bool { return true }): // it was refreshed meanwhile
		return nil
	case !identity.hasExpired():
		s.tellAt(identity.Expires)
		if s.socket.Refresh == nil { // the clock was set back just now
			return nil
		}
		return s.askToRefresh(identity.left())
	}
	return s.cutOff(StatusExpired, "expired")
}

// channelExpired ends a channel, unless it is another session's, which is told as well, or was
// given more time meanwhile.
func (s *session) channelExpired(channel actor.PID) {
	j := s.joins.of(channel)
	if !s.endpoint.expiries.take(channel, func() bool { return s.closes(j) }) {
		return
	}
	j.channel.mark(flagExpired)
	j.channel.hearNoMore()
	s.ctx.Exit(channel, Expired)
	s.ctx.SendAfter(stopTimeout, sessionMsg{op: opOverdue, channel: channel})
}
