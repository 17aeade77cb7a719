package registry_test

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/registry"
)

func add[K comparable](tb testing.TB, m *registry.Multi[K], key K, pid actor.PID, value any) {
	tb.Helper()
	if err := m.Register(key, pid, value); err != nil {
		tb.Fatal(err)
	}
}

func expectEntries[K comparable](tb testing.TB, m *registry.Multi[K], key K, want ...registry.Entry) {
	tb.Helper()
	if got := m.Entries(key); !slices.Equal(got, want) {
		tb.Errorf("entries under %v are %v, want %v", key, got, want)
	}
}

// T-92, REG-3, REG-8
func TestMultiUnregisterDropsAllEntriesOfTheActorUnderTheKey(t *testing.T) {
	sys := newSystem(t)
	var m registry.Multi[string]
	a, b := idle(t, sys).PID(), idle(t, sys).PID()
	add(t, &m, "k", a, 1)
	add(t, &m, "k", b, 2)
	add(t, &m, "k", a, 1)
	add(t, &m, "k", a, 3)
	add(t, &m, "other", a, nil)
	expectEntries(t, &m, "k",
		registry.Entry{PID: a, Value: 1}, registry.Entry{PID: b, Value: 2},
		registry.Entry{PID: a, Value: 1}, registry.Entry{PID: a, Value: 3})
	if got := m.Values("k", a); !slices.Equal(got, []any{1, 1, 3}) {
		t.Errorf("values: %v", got)
	}
	keys := m.Keys(a)
	slices.Sort(keys)
	if !slices.Equal(keys, []string{"k", "k", "k", "other"}) || m.Count() != 5 {
		t.Errorf("keys: %v, count %d", keys, m.Count())
	}

	m.Unregister("no such key", a)
	m.Unregister("k", actor.PID{})
	m.Unregister("other", b)
	m.Unregister("k", a)
	expectEntries(t, &m, "k", registry.Entry{PID: b, Value: 2})
	expectEntries(t, &m, "other", registry.Entry{PID: a})
	m.Unregister("k", a)
	m.Unregister("k", b)
	end(t, a)
	if m.Count() != 0 || m.Entries("k") != nil {
		t.Errorf("%d entries are left", m.Count())
	}
}

// REG-12: unregister_match
func TestMultiUnregisterFuncDropsWhatMatches(t *testing.T) {
	sys := newSystem(t)
	var m registry.Multi[string]
	a, b := idle(t, sys).PID(), idle(t, sys).PID()
	for i := range 6 {
		add(t, &m, "k", a, i)
		add(t, &m, "k", b, i)
	}
	add(t, &m, "other", a, 1)
	odd := func(v any) bool {
		if v == 5 {
			m.Unregister("other", a) // no lock is held
		}
		return v.(int)%2 == 1
	}
	m.UnregisterFunc("k", a, odd)
	m.UnregisterFunc("no such key", a, odd)
	if got := m.Values("k", a); !slices.Equal(got, []any{0, 2, 4}) {
		t.Errorf("values left: %v", got)
	}
	if got := len(m.Values("k", b)); got != 6 || m.Count() != 9 {
		t.Errorf("the other one has %d values of %d in all", got, m.Count())
	}
	// What goes while match runs is gone once.
	m.UnregisterFunc("k", a, func(any) bool { m.Unregister("k", a); return true })
	end(t, a)
	if m.Count() != 6 {
		t.Errorf("%d entries are left, want 6", m.Count())
	}
}

// The lists of key and holder are searched side by side; both may be the shorter.
func TestMultiUnregisterWhicheverListIsShorter(t *testing.T) {
	sys := newSystem(t)
	a, b := idle(t, sys).PID(), idle(t, sys).PID()
	for _, n := range []struct{ keys, others int }{{0, 0}, {0, 20}, {20, 0}, {20, 20}, {2, 1}, {1, 2}} {
		for round := range 3 {
			var m registry.Multi[int]
			for i := range n.others {
				add(t, &m, 0, b, i)
			}
			add(t, &m, 0, a, "first")
			for i := range n.keys {
				add(t, &m, i+1, a, i)
			}
			if round > 0 {
				add(t, &m, 0, b, "late")
				add(t, &m, 0, a, "second")
			}
			m.Unregister(0, a)
			if got := m.Values(0, a); got != nil {
				t.Errorf("%v: the values %v are left", n, got)
			}
			if got := len(m.Keys(a)); got != n.keys {
				t.Errorf("%v: %d keys are left", n, got)
			}
			if want, got := n.others+min(round, 1), len(m.Entries(0)); got != want {
				t.Errorf("%v: %d entries of others are left, want %d", n, got, want)
			}
			m.Unregister(0, b)
			for i := range n.keys {
				m.Unregister(i+1, a)
			}
			if m.Count() != 0 {
				t.Errorf("%v: %d entries are left", n, m.Count())
			}
		}
	}
}

// T-93, REG-9
func TestMultiDispatchRunsInTheCallerAndOnlyWithEntries(t *testing.T) {
	sys := newSystem(t)
	var m registry.Multi[string]
	a, b := idle(t, sys).PID(), idle(t, sys).PID()
	unexpected := func([]registry.Entry) { t.Error("called without entries") }
	m.Dispatch("k", unexpected)
	add(t, &m, "k", a, 1)
	add(t, &m, "k", b, 2)
	add(t, &m, "other", b, 3)
	calls := 0
	m.Dispatch("k", func(entries []registry.Entry) {
		calls++
		if !slices.Equal(entries, []registry.Entry{{PID: a, Value: 1}, {PID: b, Value: 2}}) {
			t.Errorf("entries: %v", entries)
		}
		m.Unregister("k", a) // no lock is held, and the list is a copy
		m.Dispatch("other", func(inner []registry.Entry) {
			if calls++; len(inner) != 1 || inner[0].Value != 3 || len(entries) != 2 || entries[1].Value != 2 {
				t.Errorf("entries: %v in %v", inner, entries)
			}
		})
	})
	if calls != 2 {
		t.Errorf("%d calls", calls)
	}
	end(t, b)
	m.Dispatch("k", unexpected)
}

func TestMultiHidesDoomedActorsAndRefusesThem(t *testing.T) {
	sys := newSystem(t)
	var m registry.Multi[string]
	stuck := idle(t, sys)
	running, release := make(chan struct{}), make(chan struct{})
	stuck.Send(func(*actor.Context[do]) error {
		close(running)
		<-release
		return nil
	})
	await(t, running)
	add(t, &m, "k", stuck.PID(), nil)
	stuck.PID().Exit(actor.Kill)
	expectEntries(t, &m, "k")
	m.Dispatch("k", func([]registry.Entry) { t.Error("a doomed actor is dispatched to") })
	for range m.All() {
		t.Error("All returns a doomed actor")
	}
	if err := m.Register("k", stuck.PID(), nil); !errors.Is(err, actor.NoProc) {
		t.Errorf("register: %v, want NoProc", err)
	}
	close(release)
	await(t, stuck.PID().Done())
	if n := m.Count(); n != 0 {
		t.Errorf("%d entries are left", n)
	}
	if err := m.Register("k", stuck.PID(), nil); !errors.Is(err, actor.NoProc) {
		t.Errorf("register: %v, want NoProc", err)
	}
}

func TestMultiAllReturnsEveryEntryOnce(t *testing.T) {
	sys := newSystem(t)
	var m registry.Multi[int]
	pid := idle(t, sys).PID()
	for i := range 600 {
		add(t, &m, i%200, pid, i)
	}
	seen := make(map[int]bool)
	last := make(map[int]int)
	for key, e := range m.All() {
		v := e.Value.(int)
		if seen[v] || v%200 != key || v < last[key] {
			t.Errorf("entry %d under %d", v, key)
		}
		seen[v], last[key] = true, v
	}
	if len(seen) != 600 {
		t.Errorf("%d entries", len(seen))
	}
	for range m.All() {
		break
	}
}

// Stronger than REG-5.
func TestMultiEntriesAreGoneBeforeAnybodyHearsOfTheEnd(t *testing.T) {
	sys := newSystem(t)
	var m registry.Multi[string]
	holder := idle(t, sys)
	for range 3 {
		add(t, &m, "k", holder.PID(), nil)
	}
	found := make(chan int, 1)
	watching := make(chan struct{})
	w := &script{down: func(actor.Down) { found <- m.Count() + len(m.Keys(holder.PID())) }}
	w.init = func(ctx *actor.Context[do]) error {
		ctx.Monitor(holder.PID())
		close(watching)
		return nil
	}
	if _, err := spawn(sys, w); err != nil {
		t.Fatal(err)
	}
	await(t, watching)
	holder.Send(func(*actor.Context[do]) error { return errors.New("crash") })
	if n := await(t, found); n != 0 {
		t.Errorf("at the DOWN there were %d entries", n)
	}
}

func TestMultiRacesWithDeathAndLeavesNothing(t *testing.T) {
	sys := newSystem(t)
	var m registry.Multi[int]
	for range 1000 {
		holder := idle(t, sys).PID()
		var racing sync.WaitGroup
		racing.Go(func() { holder.Exit(actor.Kill) })
		for i := range 4 {
			racing.Go(func() {
				for range 3 {
					if err := m.Register(i%2, holder, i); err != nil && !errors.Is(err, actor.NoProc) {
						t.Error(err)
					}
				}
				if i > 1 {
					m.Unregister(i%2, holder)
				}
			})
		}
		await(t, holder.Done())
		if n, keys := m.Count(), m.Keys(holder); n != 0 || keys != nil {
			t.Fatalf("the actor has ended, and %d entries and the keys %v are left", n, keys)
		}
		racing.Wait()
		if n := m.Count(); n != 0 {
			t.Fatalf("%d entries are left", n)
		}
	}
}

func TestDispatchDoesNotAllocate(t *testing.T) {
	if long.Race {
		t.Skip("the race detector allocates")
	}
	sys := newSystem(t)
	var m registry.Multi[string]
	for range 10 {
		add(t, &m, "k", idle(t, sys).PID(), nil)
	}
	n := 0
	f := func(entries []registry.Entry) { n += len(entries) }
	if allocs := testing.AllocsPerRun(100, func() { m.Dispatch("k", f) }); allocs > 0 {
		t.Errorf("Dispatch allocates %v times", allocs)
	}
}
