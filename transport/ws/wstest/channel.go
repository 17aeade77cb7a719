package wstest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// Channel is a topic that a client has joined. It is used like the [Client].
type Channel struct {
	*member
	t       testing.TB
	timeout time.Duration
}

// member is what copies of a Channel share.
type member struct {
	conn       *connection
	topic      string
	joinRef    string
	ref        ws.Ref
	broadcasts *Topic
	expected   bool // the crash, if there is one
	errored    bool // phx_error has been taken
}

// Ref stands for a message that was pushed and may be answered. It is a reference of the
// protocol, as in [wire.Message].
type Ref string

// Within returns the same channel with another timeout.
func (ch *Channel) Within(timeout time.Duration) *Channel {
	return &Channel{ch.member, ch.t, timeout}
}

// For returns the same channel for another test, such as a subtest: it is the one that
// fails then.
func (ch *Channel) For(t testing.TB) *Channel { return &Channel{ch.member, t, ch.timeout} }

// Topic returns the channel's topic.
func (ch *Channel) Topic() string { return ch.topic }

// Ref returns the address of the channel, for messages to its HandleInfo.
func (ch *Channel) Ref() ws.Ref { return ch.ref }

// PID returns the channel's actor.
func (ch *Channel) PID() actor.PID { return ch.ref.PID() }

// Inspect calls f with the channel's handler, between two of its calls: to look at its
// state. The handler must not be kept.
func (ch *Channel) Inspect(f func(ws.Handler)) {
	ch.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := ch.PID().Inspect(ctx, func(behavior any) {
		f(behavior.(interface{ Handler() ws.Handler }).Handler())
	})
	if err != nil {
		ch.t.Fatalf("wstest: channel %q: inspect: %v", ch.topic, err)
	}
}

// Push pushes an event, as the client does, and does not wait. The payload is anything
// that marshals to JSON, a [ws.Payload], or nil for {}.
func (ch *Channel) Push(event string, payload any) Ref {
	ch.t.Helper()
	return ch.conn.send(ch.t, wire.Message{JoinRef: ch.joinRef, Topic: ch.topic, Event: event}, payload)
}

// Leave leaves the channel. It does not wait: the answer has status "ok", and then
// comes the close; see [Channel.AssertClose].
func (ch *Channel) Leave() Ref {
	ch.t.Helper()
	return ch.Push(wire.EventLeave, nil)
}

// BroadcastFrom broadcasts an event as another client would. The channel's HandleOut
// or its client gets it; the assertions about broadcasts do not.
func (ch *Channel) BroadcastFrom(event string, payload any) {
	ch.t.Helper()
	if err := ch.conn.endpoint.BroadcastFrom(ch.conn.session, ch.topic, event, payload); err != nil {
		ch.t.Fatalf("wstest: channel %q: %v", ch.topic, err)
	}
}

// AssertReply waits for the reply to a message, which must have this status.
func (ch *Channel) AssertReply(ref Ref, status string, want ...any) ws.Payload {
	ch.t.Helper()
	m, ok := ch.await(func(m wire.Received) bool { return isReply(m, ref, status, want) })
	if !ok {
		ch.fail("no reply with status %q%s to message %s came", status, showWant(want), wire.RefText(string(ref)))
	}
	return m.Payload
}

// RefuteReply makes sure that no reply to a message comes that has this status and
// matches; an empty status stands for all.
func (ch *Channel) RefuteReply(ref Ref, status string, want ...any) {
	ch.t.Helper()
	if m, came := ch.refute(func(m wire.Received) bool { return isReply(m, ref, status, want) }); came {
		ch.fail("there is a reply to message %s: %s", wire.RefText(string(ref)), show(m))
	}
}

func isReply(m wire.Received, ref Ref, status string, want []any) bool {
	return m.Event == wire.EventReply && m.Ref == string(ref) && (status == "" || m.Status == status) && matches(want, m)
}

// AssertPush waits for an event that the client gets: one that the channel pushes, or
// a broadcast on its topic that is not intercepted.
func (ch *Channel) AssertPush(event string, want ...any) ws.Payload {
	ch.t.Helper()
	m, ok := ch.await(func(m wire.Received) bool { return ch.isPush(m, event, want) })
	if !ok {
		ch.fail("no push %q%s came", event, showWant(want))
	}
	return m.Payload
}

// RefutePush makes sure that the client gets no such event.
func (ch *Channel) RefutePush(event string, want ...any) {
	ch.t.Helper()
	if m, came := ch.refute(func(m wire.Received) bool { return ch.isPush(m, event, want) }); came {
		ch.fail("a push came: %s", show(m))
	}
}

// isPush tells an event from what the protocol sends itself, which has the ref of a message
// of the client's: a number.
func (ch *Channel) isPush(m wire.Received, event string, want []any) bool {
	return m.Event == event && (m.Ref == "" || isPlace(wire.RefText(m.Ref))) && (m.JoinRef == "" || m.JoinRef == ch.joinRef) && matches(want, m)
}

// isPlace reports whether a ref is the position of a recorded broadcast, or the number of a push
// to a client that counts them; see the Linger of [ws.Route].
func isPlace(ref string) bool {
	_, err := ws.ParsePosition(ref)
	return err == nil || strings.HasPrefix(ref, "~")
}

// AssertBroadcast waits for an event to be broadcast on the topic, by anyone.
func (ch *Channel) AssertBroadcast(event string, want ...any) ws.Payload {
	ch.t.Helper()
	return ch.topicNow().AssertBroadcast(event, want...)
}

// RefuteBroadcast makes sure that no such event is broadcast on the topic.
func (ch *Channel) RefuteBroadcast(event string, want ...any) {
	ch.t.Helper()
	ch.topicNow().RefuteBroadcast(event, want...)
}

// topicNow returns the channel's topic, with its test and timeout.
func (ch *Channel) topicNow() *Topic { return ch.broadcasts.For(ch.t).Within(ch.timeout) }

// AssertClose waits for the channel to end in good order, because the client has left
// or has joined anew, or because the handler stops it. By then Terminate has run.
func (ch *Channel) AssertClose() {
	ch.t.Helper()
	if _, ok := ch.await(func(m wire.Received) bool { return ch.isEnd(m, wire.EventClose) }); !ok {
		ch.fail("the channel was not closed")
	}
}

// AssertCrash waits for the channel to crash, and returns why: what the handler has
// returned, or an [*actor.PanicError]. The crash does not fail the test then. A channel
// that something else ends, whatever the reason, has crashed to its client. One that lingers can
// crash when its client is closed, as when its Resumed panics for the client that comes back.
func (ch *Channel) AssertCrash() error {
	ch.t.Helper()
	if _, ok := ch.await(func(m wire.Received) bool { return ch.isEnd(m, wire.EventError) }); !ok && !(ch.conn.over() && ch.crashed() != nil) {
		ch.fail("the channel did not crash")
	}
	ch.errored, ch.expected = true, true
	if reason := ch.crashed(); reason != nil {
		return reason
	}
	return ch.PID().Err()
}

func (ch *member) isEnd(m wire.Received, event string) bool {
	return m.Event == event && m.JoinRef == ch.joinRef
}

// errCrashed stands for the reason of a crash that came too early to be known.
var errCrashed = errors.New("the reason is in the log")

// crashed returns why the channel has crashed, or nil if it has not.
func (ch *member) crashed() error {
	if ch.ref == (ws.Ref{}) {
		told := ch.conn.inbox.Has(func(m wire.Received) bool { return ch.isEnd(m, wire.EventError) })
		if ch.errored || told {
			return errCrashed
		}
		return nil
	}
	if reason := ch.ref.PID().Err(); reason != nil && !actor.IsClean(reason) {
		return reason
	}
	return nil
}

func (ch *Channel) await(match func(wire.Received) bool) (wire.Received, bool) {
	return ch.conn.await(&ch.conn.inbox, ch.topic, ch.timeout, ch.onTopic(match))
}

func (ch *Channel) refute(match func(wire.Received) bool) (wire.Received, bool) {
	return ch.conn.refute(&ch.conn.inbox, ch.topic, ch.timeout, ch.onTopic(match))
}

func (ch *Channel) onTopic(match func(wire.Received) bool) func(wire.Received) bool {
	return func(m wire.Received) bool { return m.Topic == ch.topic && match(m) }
}

// fail fails the test, and tells what did come.
func (ch *Channel) fail(format string, args ...any) {
	ch.t.Helper()
	account := account(&ch.conn.inbox)
	if reason := ch.crashed(); reason != nil {
		account += "\nthe channel has crashed: " + reason.Error()
	}
	ch.t.Fatalf("wstest: channel %q: "+format+"\n%s", append(append([]any{ch.topic}, args...), account)...)
}
