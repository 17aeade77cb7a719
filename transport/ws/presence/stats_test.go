package presence_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/ws/presence"
)

func TestStatsCountThoseWhoArePresent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := start(t, presence.Config{PoolSize: 3})
		expect := func(want presence.Stats) {
			t.Helper()
			if got := w.Stats(); got != want {
				t.Errorf("figures %+v, want %+v", got, want)
			}
		}
		expect(presence.Stats{})
		a, b := w.member("a"), w.member("b")
		w.track(a, "ann")
		w.track(a, "bob")
		w.track(b, "ann")
		expect(presence.Stats{Topics: 2, Presences: 3, Joins: 3})
		if _, err := w.Update(a, "ann", meta{Status: "away"}); err != nil {
			t.Fatal(err)
		}
		expect(presence.Stats{Topics: 2, Presences: 3, Joins: 4, Leaves: 1})
		w.UntrackAll(a)
		expect(presence.Stats{Topics: 1, Presences: 1, Joins: 4, Leaves: 3})
		if err := b.PID().Stop(context.Background(), nil); err != nil {
			t.Fatal(err)
		}
		expect(presence.Stats{Joins: 4, Leaves: 4})
		w.shutdown()
		expect(presence.Stats{})
	})
}

// Another node's presences count as far as they are known here, and are forgotten with it.
func TestStatsCountTheOtherNodes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var hub pubsub.Hub
		here := start(t, presence.Config{Cluster: pubsub.NewCluster(hub.Node("here")), PermDownOnShutdown: true})
		there := start(t, presence.Config{Cluster: pubsub.NewCluster(hub.Node("there")), PermDownOnShutdown: true})
		there.track(there.member("a"), "ann")
		here.track(here.member("a"), "bob")
		time.Sleep(soon)
		if got, want := here.Stats(), (presence.Stats{Topics: 1, Presences: 2, Joins: 2}); got != want {
			t.Errorf("figures %+v, want %+v", got, want)
		}
		there.shutdown()
		time.Sleep(soon)
		if got, want := here.Stats(), (presence.Stats{Topics: 1, Presences: 1, Joins: 2, Leaves: 1}); got != want {
			t.Errorf("figures %+v when the other node has ended, want %+v", got, want)
		}
		here.shutdown()
	})
}

func TestKeysAreListedUnderAFilter(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := start(t, presence.Config{Fetch: func(context.Context, string, map[string]presence.Entry) (map[string]any, error) {
			panic("it is not for this")
		}})
		for i := range 200 {
			w.track(w.member("a"), fmt.Sprintf("user:%03d", i))
		}
		w.track(w.member("a"), "user:042") // by another device
		w.track(w.member("b"), "user:0420")
		for _, c := range []struct {
			filter string
			limit  int
			want   []presence.KeyCount
			total  int
		}{
			{"", 2, []presence.KeyCount{{"user:000", 1}, {"user:001", 1}}, 200},
			{"42", 10, []presence.KeyCount{{"user:042", 2}, {"user:142", 1}}, 2},
			{"42", 1, []presence.KeyCount{{"user:042", 2}}, 2},
			{"42", 0, nil, 2},
			{"", -1, nil, 200},
			{"bob", 10, nil, 0},
		} {
			if got, total := w.Keys("a", c.filter, c.limit); !slices.Equal(got, c.want) || total != c.total {
				t.Errorf("%d keys with %q: %v, %d in all; want %v, %d", c.limit, c.filter, got, total, c.want, c.total)
			}
		}
		if got, total := w.Keys("nobody's", "", 10); got != nil || total != 0 {
			t.Errorf("in a topic with nobody are %v, %d", got, total)
		}
		w.shutdown()
		if got, total := w.Keys("a", "", 10); got != nil || total != 0 {
			t.Errorf("a tracker that is down lists %v, %d", got, total)
		}
	})
}
