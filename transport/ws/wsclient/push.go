package wsclient

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/troupe-go/troupe/transport/ws/wire"
)

// push is an event on its way to the server, and its reply. The fields but for done are
// guarded by Client.mu, until done is closed.
type push struct {
	ch      *Channel
	event   string
	payload Payload
	expires time.Time     // of a Send; a Push has its context
	done    chan struct{} // closed when there is an outcome; nil of a Send

	ref      string // while it is queued or sent; a Send has none
	joinRef  string // while it is queued
	finished bool
	reply    wire.Received
	err      error
}

// push queues an event, or has it wait for the join.
func (ch *Channel) push(event string, payload any, done chan struct{}) (*push, error) {
	if strings.HasPrefix(event, "phx_") { // the server would take it for a join or a leave
		return nil, errors.New("names that begin with phx_ are the protocol's own")
	}
	body, err := outgoing(payload)
	if err != nil {
		return nil, err
	}
	if body.IsBinary() && max(len(event), len(ch.topic)) > wire.MaxField {
		return nil, fmt.Errorf("event and topic of a binary push are limited to %d bytes", wire.MaxField)
	}
	c := ch.client
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := ch.err(); err != nil {
		return nil, err
	}
	if err := ch.makeRoom(); err != nil {
		return nil, err
	}
	p := &push{ch: ch, event: event, payload: body, done: done}
	if done == nil {
		p.expires = time.Now().Add(c.cfg.Timeout)
	}
	ch.unsent = append(ch.unsent, p)
	if ch.state == joined {
		p.queue()
	}
	return p, nil
}

// The functions below are called with Client.mu held.

// makeRoom makes sure that one push more may wait.
func (ch *Channel) makeRoom() error {
	if len(ch.unsent) < ch.client.cfg.PushLimit {
		return nil
	}
	ch.dropExpired()
	switch {
	case len(ch.unsent) < ch.client.cfg.PushLimit:
	case ch.client.cfg.PushOverflow == DropOldest:
		ch.client.finish(ch.unsent[0], wire.Received{}, ErrBufferFull)
	default:
		return ErrBufferFull
	}
	return nil
}

// dropExpired gives up each Send that has waited too long for a join.
func (ch *Channel) dropExpired() {
	now := time.Now()
	for _, p := range slices.Clone(ch.unsent) {
		if p.joinRef == "" && p.done == nil && !now.Before(p.expires) {
			ch.client.cfg.Logger.Debug("wsclient: send timed out", "topic", ch.topic, "event", p.event)
			ch.client.finish(p, wire.Received{}, ErrTimeout)
		}
	}
}

// flush queues what has waited for the join, in order: CLI-6.
func (ch *Channel) flush() {
	ch.dropExpired()
	for _, p := range ch.unsent {
		p.queue()
	}
}

// queue hands the push to the connection.
func (p *push) queue() {
	c := p.ch.client
	p.joinRef = p.ch.joinRef
	if p.done != nil {
		p.ref = c.nextRef()
		c.pending[p.ref] = p
	}
	c.send(outbound{
		Message: wire.Message{JoinRef: p.joinRef, Ref: p.ref, Topic: p.ch.topic, Event: p.event, Payload: p.payload},
		push:    p,
	})
}

// take reports whether the push, as it was queued for a join, is still to be sent; if
// so, it is about to be.
func (p *push) take(joinRef string) bool {
	if p.finished || p.joinRef != joinRef {
		return false
	}
	p.ch.removeUnsent(p)
	if p.done == nil {
		p.finished = true
	}
	return true
}

// finish gives a push its outcome, unless it has one.
func (c *Client) finish(p *push, reply wire.Received, err error) {
	if p.finished {
		return
	}
	p.finished, p.reply, p.err = true, reply, err
	delete(c.pending, p.ref)
	p.ch.removeUnsent(p)
	if p.done != nil {
		close(p.done)
	}
}

func (ch *Channel) removeUnsent(p *push) {
	switch i := slices.Index(ch.unsent, p); {
	case i == 0: // the usual case
		ch.unsent[0] = nil
		ch.unsent = ch.unsent[1:]
	case i > 0:
		ch.unsent = slices.Delete(ch.unsent, i, i+1)
	}
}

// unqueue has what is not sent yet wait for another join, and ends what is sent: its
// reply cannot come.
func (ch *Channel) unqueue(reason error) {
	for _, p := range ch.unsent {
		delete(ch.client.pending, p.ref)
		p.ref, p.joinRef = "", ""
	}
	for _, p := range ch.client.pending {
		if p.ch == ch {
			ch.client.finish(p, wire.Received{}, reason)
		}
	}
}

// giveUp ends all pushes. A Send that has been queued is still sent.
func (ch *Channel) giveUp(reason error) {
	for _, p := range slices.Clone(ch.unsent) {
		if p.done != nil || p.joinRef == "" {
			ch.client.finish(p, wire.Received{}, reason)
		}
	}
	for _, p := range ch.client.pending {
		if p.ch == ch {
			ch.client.finish(p, wire.Received{}, reason)
		}
	}
}
