package ws_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/history"
	"github.com/troupe-go/troupe/transport/ws/history/historytest"
)

// rewound is a store that is brought back from a backup, and written on: from then on it is another
// one, with the same epoch.
type rewound struct {
	before, since historytest.Store
	back          atomic.Bool
}

func (s *rewound) now() *historytest.Store {
	if s.back.Load() {
		return &s.since
	}
	return &s.before
}

func (s *rewound) Append(ctx context.Context, topic, key string, data []byte) error {
	return s.now().Append(ctx, topic, key, data)
}

func (s *rewound) Since(ctx context.Context, topic string, after uint64, limit int) (history.Span, error) {
	span, err := s.now().Since(ctx, topic, after, limit)
	span.Epoch = "e"
	return span, err
}

func (s *rewound) Follow(ctx context.Context, topic string, f history.Follower) (func(), error) {
	stop, err := s.before.Follow(ctx, topic, f)
	return stop, err
}

// elsewhere has other topics take places.
func (s *rewound) elsewhere(t *testing.T, places int) {
	t.Helper()
	for range places {
		if err := s.Append(t.Context(), "room:b", "", nil); err != nil {
			t.Fatal(err)
		}
	}
}

// A store that was rolled back has for a topic what it had not, in a place that counted as read:
// also if the topic had nothing yet.
func TestATopicThatWasEmptyIsRolledBackAndWrittenOn(t *testing.T) {
	store := new(rewound)
	store.elsewhere(t, 3)
	a := serveStored(t, "a", new(pubsub.Hub), store)
	c := a.connect(t)
	start := c.joinSince("null")
	if start.ref != "@e:3" {
		t.Fatalf("told of %v", start)
	}
	store.back.Store(true)
	store.elsewhere(t, 1)
	a.news(t, 1, 1)
	store.elsewhere(t, 3)
	store.before.Recheck("room:a")
	c.expect(`["1","1","room:a","phx_error",{"reason":"channel_crash"}]`)
	c.told(start.ref, toldIncomplete)
}

// What a store has that was rolled back is there, though positions of before are no good.
func TestTheLogOfAStoreThatWasRolledBackIsThere(t *testing.T) {
	store := new(rewound)
	a := serveStored(t, "a", new(pubsub.Hub), store)
	c := a.connect(t)
	c.joinSince("null")
	a.news(t, 1, 3)
	last := c.hears(`news 1 {"n":1}`, `news 2 {"n":2}`, `news 3 {"n":3}`)
	store.back.Store(true)
	a.news(t, 4, 5)
	store.before.Recheck("room:a")
	c.expect(`["1","1","room:a","phx_error",{"reason":"channel_crash"}]`)
	c.told(last.ref, toldIncomplete)
	log, err := a.Recorded(t.Context(), "room:a", ws.Position{}, 10)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(log.From, log.To, len(log.Messages)); !strings.HasPrefix(got, "@e:0 @e:2 2") {
		t.Errorf("the log is from, to, with messages: %s", got)
	}
	if stale, _ := a.Recorded(t.Context(), "room:a", ws.Position{Epoch: "e", Offset: 1}, 10); stale.Complete {
		t.Error("complete behind a position of before")
	}
}
