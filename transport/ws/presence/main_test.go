package presence_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/ws/presence"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bubble runs a test in virtual time.
func bubble(t *testing.T, f func(t *testing.T)) { synctest.Test(t, f) }

// watched is a tracker whose diffs are noted.
type watched struct {
	*presence.Tracker
	t          *testing.T
	sys        *actor.System
	membership actor.PID // of the cluster; zero if there is none

	mu    sync.Mutex
	diffs []string
}

// start starts a tracker in a bubble, on a system of its own.
func start(t *testing.T, cfg presence.Config) *watched {
	t.Helper()
	w := &watched{t: t, sys: actortest.NewSystem(t)}
	if cfg.OnDiff == nil {
		cfg.OnDiff = w.note
	}
	w.membership = run(t, w.sys, cfg.Cluster)
	var err error
	if w.Tracker, err = presence.Start(w.sys, cfg); err != nil {
		t.Fatal(err)
	}
	return w
}

// run makes this node a member of the cluster, if there is one.
func run(tb testing.TB, sys *actor.System, c *pubsub.Cluster) actor.PID {
	tb.Helper()
	if c == nil {
		return actor.PID{}
	}
	ref, err := actor.Spawn(sys, c.Behavior)
	if err != nil {
		tb.Fatal(err)
	}
	return ref.PID()
}

func (w *watched) note(d presence.Diff) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.diffs = append(w.diffs, fmt.Sprintf("%s+%s-%s", d.Topic, keys(d.Joins), keys(d.Leaves)))
}

// keys shows entries: their keys, and how many metas each has.
func keys(entries map[string]presence.Entry) string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		all = append(all, key+strings.Repeat("*", len(entries[key].Metas)))
	}
	return "[" + strings.Join(all, " ") + "]"
}

// expect checks the diffs since the last time, and that nothing else is under way.
func (w *watched) expect(want ...string) {
	w.t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.diffs, want) {
		w.t.Errorf("diffs: %q\nwant   %q", w.diffs, want)
	}
	w.diffs = nil
}

// forget drops the diffs so far.
func (w *watched) forget() {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.diffs = nil
}

// present checks who is in a topic.
func (w *watched) present(topic, want string) {
	w.t.Helper()
	synctest.Wait()
	list, err := w.List(context.Background(), topic)
	if got := keys(list); err != nil || got != want {
		w.t.Errorf("in %q: %s, %v; want %s", topic, got, err, want)
	}
}

// ref returns the ref of a key's only presence.
func (w *watched) ref(topic, key string) string {
	w.t.Helper()
	entry, err := w.Get(context.Background(), topic, key)
	if err != nil || len(entry.Metas) != 1 {
		w.t.Fatalf("%q in %q: %+v, %v", key, topic, entry, err)
	}
	return entry.Metas[0].Ref
}

// member is an actor that does nothing.
func (w *watched) member(topic string) presence.Owner {
	w.t.Helper()
	ref, err := actor.Spawn(w.sys, actor.Func(func(*actor.Context[int], int) error { return nil }))
	if err != nil {
		w.t.Fatal(err)
	}
	return presence.Actor(ref.PID(), topic)
}

func (w *watched) track(o presence.Owner, key string) (ref string) {
	w.t.Helper()
	ref, err := w.Track(o, key, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return ref
}

func (w *watched) shutdown() {
	w.t.Helper()
	if err := w.Shutdown(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	if !w.membership.IsZero() {
		if err := w.membership.Stop(w.t.Context(), actor.Normal); err != nil {
			w.t.Fatal(err)
		}
	}
}

type meta struct {
	Status string `json:"status"`
	N      int    `json:"n,omitempty"`
}
