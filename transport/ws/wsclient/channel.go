package wsclient

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/troupe-go/troupe/transport/ws/wire"
)

// Channel is one topic as this client has joined it; [Client.Channel] makes it. It is
// the counterpart of Channel in the JavaScript client. Its methods may be called from
// any goroutine.
//
// A channel is joined once, with [Channel.Join], and from then on kept joined until it
// ends: by [Channel.Leave], by the server, by [Client.Close], or because another
// Channel of the client joins the same topic. It cannot be used again after that.
type Channel struct {
	client *Client
	topic  string
	params func() any
	gone   chan struct{} // closed at its end

	// All of these are guarded by Client.mu.
	state    state
	order    uint64
	reason   error // why it ended
	joinRef  string
	leaveRef string
	tries    int // to join, since the last success or connection
	timer    *time.Timer
	timerSet uint64 // counts timers, so that one that fires late is known
	reply    Payload
	waiters  []chan joinOutcome
	unsent   []*push // in order: not sent, or queued behind others
	calls    callbacks
	handlers map[string]*functions[Message]
	last     position // of the last message that has come, if the server records the topic
	token    string   // by which the client comes back, if the channel lingers
	got      string   // the ref of the last push that has come, if it has one
	onJoin   functions[Payload]
	onError  functions[error]
	onClose  functions[error]

	onRecovery functions[Recovery]
	onResume   functions[bool]
}

type state uint8

const (
	fresh   state = iota // Join was not called
	errored              // waits for a connection or for the next attempt
	joining
	joined
	leaving
	closed
)

// Topic returns the channel's topic.
func (ch *Channel) Topic() string { return ch.topic }

// On has f called with each event of that name, until off is called; several functions
// are called in the order in which they were given. Events are dropped for which there
// is no function yet, so On comes before Join. After off no call of f begins, not even
// for an event that has come before.
//
// JavaScript client: Channel.on, and off with a ref.
func (ch *Channel) On(event string, f func(Message)) (off func()) {
	ch.client.mu.Lock()
	handlers := ch.handlers[event]
	if handlers == nil {
		handlers = new(functions[Message])
		ch.handlers[event] = handlers
	}
	ch.client.mu.Unlock()
	return handlers.add(&ch.client.mu, f)
}

// Off takes off all functions that On was given for the event: none of their calls
// begins any more. It does nothing if there are none.
//
// JavaScript client: Channel.off without a ref.
func (ch *Channel) Off(event string) {
	ch.client.mu.Lock()
	defer ch.client.mu.Unlock()
	if handlers := ch.handlers[event]; handlers != nil {
		handlers.clear()
	}
}

// OnJoin has f called after each join, the first and those that follow an interruption,
// with the server's answer, until off is called. It is the place to catch up with what
// was missed.
//
// JavaScript client: Push.receive("ok") of Channel.join.
func (ch *Channel) OnJoin(f func(reply Payload)) (off func()) { return ch.onJoin.add(&ch.client.mu, f) }

// OnError has f called when the channel is interrupted, or an attempt to join has
// failed, until off is called. The error wraps [ErrCrashed], [ErrDisconnected],
// [ErrTimeout], [ErrOverrun], or a [*JoinError]. The client joins again; to prevent it,
// call [Channel.Leave].
//
// JavaScript client: Channel.onError.
func (ch *Channel) OnError(f func(error)) (off func()) { return ch.onError.add(&ch.client.mu, f) }

// OnClose has f called, once, when the channel has ended, unless off was called. The error
// is nil after Leave; otherwise it wraps [ErrStopped], [ErrReplaced] or [ErrClosed].
// Nothing else is called after it.
//
// JavaScript client: Channel.onClose.
func (ch *Channel) OnClose(f func(error)) (off func()) { return ch.onClose.add(&ch.client.mu, f) }

type joinOutcome struct {
	reply Payload
	err   error
}

// Join joins the topic and returns the server's answer. A channel that this client has
// on the topic is left. If the channel is joined, Join returns the last answer; if it
// is being joined, it waits.
//
// The error wraps a [*JoinError] if the server refuses, [ErrTimeout] if it does not
// answer within Config.Timeout or if there is no connection before ctx is done, and
// [ErrCrashed] if the join crashes on the server. After any of these the client goes
// on trying, as the JavaScript client does; a program that does not want that calls
// [Channel.Leave]. A context without a deadline gets Config.Timeout.
func (ch *Channel) Join(ctx context.Context) (Payload, error) {
	ctx, cancel := ch.client.withTimeout(ctx)
	defer cancel()
	outcome := make(chan joinOutcome, 1)
	ch.client.mu.Lock()
	err := ch.startJoin(outcome)
	ch.client.mu.Unlock()
	if err != nil {
		return Payload{}, fmt.Errorf("wsclient: join %q: %w", ch.topic, err)
	}
	var o joinOutcome
	select {
	case o = <-outcome:
	case <-ctx.Done():
		ch.client.mu.Lock()
		ch.waiters = slices.DeleteFunc(ch.waiters, func(w chan joinOutcome) bool { return w == outcome })
		ch.client.mu.Unlock()
		select {
		case o = <-outcome: // was faster
		default:
			o.err = failed(ctx)
		}
	}
	if o.err != nil {
		return Payload{}, fmt.Errorf("wsclient: join %q: %w", ch.topic, o.err)
	}
	return o.reply, nil
}

// withTimeout gives a context without a deadline the client's.
func (c *Client) withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.cfg.Timeout)
}

// Leave leaves the topic and ends the channel: nothing is sent or joined any more. What
// was pushed before and is on its way arrives first; what waits for a join is given
// up, with [ErrLeft]. It returns when the server has confirmed, or at once when there
// is nothing to confirm. If that takes too long, the error wraps [ErrTimeout] or the
// context's error; the channel has ended nevertheless. A context without a deadline
// gets Config.Timeout.
func (ch *Channel) Leave(ctx context.Context) error {
	ctx, cancel := ch.client.withTimeout(ctx)
	defer cancel()
	ch.client.mu.Lock()
	ch.startLeave()
	ch.client.mu.Unlock()
	select {
	case <-ch.gone:
		return nil
	case <-ctx.Done():
	}
	ch.client.mu.Lock()
	defer ch.client.mu.Unlock()
	if ch.state == closed { // in the meantime
		return nil
	}
	ch.close(ErrLeft)
	return fmt.Errorf("wsclient: leave %q: %w", ch.topic, failed(ctx))
}

// Push sends an event and returns the payload of the reply with status "ok". A reply
// with any other status is a [*ReplyError]. The payload may be anything that marshals
// to a JSON object, a [Payload], or nil for {}. Events that begin with phx_ are the
// protocol's own, and an error.
//
// While the channel is being joined, or waits to be joined again, the push waits too;
// such pushes are sent in order. If they are too many the error wraps [ErrBufferFull].
// A push that was sent when the channel or the connection fails, so that its reply
// cannot come, returns [ErrCrashed] or [ErrDisconnected] at once; the server may or
// may not have handled it. When ctx is done, Push returns [ErrTimeout] or the
// context's error, and is not sent if it was still waiting. A context without a
// deadline gets Config.Timeout.
func (ch *Channel) Push(ctx context.Context, event string, payload any) (Payload, error) {
	ctx, cancel := ch.client.withTimeout(ctx)
	defer cancel()
	p, err := ch.push(event, payload, make(chan struct{}))
	if err != nil {
		return Payload{}, fmt.Errorf("wsclient: push %q on %q: %w", event, ch.topic, err)
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		ch.client.mu.Lock()
		ch.client.finish(p, wire.Received{}, failed(ctx)) // unless the reply was faster
		ch.client.mu.Unlock()
	}
	err = p.err
	if err == nil && p.reply.Status != wire.StatusOK {
		err = &ReplyError{Status: p.reply.Status, Payload: p.reply.Payload}
	}
	if err != nil {
		return Payload{}, fmt.Errorf("wsclient: push %q on %q: %w", event, ch.topic, err)
	}
	return p.reply.Payload, nil
}

// Send is Push for events that need no reply: it asks for none and does not wait. It
// fails if the event cannot be sent at all; that it arrives is not promised. One that
// waits for a join longer than Config.Timeout is dropped.
func (ch *Channel) Send(event string, payload any) error {
	if _, err := ch.push(event, payload, nil); err != nil {
		return fmt.Errorf("wsclient: send %q on %q: %w", event, ch.topic, err)
	}
	return nil
}

// err returns why the channel cannot push, or nil.
func (ch *Channel) err() error {
	switch ch.state {
	case fresh:
		return ErrNotJoined
	case leaving:
		return ErrLeft
	case closed:
		return ch.reason
	}
	return nil
}

// receive handles a message that belongs to the present join, or to none: then it is a
// broadcast, or the answer to something that the server had no channel for.
func (ch *Channel) receive(m wire.Received) {
	switch m.Event {
	case wire.EventReply:
		ch.replied(m)
	case wire.EventClose:
		if ch.state == leaving {
			ch.close(ErrLeft)
		} else {
			ch.close(ErrStopped)
		}
	case wire.EventError:
		if ch.state == leaving {
			ch.close(ErrLeft)
		} else {
			ch.fail(ErrCrashed)
		}
	default:
		ch.event(m)
	}
}

// replied handles an answer: to the join, to the leave, or to a push.
func (ch *Channel) replied(m wire.Received) {
	switch m.Ref {
	case "":
	case ch.joinRef:
		if ch.state == joining {
			ch.answered(m)
		}
	case ch.leaveRef:
		ch.close(ErrLeft)
	default:
		if p := ch.client.pending[m.Ref]; p != nil && p.ch == ch {
			ch.client.finish(p, m, nil)
		}
	}
}

// event queues the functions for an event. Broadcasts may come before the answer to
// the join, since the server subscribes first: JOIN-7.
func (ch *Channel) event(m wire.Received) {
	handlers := ch.handlers[m.Event]
	if ch.state != joining && ch.state != joined || !ch.passes(m) {
		return
	}
	if handlers == nil || len(handlers.list) == 0 {
		ch.passed(m)
		return
	}
	if len(ch.calls.waiting) >= ch.client.cfg.EventLimit {
		ch.abandon(ErrOverrun)
		return
	}
	ch.passed(m)
	ch.client.enqueue(&ch.calls, callback{calls: handlers.with(Message{m.Event, m.Payload, ch.joinRef})})
}

// tell queues the calls that tell of a change of state.
func tell[T any](ch *Channel, fs *functions[T], v T) {
	ch.client.notify(&ch.calls, fs.with(v)...)
}

// closeError is what OnClose is told.
func (ch *Channel) closeError() error {
	if errors.Is(ch.reason, ErrLeft) {
		return nil
	}
	return fmt.Errorf("wsclient: channel %q: %w", ch.topic, ch.reason)
}
