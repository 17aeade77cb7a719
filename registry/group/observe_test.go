package group_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/group"
)

// journal is a monitor's memory.
type journal struct {
	mu     sync.Mutex
	events []group.Event[string]
}

func (j *journal) tell(e group.Event[string]) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, e)
}

type event struct {
	kind  group.Kind
	group string
	pids  []actor.PID
}

func (j *journal) expect(tb testing.TB, want ...event) {
	tb.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	if !slices.EqualFunc(j.events, want, func(e group.Event[string], w event) bool {
		return e.Kind == w.kind && e.Group == w.group && slices.Equal(pidsOf(e.Members), w.pids)
	}) {
		tb.Errorf("events: %v, want %v", j.events, want)
	}
	j.events = nil
}

func only(pids ...actor.PID) []actor.PID { return pids }

// PG-5
func TestObserverTellsTheMembersAndThenTheChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // so that no change goes on for want of time
		sys := newSystem(t)
		var s group.Set[string]
		var j journal
		a, b := idle(t, sys).PID(), idle(t, sys).PID()
		join(t, &s, "g", a)
		join(t, &s, "g", a)
		m := s.Observe("g", j.tell)
		j.expect(t, event{group.Members, "g", only(a, a)})
		join(t, &s, "g", b)
		join(t, &s, "other", b)
		leave(t, &s, "g", a)
		end(t, b)
		j.expect(t,
			event{group.Joined, "g", only(b)}, event{group.Left, "g", only(a)}, event{group.Left, "g", only(b)})
		m.Stop()
		m.Stop()
		leave(t, &s, "g", a)
		j.expect(t)

		defer s.Observe("empty", j.tell).Stop()
		j.expect(t, event{group.Members, "empty", nil})
	})
}

// PG-5
func TestObserveAllTellsOfEveryGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // so that no change goes on for want of time
		sys := newSystem(t)
		var s group.Set[string]
		var j journal
		a := idle(t, sys).PID()
		join(t, &s, "g", a)
		m := s.ObserveAll(j.tell)
		j.expect(t, event{group.Members, "g", only(a)})
		join(t, &s, "h", a)
		j.expect(t, event{group.Joined, "h", only(a)})
		leave(t, &s, "g", a)
		j.expect(t, event{group.Left, "g", only(a)})
		m.Stop()
		leave(t, &s, "h", a)
		j.expect(t)
	})
}

// PG-5: whenever a monitor comes, what it is told adds up, step by step.
func TestObserverMissesNothingAndHearsNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // so that no change goes on for want of time
		const actors, rounds, monitors = 4, 200, 20
		sys := newSystem(t)
		var s group.Set[string]
		names := []string{"g", "h"}
		var racing sync.WaitGroup
		for range actors {
			racing.Go(func() {
				me := idle(t, sys).PID()
				for i := range rounds {
					join(t, &s, names[i%2], me)
					join(t, &s, names[i%2], me)
					if i%7 == 0 {
						end(t, me)
						me = idle(t, sys).PID()
					} else if err := s.Leave(names[i%2], me); err != nil {
						t.Error(err)
					}
				}
			})
		}
		journals := make([]journal, 2*monitors)
		var watching []*group.Observer
		for i := range monitors {
			watching = append(watching, s.Observe("g", journals[2*i].tell), s.ObserveAll(journals[2*i+1].tell))
		}
		racing.Wait()
		for _, m := range watching {
			m.Stop()
		}
		for i := range journals {
			members := map[string][]actor.PID{}
			for n, e := range journals[i].events {
				_, known := members[e.Group]
				switch e.Kind {
				case group.Members:
					if known {
						t.Fatalf("journal %d, event %d: members told twice or late", i, n)
					}
					members[e.Group] = pidsOf(e.Members)
				case group.Joined:
					members[e.Group] = append(members[e.Group], pidsOf(e.Members)...)
				case group.Left:
					at := slices.Index(members[e.Group], e.Members[0].PID())
					if at < 0 {
						t.Fatalf("journal %d, event %d: %v left %s but was not there", i, n, e.Members, e.Group)
					}
					members[e.Group] = slices.Delete(members[e.Group], at, at+1)
				}
			}
			for _, g := range names[:1+i%2] {
				if got, want := members[g], s.LocalMembers(g); !slices.Equal(got, want) {
					t.Errorf("journal %d: members of %s are %v, want %v", i, g, got, want)
				}
			}
		}
	})
}

func TestObserveToSendsToTheActorAndEndsWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // so that no change goes on for want of time
		sys := newSystem(t)
		var s group.Set[string]
		a, watcher := idle(t, sys).PID(), idle(t, sys)
		join(t, &s, "g", a)
		got := make(chan group.Event[string], 10)
		wrapped := 0
		wrap := func(e group.Event[string]) do {
			wrapped++
			return func(*actor.Context[do]) error {
				got <- e
				return nil
			}
		}
		if _, err := group.ObserveTo(&s, "g", watcher, wrap); err != nil {
			t.Fatal(err)
		}
		if _, err := group.ObserveAllTo(&s, watcher, wrap); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if e := await(t, got); e.Kind != group.Members || !slices.Equal(pidsOf(e.Members), only(a)) || e.Stale() {
				t.Errorf("event: %v", e)
			}
		}
		leave(t, &s, "g", a)
		for range 2 {
			if e := await(t, got); e.Kind != group.Left || !slices.Equal(pidsOf(e.Members), only(a)) {
				t.Errorf("event: %v", e)
			}
		}
		end(t, watcher.PID())
		join(t, &s, "g", a)
		if wrapped != 4 {
			t.Errorf("%d events, want 4", wrapped)
		}
		if _, err := group.ObserveTo(&s, "g", watcher, wrap); !errors.Is(err, actor.NoProc) {
			t.Errorf("a dead actor monitors: %v, want NoProc", err)
		}
		if _, err := group.ObserveAllTo(&s, watcher, wrap); !errors.Is(err, actor.NoProc) {
			t.Errorf("a dead actor monitors: %v, want NoProc", err)
		}
	})
}

// PG-5: the flush of a demonitor.
func TestEventsOfAStoppedObserverAreStale(t *testing.T) {
	sys := newSystem(t)
	var s group.Set[string]
	watcher := idle(t, sys)
	running, release := make(chan struct{}), make(chan struct{})
	watcher.Send(func(*actor.Context[do]) error {
		close(running)
		<-release
		return nil
	})
	await(t, running)
	stale := make(chan bool, 1)
	m, err := group.ObserveTo(&s, "g", watcher, func(e group.Event[string]) do {
		return func(*actor.Context[do]) error {
			stale <- e.Stale()
			return nil
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	m.Stop()
	close(release)
	if !await(t, stale) {
		t.Error("an event of a stopped monitor is not stale")
	}
}

func TestObserverThatPanicsIsTakenOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // so that no change goes on for want of time
		sys := newSystem(t)
		var s group.Set[string]
		var j journal
		a := idle(t, sys).PID()
		join(t, &s, "g", a)
		calls := 0
		bad := func(group.Event[string]) { calls++; panic("monitor") }
		defer s.Observe("g", bad).Stop()
		defer s.ObserveAll(bad).Stop()
		defer s.Observe("g", j.tell).Stop()
		leave(t, &s, "g", a)
		if calls != 2 {
			t.Errorf("%d calls of monitors that panic, want 2", calls)
		}
		j.expect(t, event{group.Members, "g", only(a)}, event{group.Left, "g", only(a)})
	})
}

func TestKindsHaveNames(t *testing.T) {
	for kind, want := range map[group.Kind]string{
		group.Members: "members", group.Joined: "joined", group.Left: "left", 0: "unknown",
	} {
		if got := kind.String(); got != want {
			t.Errorf("kind %d is %q, want %q", kind, got, want)
		}
	}
}
