package wstest

import (
	"testing"
	"time"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/internal/wire"
)

// Topic is what is broadcast on a topic, from the moment at which the test subscribed
// to it; see [Client.Subscribe].
type Topic struct {
	conn    *connection
	name    string
	inbox   *inbox
	timeout time.Duration
}

// Within returns the same topic with another timeout.
func (s *Topic) Within(timeout time.Duration) *Topic {
	return &Topic{s.conn, s.name, s.inbox, timeout}
}

// AssertBroadcast waits for an event to be broadcast on the topic, by whomever.
func (s *Topic) AssertBroadcast(t testing.TB, event string, want ...any) ws.Payload {
	t.Helper()
	m, ok := s.conn.await(s.inbox, s.name, s.timeout, isEvent(event, want))
	if !ok {
		t.Fatalf("wstest: topic %q: no broadcast %q%s came\n%s", s.name, event, showWant(want), s.inbox.account())
	}
	return payloadOf(m)
}

// RefuteBroadcast makes sure that no such event is broadcast on the topic.
func (s *Topic) RefuteBroadcast(t testing.TB, event string, want ...any) {
	t.Helper()
	if m, came := s.conn.refute(s.inbox, s.name, s.timeout, isEvent(event, want)); came {
		t.Fatalf("wstest: topic %q: a broadcast came: %s\n%s", s.name, show(m), s.inbox.account())
	}
}

func isEvent(event string, want []any) func(wire.Message) bool {
	return func(m wire.Message) bool { return m.Event == event && matches(want, m) }
}
