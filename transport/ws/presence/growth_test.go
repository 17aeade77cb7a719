package presence_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/transport/ws/presence"
)

// hordes are many presences that have something in common: owner(i) and key(i) are
// those of one.
var hordes = []struct {
	name       string
	topics     int // of the owners
	owners     func(n int) int
	key, topic func(i int) string
}{
	{"many owners of one key", 1, func(n int) int { return n }, one("ann"), one("room:0")},
	{"many keys of one owner", 1, func(int) int { return 1 }, numbered("user:"), one("room:0")},
	{"many topics of one owner", 1, func(int) int { return 1 }, one("ann"), numbered("room:")},
	{"many owners and keys", 1, func(n int) int { return n }, numbered("user:"), one("room:0")},
}

func one(s string) func(int) string { return func(int) string { return s } }
func numbered(prefix string) func(int) string {
	return func(i int) string { return fmt.Sprint(prefix, i) }
}

// pass has n presences of a horde come, change and go, one by one, and in the end the
// rest of them at once.
func pass(t testing.TB, who *presence.Tracker, owners []presence.Owner, n int, key, topic func(int) string) {
	owner := func(i int) presence.Owner { return presence.Actor(owners[i%len(owners)].PID(), topic(i)) }
	for i := range n {
		if _, err := who.Track(owner(i), key(i), seen{}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		if _, err := who.Update(owner(i), key(i), seen{1}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n / 2 {
		who.Untrack(owner(i*2), key(i*2))
	}
	for i := range n {
		who.UntrackAll(owner(i))
	}
}

// What is done under a shard's lock grows with the number of presences, not with
// its square, whatever they have in common. All that takes longer for many than for
// few copies, so it is told by the bytes that are allocated. The teller is kept from
// working, whose diffs must grow: with OnDiff each has all metas of its keys.
func TestWorkGrowsWithTheNumberOfPresences(t *testing.T) {
	if long.Race {
		t.Skip("the race detector allocates, too")
	}
	const few, times = 250, 8
	for _, h := range hordes {
		for _, watched := range []bool{false, true} {
			t.Run(fmt.Sprint(h.name, ", OnDiff: ", watched), func(t *testing.T) {
				cost := func(n int) uint64 {
					sys := actortest.NewSystem(t)
					held := make(chan struct{})
					var cfg presence.Config
					if watched {
						cfg.OnDiff = func(presence.Diff) { <-held }
					}
					who, err := presence.Start(sys, cfg)
					if err != nil {
						t.Fatal(err)
					}
					owners := crowd(t, sys, h.owners(n), h.topics)
					var before, after runtime.MemStats
					runtime.ReadMemStats(&before)
					pass(t, who, owners, n, h.key, h.topic)
					runtime.ReadMemStats(&after)
					close(held)
					if err := who.Shutdown(t.Context()); err != nil {
						t.Fatal(err)
					}
					return after.TotalAlloc - before.TotalAlloc
				}
				cost(few) // what is made once
				a, b := cost(few), cost(few*times)
				t.Logf("%d bytes for each of %d, %d for each of %d", a/few, few, b/few/times, few*times)
				if b > 2*times*a {
					t.Errorf("%d times as many presences cost %d times as much", times, b/a)
				}
			})
		}
	}
}
