package registry_test

import (
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry"
)

// journal is a listener that remembers.
type journal[K comparable] struct {
	mu     sync.Mutex
	events []registry.Event[K]
}

func (j *journal[K]) listen(e registry.Event[K]) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, e)
}

func (j *journal[K]) expect(tb testing.TB, want ...registry.Event[K]) {
	tb.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	if !slices.Equal(j.events, want) {
		tb.Errorf("events: %v, want %v", j.events, want)
	}
	j.events = nil
}

type event = registry.Event[string]

// T-95, REG-11
func TestListenersHearOfRegistrationsAndTheirEnd(t *testing.T) {
	sys := newSystem(t)
	var r registry.Registry[string]
	var j journal[string]
	a, b := idle(t, sys).PID(), idle(t, sys).PID()
	register(t, &r, "before", a)
	stop := r.Observe(j.listen)

	if err := r.RegisterValue("k", a, 1); err != nil {
		t.Fatal(err)
	}
	j.expect(t, event{registry.Registered, "k", a, 1})
	_ = r.Register("k", b) // refused
	r.Unregister("k", b)
	j.expect(t)
	r.SetValue("k", a, 2)
	r.Unregister("k", a)
	j.expect(t, event{registry.Unregistered, "k", a, 2})
	register(t, &r, "k", b)
	end(t, b)
	j.expect(t, event{registry.Registered, "k", b, nil}, event{registry.Unregistered, "k", b, nil})

	stop()
	stop()
	register(t, &r, "k", a)
	r.Unregister("before", a)
	j.expect(t)
}

func TestListenersOfAMultiHearOfEachEntry(t *testing.T) {
	sys := newSystem(t)
	var m registry.Multi[string]
	var j journal[string]
	defer m.Observe(j.listen)()
	a := idle(t, sys).PID()
	add(t, &m, "k", a, 1)
	add(t, &m, "k", a, 2)
	m.Unregister("k", a)
	j.expect(t,
		event{registry.Registered, "k", a, 1}, event{registry.Registered, "k", a, 2},
		event{registry.Unregistered, "k", a, 1}, event{registry.Unregistered, "k", a, 2})
}

// The entry that makes way is told of before the one that comes.
func TestListenersHearOfADoomedHolderThatIsReplaced(t *testing.T) {
	sys := newSystem(t)
	var r registry.Registry[string]
	var j journal[string]
	stuck, next := idle(t, sys), idle(t, sys).PID()
	running, release := make(chan struct{}), make(chan struct{})
	stuck.Send(func(*actor.Context[do]) error {
		close(running)
		<-release
		return nil
	})
	await(t, running)
	register(t, &r, "k", stuck.PID())
	defer r.Observe(j.listen)()
	stuck.PID().Exit(actor.Kill)
	j.expect(t)
	register(t, &r, "k", next)
	close(release)
	await(t, stuck.PID().Done())
	j.expect(t, event{registry.Unregistered, "k", stuck.PID(), nil}, event{registry.Registered, "k", next, nil})
}

// A listener may do anything with the registry; what comes of that, it hears later.
func TestListenerMayUseTheRegistry(t *testing.T) {
	sys := newSystem(t)
	var r registry.Registry[string]
	a := idle(t, sys).PID()
	var kinds []registry.Kind
	var stop func()
	stop = r.Observe(func(e event) {
		kinds = append(kinds, e.Kind)
		if e.Kind == registry.Registered {
			expectHolder(t, &r, e.Key, a)
			r.Unregister(e.Key, a)
			if len(kinds) != 1 {
				t.Error("called within itself")
			}
		} else {
			stop()
			register(t, &r, e.Key, a)
		}
	})
	register(t, &r, "k", a)
	if !slices.Equal(kinds, []registry.Kind{registry.Registered, registry.Unregistered}) {
		t.Errorf("kinds: %v", kinds)
	}
	expectHolder(t, &r, "k", a)
}

func TestListenerThatPanicsIsTakenOff(t *testing.T) {
	sys := newSystem(t)
	var r registry.Registry[string]
	var j journal[string]
	calls := 0
	defer r.Observe(func(event) { calls++; panic("listener") })()
	defer r.Observe(j.listen)()
	a := idle(t, sys).PID()
	register(t, &r, "k", a)
	r.Unregister("k", a)
	if calls != 1 {
		t.Errorf("the listener that panics was called %d times", calls)
	}
	j.expect(t, event{registry.Registered, "k", a, nil}, event{registry.Unregistered, "k", a, nil})
}

func TestListenerThatEndsItsGoroutineHoldsUpNobody(t *testing.T) {
	sys := newSystem(t)
	var r registry.Registry[string]
	var j journal[string]
	a := idle(t, sys).PID()
	stop := r.Observe(func(event) { runtime.Goexit() })
	defer r.Observe(j.listen)()
	var caller sync.WaitGroup
	caller.Go(func() { _ = r.Register("k", a) })
	caller.Wait()
	stop()
	r.Unregister("k", a)
	j.expect(t, event{registry.Registered, "k", a, nil}, event{registry.Unregistered, "k", a, nil})
}

// REG-11: whatever the race, the events of a key are a history of it.
func TestEventsOfAKeyComeInTheOrderOfItsChanges(t *testing.T) {
	const contenders, rounds, keys = 8, 300, 2
	sys := newSystem(t)
	var r registry.Registry[int]
	var j journal[int]
	stop := r.Observe(j.listen)
	var racing sync.WaitGroup
	for c := range contenders {
		racing.Go(func() {
			me := idle(t, sys).PID()
			for i := range rounds {
				if r.Register(i%keys, me) != nil {
					continue
				}
				if (c+i)%3 == 0 {
					end(t, me)
					me = idle(t, sys).PID()
				} else {
					r.Unregister(i%keys, me)
				}
			}
		})
	}
	racing.Wait()
	stop()
	j.mu.Lock()
	defer j.mu.Unlock()
	holders := make(map[int]actor.PID)
	for i, e := range j.events {
		switch holder := holders[e.Key]; {
		case e.Kind == registry.Registered && holder.IsZero():
			holders[e.Key] = e.PID
		case e.Kind == registry.Unregistered && holder == e.PID:
			delete(holders, e.Key)
		default:
			t.Fatalf("event %d is %v, and the holder %v", i, e, holder)
		}
	}
	if len(holders) != 0 {
		t.Errorf("by the events, keys are left: %v", holders)
	}
}

func TestKindsHaveNames(t *testing.T) {
	for kind, want := range map[registry.Kind]string{
		registry.Registered: "registered", registry.Unregistered: "unregistered", 0: "unknown",
	} {
		if got := kind.String(); got != want {
			t.Errorf("kind %d is %q, want %q", kind, got, want)
		}
	}
}

// REG-8
func TestOnlyTheHolderSetsTheValue(t *testing.T) {
	sys := newSystem(t)
	var r registry.Registry[string]
	a, b := idle(t, sys).PID(), idle(t, sys).PID()
	if err := r.RegisterValue("k", a, 1); err != nil {
		t.Fatal(err)
	}
	if old, ok := r.SetValue("k", b, 2); ok || old != nil {
		t.Errorf("another one's value was set, from %v", old)
	}
	if _, ok := r.SetValue("no such key", a, 2); ok {
		t.Error("the value of no key was set")
	}
	if old, ok := r.SetValue("k", a, 3); !ok || old != 1 {
		t.Errorf("set: %v, %v, want 1", old, ok)
	}
	if e, _ := r.Get("k"); e != (registry.Entry{PID: a, Value: 3}) {
		t.Errorf("the entry is %v", e)
	}
}
