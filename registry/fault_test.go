package registry_test

import (
	"context"
	"errors"
	"io/fs"
	"log"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry"
)

// faults are what a callback may do wrong. Those that return an error say which.
// Release lets go what blocks.
func faults() (all map[string]func() error, release func()) {
	held := make(chan struct{})
	var typedNil *fs.PathError
	return map[string]func() error{
		"error":     func() error { return errors.New("no") },
		"typed nil": func() error { return typedNil },
		"panic":     func() error { panic(typedNil) }, // whose text cannot be had
		"Goexit":    func() error { runtime.Goexit(); return nil },
		"block":     func() error { <-held; return nil },
	}, sync.OnceFunc(func() { close(held) })
}

// whatever it takes until a callback that blocks has been given up.
const givenUp = time.Minute

// A listener that fails is taken off; it costs neither the one that made the change nor
// the other listeners anything, and a slog.Handler that fails in turn changes nothing.
func TestFaultOfAListenerCostsTheListener(t *testing.T) {
	was, out, flags := slog.Default(), log.Writer(), log.Flags()
	defer func() {
		slog.SetDefault(was)
		log.SetOutput(out) // which it does not do by itself
		log.SetFlags(flags)
	}()
	slog.SetDefault(slog.New(deafHandler{}))
	for _, occasion := range []string{"registration", "unregistration", "end of an actor"} {
		all, _ := faults()
		delete(all, "error") // a listener returns none
		delete(all, "typed nil")
		for name := range all {
			t.Run(occasion+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					all, release := faults()
					defer release()
					sys := newSystem(t)
					var r registry.Registry[string]
					var m registry.Multi[string]
					var j, jm journal[string]
					a, b := idle(t, sys).PID(), idle(t, sys).PID()
					fault := all[name]
					var calls atomic.Int32
					bad := func(event) { calls.Add(1); _ = fault() }
					if occasion != "registration" {
						register(t, &r, "k", a)
						add(t, &m, "k", a, nil)
					}
					defer r.Observe(bad)()
					defer r.Observe(j.listen)()
					defer m.Observe(bad)()
					defer m.Observe(jm.listen)()

					var innocent sync.WaitGroup
					returned := false
					innocent.Go(func() {
						switch occasion {
						case "registration":
							_ = r.Register("k", a)
							_ = m.Register("k", a, nil)
						case "unregistration":
							r.Unregister("k", a)
							m.Unregister("k", a)
						default:
							a.Exit(actor.Kill)
							<-a.Done()
						}
						returned = true
					})
					innocent.Wait()
					if !returned {
						t.Error("the one that made the change is gone")
					}
					time.Sleep(givenUp)
					kind := registry.Registered
					if occasion != "registration" {
						kind = registry.Unregistered
					}
					j.expect(t, event{kind, "k", a, nil})
					jm.expect(t, event{kind, "k", a, nil})
					register(t, &r, "later", b)
					add(t, &m, "later", b, nil)
					if n := calls.Load(); n != 2 {
						t.Errorf("the listener was called %d times in two registries, want 2", n)
					}
					j.expect(t, event{registry.Registered, "later", b, nil})
					jm.expect(t, event{registry.Registered, "later", b, nil})
				})
			})
		}
	}
}

// deafHandler is a slog.Handler that does what it must not.
type deafHandler struct{ slog.Handler }

func (deafHandler) Enabled(context.Context, slog.Level) bool { runtime.Goexit(); return false }

// A listener that blocks holds a change up for a second at most, and no change that
// comes while it does.
func TestChangesDoNotWaitForAListenerThatBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, release := faults()
		defer release()
		sys := newSystem(t)
		var r registry.Registry[string]
		a := idle(t, sys).PID()
		defer r.Observe(func(event) { _ = all["block"]() })()
		start := time.Now()
		register(t, &r, "k", a)
		if took := time.Since(start); took > time.Second {
			t.Errorf("the change took %v", took)
		}
		start = time.Now()
		for range 100 {
			r.Unregister("k", a)
			register(t, &r, "k", a)
		}
		if took := time.Since(start); took > 0 {
			t.Errorf("the changes that followed took %v", took)
		}
	})
}

// What is nil is refused where it is given, not when it is needed.
func TestNilCallbacksAreRefusedAtOnce(t *testing.T) {
	var r registry.Registry[string]
	var m registry.Multi[string]
	for name, give := range map[string]func(){
		"Registry.Observe": func() { r.Observe(nil) },
		"Multi.Observe":    func() { m.Observe(nil) },
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
	if r.Count() != 0 {
		t.Error("something was registered")
	}
}
