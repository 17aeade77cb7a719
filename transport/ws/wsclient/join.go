package wsclient

import (
	"fmt"
	"time"

	"github.com/troupe-go/troupe/transport/ws/wire"
)

// All functions in this file are called with Client.mu held.

// startJoin makes the channel the client's for its topic, if it is not, and has the
// outcome of the present or the next attempt sent to w.
func (ch *Channel) startJoin(w chan joinOutcome) error {
	c := ch.client
	switch {
	case c.closed:
		return ErrClosed
	case ch.state == leaving || ch.state == closed:
		return ch.err()
	case ch.state == joined:
		w <- joinOutcome{reply: ch.reply}
		return nil
	}
	ch.waiters = append(ch.waiters, w)
	if ch.state != fresh {
		return nil
	}
	if old := c.channels[ch.topic]; old != nil {
		old.replace()
	}
	c.joins++
	ch.order = c.joins
	ch.state = errored
	c.channels[ch.topic] = ch
	if c.conn != nil {
		ch.attempt()
	}
	return nil
}

// replace ends the channel because another one joins its topic. The server is told, as
// the official client does: CLI-8.
func (ch *Channel) replace() {
	if ch.state == joining || ch.state == joined {
		ch.sendLeave()
	}
	ch.close(ErrReplaced)
}

// attempt sends a join. The join's ref is the ref of all that follows: JOIN-1.
func (ch *Channel) attempt() {
	c := ch.client
	ch.state = joining
	ch.joinRef = c.nextRef()
	c.send(outbound{
		Message: wire.Message{JoinRef: ch.joinRef, Ref: ch.joinRef, Topic: ch.topic, Event: wire.EventJoin},
		params:  ch.params,
	})
	ch.after(c.cfg.Timeout, func() { ch.abandon(ErrTimeout) })
}

// answered handles the answer to a join.
func (ch *Channel) answered(m wire.Received) {
	if m.Status != wire.StatusOK {
		ch.fail(&JoinError{Status: m.Status, Payload: m.Payload})
		return
	}
	ch.stopTimer()
	ch.state = joined
	ch.tries = 0
	ch.reply = m.Payload
	ch.awaitPosition()
	ch.resolve(joinOutcome{reply: m.Payload})
	ch.resumable(m.Payload)
	ch.client.notify(&ch.calls, ch.onJoin.with(m.Payload)...)
	ch.flush()
}

// abandon gives up a join that the server may yet be working on, or a channel that it
// has: the server is told to leave, so that the next join starts anew. CLI-5.
func (ch *Channel) abandon(reason error) {
	ch.sendLeave()
	ch.fail(reason)
}

func (ch *Channel) sendLeave() {
	ch.client.send(outbound{
		Message: wire.Message{JoinRef: ch.joinRef, Ref: ch.client.nextRef(), Topic: ch.topic, Event: wire.EventLeave},
	})
}

// fail puts the channel off until the next attempt.
func (ch *Channel) fail(reason error) {
	ch.interrupt(reason)
	ch.resolve(joinOutcome{err: reason})
	ch.tries++
	ch.attemptLater(ch.tries)
}

// attemptLater makes the next attempt after the delay that Config says. Its functions are
// asked without the lock, for they are the user's.
func (ch *Channel) attemptLater(tries int) {
	c := ch.client
	ch.stopTimer()
	set := ch.timerSet
	go func() {
		d := c.delay(c.cfg.RejoinDelay, defaultRejoinDelay, tries)
		c.mu.Lock()
		defer c.mu.Unlock()
		if ch.timerSet == set {
			ch.after(d, ch.attempt)
		}
	}()
}

// disconnected puts the channel off until there is a connection. That does not answer
// those who wait for a join.
func (ch *Channel) disconnected(reason error) {
	switch ch.state {
	case errored:
		ch.stopTimer()
	case joining, joined:
		ch.interrupt(reason)
	case leaving:
		ch.close(ErrLeft) // with the connection, for sure
	}
}

// interrupt ends what depends on the present join. From here on messages with its ref
// are outdated.
func (ch *Channel) interrupt(reason error) {
	ch.stopTimer()
	ch.state = errored
	ch.joinRef = ""
	ch.unqueue(reason)
	tell(ch, &ch.onError, fmt.Errorf("wsclient: channel %q: %w", ch.topic, reason))
}

// startLeave begins to leave, or ends the channel if the server need not confirm.
func (ch *Channel) startLeave() {
	c := ch.client
	switch ch.state {
	case closed, leaving:
	case joined:
		ch.state = leaving
		ch.leaveRef = c.nextRef()
		c.send(outbound{
			Message: wire.Message{JoinRef: ch.joinRef, Ref: ch.leaveRef, Topic: ch.topic, Event: wire.EventLeave},
		})
	case joining:
		ch.sendLeave()
		ch.close(ErrLeft)
	default:
		ch.close(ErrLeft)
	}
}

// close ends the channel.
func (ch *Channel) close(reason error) {
	ch.stopTimer()
	ch.state = closed
	ch.reason = reason
	ch.joinRef = ""
	if ch.client.channels[ch.topic] == ch {
		delete(ch.client.channels, ch.topic)
	}
	ch.giveUp(reason)
	ch.resolve(joinOutcome{err: reason})
	tell(ch, &ch.onClose, ch.closeError())
	close(ch.gone)
}

// resolve answers those who wait for a join.
func (ch *Channel) resolve(o joinOutcome) {
	for _, w := range ch.waiters {
		w <- o
	}
	ch.waiters = nil
}

// after has f called after d, in place of whatever was to be called. f, too, runs with
// the lock held.
func (ch *Channel) after(d time.Duration, f func()) {
	ch.stopTimer()
	set := ch.timerSet
	ch.timer = time.AfterFunc(d, func() {
		ch.client.mu.Lock()
		defer ch.client.mu.Unlock()
		if ch.timerSet == set {
			f()
		}
	})
}

func (ch *Channel) stopTimer() {
	ch.timerSet++
	if ch.timer != nil {
		ch.timer.Stop()
		ch.timer = nil
	}
}
