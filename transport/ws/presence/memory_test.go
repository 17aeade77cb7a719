package presence_test

import (
	"runtime"
	"testing"

	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/transport/ws/presence"
)

// The bounds are for what presence takes on the actor's own node, beside the actor.
func TestMemoryOfAPresence(t *testing.T) {
	if long.Race {
		t.Skip("the race detector takes memory of its own")
	}
	for _, test := range []struct {
		name         string
		topics, most int64
	}{{"in one topic", 1, 540}, {"in a topic of its own", 10_000, 900}} {
		t.Run(test.name, func(t *testing.T) {
			const n = 10_000
			sys := actortest.NewSystem(t)
			who, err := presence.Start(sys, presence.Config{})
			if err != nil {
				t.Fatal(err)
			}
			owners := crowd(t, sys, n, int(test.topics))
			before := heap()
			enter(t, who, owners)
			each := (heap() - before) / n
			t.Logf("%d bytes", each)
			if each > test.most {
				t.Errorf("a presence takes %d bytes, want at most %d", each, test.most)
			}
			runtime.KeepAlive(owners)
		})
	}
}
