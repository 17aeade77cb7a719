package pubsub_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// heap returns the bytes in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what the first one moved out of pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// The bounds are for what the topics take. What an actor takes to own something
// at all is the actor's: the owners here have had their first subscription.
func TestMemoryOfASubscription(t *testing.T) {
	if long.Race {
		t.Skip("the race detector takes memory of its own")
	}
	const n = 100_000
	topics := make([]string, n)
	for i := range topics {
		topics[i] = fmt.Sprintf("user_socket:%08d", i)
	}
	tests := []struct {
		name  string
		topic func(i int) string
		limit int64 // bytes for each subscription
	}{
		{"on a topic of its own", func(i int) string { return topics[i] }, 300},
		{"on a topic with ten", func(i int) string { return topics[i/10] }, 150},
		{"on a topic with 100,000", func(int) string { return "all" }, 150},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			sys := newSystem(t)
			var ps pubsub.PubSub[string]
			in := new(inbox)
			pids := owners(t, sys, n)
			for _, pid := range pids {
				subscribe(t, &ps, pid, "first", in)
				ps.Unsubscribe(pid, "first")
			}
			before := heap()
			for i, pid := range pids {
				subscribe(t, &ps, pid, test.topic(i), in)
			}
			each := (heap() - before) / n
			t.Logf("%d bytes", each)
			if each > test.limit {
				t.Errorf("a subscription takes %d bytes, want at most %d", each, test.limit)
			}
			for i, pid := range pids {
				ps.Unsubscribe(pid, test.topic(i))
			}
			if left := (heap() - before) / n; left > 1 {
				t.Errorf("%d bytes for each subscription stay behind", left)
			}
			expectEmpty(t, &ps)
			runtime.KeepAlive(pids)
		})
	}
}

func TestTopicThatShrinksGivesItsIndexBack(t *testing.T) {
	if long.Race {
		t.Skip("the race detector takes memory of its own")
	}
	const n = 10_000
	sys := newSystem(t)
	var ps pubsub.PubSub[string]
	in := new(inbox)
	pids := owners(t, sys, n)
	for _, pid := range pids {
		subscribe(t, &ps, pid, "first", in)
		ps.Unsubscribe(pid, "first")
	}
	before := heap()
	for _, pid := range pids {
		subscribe(t, &ps, pid, "t", in)
	}
	for _, pid := range pids[1:] {
		ps.Unsubscribe(pid, "t")
	}
	if left := (heap() - before) / n; left > 1 {
		t.Errorf("%d bytes for each that has left stay behind", left)
	}
	runtime.KeepAlive(pids)
}

func TestBroadcastDoesNotAllocate(t *testing.T) {
	if long.Race {
		t.Skip("the race detector allocates")
	}
	sys := newSystem(t)
	for _, test := range []struct {
		subscribers int
		allocs      float64
	}{{0, 0}, {1, 0}, {64, 0}, {1000, 1}} {
		var ps pubsub.PubSub[string]
		for range test.subscribers {
			subscribe(t, &ps, idle(t, sys), "t", deliver(func(string, string) {}))
		}
		got := testing.AllocsPerRun(100, func() {
			ps.Broadcast("t", "x")
			ps.BroadcastFrom(actor.PID{}, "t", "x")
		})
		if got != 2*test.allocs {
			t.Errorf("two broadcasts to %d allocate %v times, want %v", test.subscribers, got, 2*test.allocs)
		}
	}
}

func TestSubscribingAllocatesLittle(t *testing.T) {
	if long.Race {
		t.Skip("the race detector allocates")
	}
	const limit = 2
	var ps pubsub.PubSub[string]
	in := new(inbox)
	sys := newSystem(t)
	subscribe(t, &ps, idle(t, sys), "t", in)
	owner := idle(t, sys)
	subscribe(t, &ps, owner, "another", in)
	allocs := testing.AllocsPerRun(1000, func() {
		subscribe(t, &ps, owner, "t", in)
		ps.Unsubscribe(owner, "t")
	})
	t.Log(allocs)
	if allocs > limit {
		t.Errorf("%v allocations, want at most %d", allocs, limit)
	}
}
