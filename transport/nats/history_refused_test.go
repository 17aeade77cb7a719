package nats

import (
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Follow fails when the server refuses its subscription: it would hear of nothing.
func TestFollowFailsWhenItIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		options server.Options
		want    error
	}{
		"for want of a permission": {server.Options{Users: []*server.User{{
			Username: "a", Password: "a", Permissions: &server.Permissions{Subscribe: &server.SubjectPermission{Deny: []string{"troupe-history.on.*"}}},
		}}}, nats.ErrPermissionViolation},
		"by max_subscriptions": {server.Options{MaxSubs: 1}, nats.ErrMaxSubscriptionsExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			options := test.options
			options.Port = server.RANDOM_PORT
			s := startServerWith(t, &options)
			conn := connect(t, s, nats.UserInfo("a", "a"))
			if _, err := conn.SubscribeSync("own"); err != nil {
				t.Fatal(err)
			}
			h := &History{Conn: conn}
			stop, err := h.Follow(t.Context(), "a", make(deliveries))
			if !errors.Is(err, test.want) {
				t.Errorf("Follow: %v, want %v", err, test.want)
			}
			if stop != nil {
				stop()
			}
			if n := conn.NumSubscriptions(); n != 1 {
				t.Errorf("%d subscriptions are left, want 1", n)
			}
		})
	}
}

// What the server refuses of something else is no matter of a history's.
func TestFollowIsNotRefusedForSomethingElse(t *testing.T) {
	s := startServerWith(t, &server.Options{Port: server.RANDOM_PORT, Users: []*server.User{{
		Username: "a", Password: "a", Permissions: &server.Permissions{Subscribe: &server.SubjectPermission{Deny: []string{"secret"}}},
	}}})
	conn := connect(t, s, nats.UserInfo("a", "a"))
	if _, err := conn.SubscribeSync("secret"); err != nil {
		t.Fatal(err)
	}
	stop, err := (&History{Conn: conn}).Follow(t.Context(), "a", make(deliveries))
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if err := conn.LastError(); !errors.Is(err, nats.ErrPermissionViolation) {
		t.Errorf("nothing was refused: %v", err)
	}
}

// Topics may have any length, and each is its own.
func TestHistoriesOfLongTopics(t *testing.T) {
	h := &History{Conn: connect(t, startServer(t))}
	long := strings.Repeat("t", plainTopic)
	for _, topic := range []string{"", long, long + "a", long + "b", topicToken(long + "a")} {
		came := make(deliveries, 10)
		stop, err := h.Follow(t.Context(), topic, came)
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		if err := h.Append(t.Context(), topic, "", []byte("of "+topic)); err != nil {
			t.Fatal(err)
		}
		if r := await(t, came); string(r.Data) != "of "+topic {
			t.Errorf("a follower got %.20q of %d B", r.Data, len(r.Data))
		}
		span, err := h.Since(t.Context(), topic, 0, 10)
		if err != nil || len(span.Records) != 1 || string(span.Records[0].Data) != "of "+topic {
			t.Errorf("a topic of %d B has %d records (%v)", len(topic), len(span.Records), err)
		}
	}
}
