package group_test

import (
	"errors"
	"io/fs"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/group"
)

// A monitor that fails, at its first event or at a later one, is stopped. It costs
// neither members nor other monitors anything; an actor's own costs the actor, which
// must not go on without it.
func TestFaultOfAnObserverCostsTheObserver(t *testing.T) {
	var typedNil *fs.PathError
	for name, fault := range map[string]func(held chan struct{}){
		"panic":  func(chan struct{}) { panic(typedNil) }, // whose text cannot be had
		"Goexit": func(chan struct{}) { runtime.Goexit() },
		"block":  func(held chan struct{}) { <-held },
	} {
		for _, kind := range []group.Kind{group.Members, group.Joined, group.Left} {
			t.Run(name+" when told of "+kind.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					held := make(chan struct{})
					defer close(held)
					sys := newSystem(t)
					var s group.Set[string]
					var j journal
					a, watcher, other := idle(t, sys).PID(), idle(t, sys), idle(t, sys)
					bad := func(e group.Event[string]) {
						if e.Kind == kind {
							fault(held)
						}
					}
					wrap := func(e group.Event[string]) do {
						bad(e)
						return func(*actor.Context[do]) error { return nil }
					}
					defer s.Observe("g", bad).Stop()
					defer s.ObserveAll(bad).Stop()
					if _, err := group.ObserveTo(&s, "g", watcher, wrap); err != nil && !errors.Is(err, actor.NoProc) {
						t.Error(err)
					}
					if _, err := group.ObserveAllTo(&s, other, wrap); err != nil && !errors.Is(err, actor.NoProc) {
						t.Error(err)
					}
					m := s.Observe("g", j.tell)

					var innocent sync.WaitGroup
					returned := false
					innocent.Go(func() {
						join(t, &s, "g", a)
						end(t, a)
						returned = true
					})
					innocent.Wait()
					if !returned {
						t.Error("the one that joined is gone")
					}
					time.Sleep(time.Minute) // far more than a monitor that blocks may take
					j.expect(t, event{group.Members, "g", nil}, event{group.Joined, "g", only(a)}, event{group.Left, "g", only(a)})
					m.Stop()
					for _, pid := range []actor.PID{watcher.PID(), other.PID()} {
						if pid == other.PID() && kind == group.Members {
							continue // there was no group to tell of
						}
						await(t, pid.Done())
						var crash *actor.PanicError
						if err := pid.Err(); errors.As(err, &crash) != (name == "panic") || (err == actor.Goexit) != (name == "Goexit") {
							t.Errorf("an actor whose own monitor failed ended with %v", err)
						}
					}
				})
			})
		}
	}
}

// What is nil is refused where it is given, not when it is needed.
func TestNilCallbacksAreRefusedAtOnce(t *testing.T) {
	sys := newSystem(t)
	var s group.Set[string]
	watcher := idle(t, sys)
	for name, give := range map[string]func(){
		"Observe":      func() { s.Observe("g", nil) },
		"ObserveAll":   func() { s.ObserveAll(nil) },
		"ObserveTo":    func() { _, _ = group.ObserveTo[do](&s, "g", watcher, nil) },
		"ObserveAllTo": func() { _, _ = group.ObserveAllTo[do](&s, watcher, nil) },
	} {
		func() {
			defer func() {
				if text, ok := recover().(string); !ok || !strings.HasSuffix(text, " is nil") {
					t.Errorf("%s panicked with %q", name, text)
				}
			}()
			give()
			t.Errorf("%s took nil", name)
		}()
	}
}
