package wstest

import (
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// Topic is what is broadcast on a topic, from the moment at which the test subscribed
// to it; see [Client.Subscribe].
type Topic struct {
	conn    *connection
	name    string
	inbox   *actortest.Inbox[wire.Received]
	t       testing.TB
	timeout time.Duration
}

// Within returns the same topic with another timeout.
func (s *Topic) Within(timeout time.Duration) *Topic {
	return &Topic{s.conn, s.name, s.inbox, s.t, timeout}
}

// For returns the same topic for another test, such as a subtest: it is the one that
// fails then.
func (s *Topic) For(t testing.TB) *Topic {
	return &Topic{s.conn, s.name, s.inbox, t, s.timeout}
}

// AssertBroadcast waits for an event to be broadcast on the topic, by anyone.
func (s *Topic) AssertBroadcast(event string, want ...any) ws.Payload {
	s.t.Helper()
	m, ok := s.conn.await(s.inbox, s.name, s.timeout, isEvent(event, want))
	if !ok {
		s.t.Fatalf("wstest: topic %q: no broadcast %q%s came\n%s", s.name, event, showWant(want), account(s.inbox))
	}
	return m.Payload
}

// RefuteBroadcast makes sure that no such event is broadcast on the topic.
func (s *Topic) RefuteBroadcast(event string, want ...any) {
	s.t.Helper()
	if m, came := s.conn.refute(s.inbox, s.name, s.timeout, isEvent(event, want)); came {
		s.t.Fatalf("wstest: topic %q: a broadcast came: %s\n%s", s.name, show(m), account(s.inbox))
	}
}

func isEvent(event string, want []any) func(wire.Received) bool {
	return func(m wire.Received) bool { return m.Event == event && matches(want, m) }
}
