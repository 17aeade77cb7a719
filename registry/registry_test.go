package registry_test

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry"
)

func register[K comparable](tb testing.TB, r *registry.Registry[K], key K, pid actor.PID) {
	tb.Helper()
	if err := r.Register(key, pid); err != nil {
		tb.Fatal(err)
	}
}

// expectHolder checks who has a key; the zero PID is nobody.
func expectHolder[K comparable](tb testing.TB, r *registry.Registry[K], key K, want actor.PID) {
	tb.Helper()
	got, ok := r.WhereIs(key)
	if got != want || ok == want.IsZero() {
		tb.Errorf("key %v is registered: %v, to %v, want %v", key, ok, got, want)
	}
}

func expectEmpty[K comparable](tb testing.TB, r *registry.Registry[K]) {
	tb.Helper()
	if n := r.Count(); n != 0 {
		tb.Errorf("%d keys are left", n)
	}
	for key, e := range r.All() {
		tb.Errorf("key %v is left to %v", key, e.PID)
	}
}

// REG-1: whether a key has one holder or many is the registry's kind.
func TestKeysAreUniqueInARegistryAndSharedInAMulti(t *testing.T) {
	sys := newSystem(t)
	var r registry.Registry[string]
	var m registry.Multi[string]
	for i, pid := range []actor.PID{idle(t, sys).PID(), idle(t, sys).PID()} {
		if err := r.RegisterValue("k", pid, i); (err == nil) != (i == 0) {
			t.Errorf("registration %d under a unique key: %v", i, err)
		}
		add(t, &m, "k", pid, i)
	}
	if n, shared := r.Count(), len(m.Entries("k")); n != 1 || shared != 2 {
		t.Errorf("the unique key has %d holders, the shared one %d", n, shared)
	}
}

// REG-6, T-94, T-97, as far as they apply: a registry is no process, so that it
// cannot crash, and nobody is linked with it.
func TestRegisteringLinksNobody(t *testing.T) {
	sys := newSystem(t)
	var r registry.Registry[string]
	pid := idle(t, sys).PID()
	register(t, &r, "k", pid)
	if info, ok := pid.Info(); !ok || len(info.Links)+len(info.Monitors)+len(info.MonitoredBy) > 0 {
		t.Errorf("a holder is tied to others: %+v", info)
	}
	if n := sys.Count(); n != 1 {
		t.Errorf("there are %d actors, want the holder only", n)
	}
}

// T-90, REG-2: a key that is taken, be it by the one who asks.
func TestTakenKeyIsRefusedWithItsHolder(t *testing.T) {
	sys := newSystem(t)
	var r registry.Registry[string]
	holder, other := idle(t, sys).PID(), idle(t, sys).PID()
	register(t, &r, "k", holder)
	for _, pid := range []actor.PID{other, holder} {
		var taken *registry.TakenError
		if err := r.Register("k", pid); !errors.As(err, &taken) {
			t.Fatalf("register: %v, want a TakenError", err)
		}
		if taken.Holder != holder || taken.Key != "k" {
			t.Errorf("holder of %v is %v, want %v", taken.Key, taken.Holder, holder)
		}
	}
	expectHolder(t, &r, "k", holder)
	end(t, other) // which gave up what it did not get
	expectHolder(t, &r, "k", holder)
}

// T-91, REG-2, REG-4: a holder that is doomed keeps its key from nobody, though its
// handler still runs and its clean-up has not happened.
func TestKeyOfADoomedHolderCanBeTakenAtOnce(t *testing.T) {
	sys := newSystem(t)
	var r registry.Registry[string]
	stuck := idle(t, sys)
	running, release := make(chan struct{}), make(chan struct{})
	stuck.Send(func(*actor.Context[do]) error {
		close(running)
		<-release
		return nil
	})
	await(t, running)
	register(t, &r, "a", stuck.PID())
	register(t, &r, "b", stuck.PID())
	stuck.PID().Exit(actor.Kill)

	expectHolder(t, &r, "a", actor.PID{})
	if keys := r.Keys(stuck.PID()); len(keys) != 2 {
		t.Errorf("a doomed actor's keys are %v", keys)
	}
	if err := r.Register("c", stuck.PID()); !errors.Is(err, actor.NoProc) {
		t.Errorf("a doomed actor registers: %v, want NoProc", err)
	}
	for key := range r.All() {
		t.Errorf("All returns the doomed actor's key %v", key)
	}
	successor := idle(t, sys).PID()
	register(t, &r, "a", successor)
	expectHolder(t, &r, "a", successor)
	if keys := r.Keys(stuck.PID()); !slices.Equal(keys, []string{"b"}) {
		t.Errorf("the doomed actor's keys are %v, want b", keys)
	}

	close(release)
	await(t, stuck.PID().Done())
	expectHolder(t, &r, "a", successor) // the clean-up of the old one leaves it alone
	expectHolder(t, &r, "b", actor.PID{})
	if n := r.Count(); n != 1 {
		t.Errorf("%d keys are taken, want 1", n)
	}
}

// REG-8: only the holder can unregister, and an absent key is no error.
func TestUnregisterTakesTheHoldersKeyOnly(t *testing.T) {
	sys := newSystem(t)
	var r registry.Registry[string]
	holder, other := idle(t, sys).PID(), idle(t, sys).PID()
	register(t, &r, "k", holder)
	r.Unregister("k", other)
	r.Unregister("no such key", holder)
	r.Unregister("k", actor.PID{})
	expectHolder(t, &r, "k", holder)
	r.Unregister("k", holder)
	expectEmpty(t, &r)
	register(t, &r, "k", other)
	end(t, holder) // does not own the key any more
	expectHolder(t, &r, "k", other)
}

func TestDeadActorsCannotRegister(t *testing.T) {
	sys := newSystem(t)
	var r registry.Registry[string]
	dead := idle(t, sys).PID()
	end(t, dead)
	for _, pid := range []actor.PID{dead, {}} {
		if err := r.Register("k", pid); !errors.Is(err, actor.NoProc) {
			t.Errorf("register %v: %v, want NoProc", pid, err)
		}
	}
	expectEmpty(t, &r)
}

// REG-4, REG-12: what can be read.
func TestKeysCountAndAll(t *testing.T) {
	sys := newSystem(t)
	var r registry.Registry[int]
	a, b := idle(t, sys).PID(), idle(t, sys).PID()
	const n = 500
	want := make(map[int]registry.Entry)
	for i := range n {
		pid := a
		if i%5 == 0 {
			pid = b
		}
		if err := r.RegisterValue(i, pid, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
		want[i] = registry.Entry{PID: pid, Value: fmt.Sprint(i)}
	}
	check := func() {
		t.Helper()
		if got := maps.Collect(r.All()); !maps.Equal(got, want) || r.Count() != len(want) {
			t.Errorf("%d entries, count %d, want %d", len(got), r.Count(), len(want))
		}
		for _, pid := range []actor.PID{a, b} {
			keys := r.Keys(pid)
			slices.Sort(keys)
			var mine []int
			for i := range n {
				if want[i].PID == pid {
					mine = append(mine, i)
				}
			}
			if !slices.Equal(keys, mine) {
				t.Errorf("%v has %d keys, want %d", pid, len(keys), len(mine))
			}
		}
	}
	check()
	if e, ok := r.Get(7); !ok || e.Value != "7" || e.PID != a {
		t.Errorf("entry 7 is %v", e)
	}
	if e, ok := r.Get(n); ok || e != (registry.Entry{}) {
		t.Errorf("entry %d is %v", n, e)
	}

	// First, middle and last of a holder's.
	for _, i := range []int{1, 252, 499, 0, 250, 495} {
		r.Unregister(i, want[i].PID)
		delete(want, i)
	}
	check()
	for range r.All() {
		break
	}
	// The loop's body may change the registry.
	for i, e := range r.All() {
		r.Unregister(i, e.PID)
		delete(want, i)
		if len(want) == 100 {
			break
		}
	}
	check()
	end(t, a)
	maps.DeleteFunc(want, func(_ int, e registry.Entry) bool { return e.PID == a })
	check()
}

// REG-7, as far as Go's == goes.
func TestKeysOfAnyComparableType(t *testing.T) {
	sys := newSystem(t)
	type point struct {
		x, y int
		name string
	}
	var points registry.Registry[point]
	register(t, &points, point{1, 2, "a"}, idle(t, sys).PID())
	register(t, &points, point{1, 2, "b"}, idle(t, sys).PID())
	expectHolder(t, &points, point{1, 2, "c"}, actor.PID{})

	var mixed registry.Registry[any]
	one, float := idle(t, sys).PID(), idle(t, sys).PID()
	register[any](t, &mixed, 1, one)
	register[any](t, &mixed, 1.0, float)
	expectHolder[any](t, &mixed, 1, one)
	expectHolder[any](t, &mixed, 1.0, float)
}

// REG-12
func TestSelectReturnsWhatMatches(t *testing.T) {
	sys := newSystem(t)
	var r registry.Registry[int]
	var m registry.Multi[int]
	pid := idle(t, sys).PID()
	for i := range 100 {
		if err := r.RegisterValue(i, pid, i%7); err != nil {
			t.Fatal(err)
		}
		add(t, &m, i, pid, i%7)
	}
	match := func(key int, e registry.Entry) bool {
		return key >= 50 && e.Value == 3 && e.PID == pid
	}
	for name, selected := range map[string]iter.Seq2[int, registry.Entry]{
		"unique": r.Select(match), "shared": m.Select(match),
	} {
		keys := slices.Sorted(maps.Keys(maps.Collect(selected)))
		if want := []int{52, 59, 66, 73, 80, 87, 94}; !slices.Equal(keys, want) {
			t.Errorf("%s: selected %v, want %v", name, keys, want)
		}
		for range selected {
			break
		}
	}
}

// A key that does not equal itself: nobody finds it, and it goes with its holder.
func TestKeyThatDoesNotEqualItselfGoesWithItsHolder(t *testing.T) {
	sys := newSystem(t)
	var r registry.Registry[float64]
	pid := idle(t, sys).PID()
	for range 100 {
		register(t, &r, math.NaN(), pid)
	}
	expectHolder(t, &r, math.NaN(), actor.PID{})
	end(t, pid)
	expectEmpty(t, &r)
}

// Stronger than REG-5: an actor that hears of the end finds the keys free, and can take
// them.
func TestKeysAreFreeBeforeAnybodyHearsOfTheEnd(t *testing.T) {
	sys := newSystem(t)
	var r registry.Registry[string]
	holder := idle(t, sys)
	keys := []string{"a", "b", "c"}
	for _, key := range keys {
		register(t, &r, key, holder.PID())
	}
	type finding struct {
		count int
		errs  []error
	}
	found := make(chan finding, 1)
	watching := make(chan struct{})
	w := &script{}
	w.init = func(ctx *actor.Context[do]) error {
		ctx.Monitor(holder.PID())
		w.down = func(actor.Down) {
			f := finding{count: r.Count() + len(r.Keys(holder.PID()))}
			for _, key := range keys {
				f.errs = append(f.errs, r.Register(key, ctx.PID()))
			}
			found <- f
		}
		close(watching)
		return nil
	}
	if _, err := spawn(sys, w); err != nil {
		t.Fatal(err)
	}
	await(t, watching)
	holder.Send(func(*actor.Context[do]) error { return errors.New("crash") })
	f := await(t, found)
	if f.count != 0 || errors.Join(f.errs...) != nil {
		t.Errorf("at the DOWN there were %d entries, and taking them over: %v", f.count, f.errs)
	}
}

// Whichever wins, nothing is left of the dead, and Register says so.
func TestRegisterRacesWithDeath(t *testing.T) {
	sys := newSystem(t)
	var r registry.Registry[int]
	for range 2000 {
		holder := idle(t, sys).PID()
		var racing sync.WaitGroup
		racing.Go(func() { holder.Exit(actor.Kill) })
		for i := range 3 {
			racing.Go(func() {
				var taken *registry.TakenError
				err := r.Register(i%2, holder)
				if err != nil && !errors.Is(err, actor.NoProc) && !errors.As(err, &taken) {
					t.Error(err)
				}
				if i == 2 {
					r.Unregister(0, holder)
				}
			})
		}
		await(t, holder.Done())
		// Also while a Register is still on its way.
		if n, keys := r.Count(), r.Keys(holder); n != 0 || keys != nil {
			t.Fatalf("the actor has ended, and %d entries and the keys %v are left", n, keys)
		}
		racing.Wait()
		expectEmpty(t, &r)
	}
}

// REG-2: of many who want a key, one has it at a time; that one is found, and its
// death makes way.
func TestOneHolderAtATimeWhateverTheRace(t *testing.T) {
	const contenders, rounds = 8, 300
	sys := newSystem(t)
	var r registry.Registry[string]
	var holding sync.Mutex // the holder of the key finds it free
	var racing sync.WaitGroup
	for c := range contenders {
		racing.Go(func() {
			me := idle(t, sys).PID()
			for round := range rounds {
				err := r.Register("k", me)
				var taken *registry.TakenError
				if errors.As(err, &taken) {
					if taken.Holder == me {
						t.Error("the key is mine already")
					}
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if !holding.TryLock() {
					t.Error("two hold the key")
					return
				}
				if pid, ok := r.WhereIs("k"); !ok || pid != me {
					t.Errorf("the key belongs to %v, want %v", pid, me)
				}
				holding.Unlock()
				if (c+round)%2 == 0 {
					r.Unregister("k", me)
				} else {
					end(t, me)
					me = idle(t, sys).PID()
				}
			}
		})
	}
	racing.Wait()
	expectEmpty(t, &r)
}
