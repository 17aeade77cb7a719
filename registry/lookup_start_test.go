package registry_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry"
)

func TestLookup(t *testing.T) {
	sys := newSystem(t)
	var r registry.Registry[string]
	ref := idle(t, sys)
	register(t, &r, "k", ref.PID())

	if got, err := registry.Lookup[do](&r, "k"); err != nil || got != ref {
		t.Errorf("lookup: %v, %v", got, err)
	}
	// Another message type is an error, also in LookupOrStart.
	if _, err := registry.Lookup[string](&r, "k"); !errors.Is(err, registry.ErrType) {
		t.Errorf("lookup with the wrong type: %v, want ErrType", err)
	}
	_, err := registry.LookupOrStart(t.Context(), &r, "k", func() (actor.Ref[string], error) {
		t.Error("there is an actor already")
		return actor.Ref[string]{}, nil
	})
	if !errors.Is(err, registry.ErrType) {
		t.Errorf("lookup or start with the wrong type: %v, want ErrType", err)
	}
	// REG-4: nobody, and nobody alive.
	end(t, ref.PID())
	for _, key := range []string{"k", "no such key"} {
		if _, err := registry.Lookup[do](&r, key); !errors.Is(err, actor.NoProc) {
			t.Errorf("lookup of %q: %v, want NoProc", key, err)
		}
	}
}

// starter counts the Inits of the actors that it starts.
type starter struct {
	sys   *actor.System
	inits atomic.Int32
	init  func(*actor.Context[do]) error // nil: nothing more
}

func (s *starter) start() (actor.Ref[do], error) {
	return spawn(s.sys, &script{init: func(ctx *actor.Context[do]) error {
		s.inits.Add(1)
		if s.init != nil {
			return s.init(ctx)
		}
		return nil
	}})
}

// T-96, REG-10: racing callers get one actor, and one Init runs. The actor may
// register itself, or leave that to LookupOrStart.
func TestRacingStartsGetOneActor(t *testing.T) {
	const callers = 8
	for _, test := range []struct {
		name string
		self bool
	}{{"registered for it", false}, {"registers itself", true}} {
		t.Run(test.name, func(t *testing.T) {
			sys := newSystem(t)
			var r registry.Registry[int]
			for key := range 200 {
				s := &starter{sys: sys}
				if test.self {
					s.init = func(ctx *actor.Context[do]) error { return r.Register(key, ctx.PID()) }
				}
				var refs [callers]actor.Ref[do]
				var racing sync.WaitGroup
				for i := range refs {
					racing.Go(func() {
						var err error
						if refs[i], err = registry.LookupOrStart(t.Context(), &r, key, s.start); err != nil {
							t.Error(err)
						}
					})
				}
				racing.Wait()
				for _, ref := range refs {
					if ref != refs[0] || !ref.PID().Alive() {
						t.Errorf("got %v, another caller %v", ref, refs[0])
					}
				}
				if n := s.inits.Load(); n != 1 {
					t.Fatalf("Init ran %d times", n)
				}
				expectHolder(t, &r, key, refs[0].PID())
			}
			if n := sys.Count(); n != 200 {
				t.Errorf("there are %d actors, want 200", n)
			}
		})
	}
}

// startSlowly calls LookupOrStart with an Init that waits until the test lets it
// go. It returns when that Init runs, with the outcome to come.
func startSlowly(t *testing.T, r *registry.Registry[string], s *starter) (let chan<- struct{}, outcome <-chan error) {
	t.Helper()
	begun, release := make(chan struct{}), make(chan struct{})
	slow := &starter{sys: s.sys, init: func(ctx *actor.Context[do]) error {
		s.inits.Add(1)
		close(begun)
		<-release
		if s.init == nil {
			return nil
		}
		return s.init(ctx)
	}}
	result := make(chan error, 1)
	go func() {
		_, err := registry.LookupOrStart(context.Background(), r, "k", slow.start)
		result <- err
	}()
	await(t, begun)
	return release, result
}

// T-96: a start that fails does so for all who wait for it, runs once, and leaves
// the key free.
func TestFailingStartFailsForAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t)
		var r registry.Registry[string]
		broken := errors.New("broken")
		s := &starter{sys: sys, init: func(*actor.Context[do]) error { return broken }}
		let, outcome := startSlowly(t, &r, s)

		// One whose patience ends first.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := registry.LookupOrStart(ctx, &r, "k", s.start); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting too long: %v", err)
		}
		const waiters = 5
		errs := make(chan error, waiters)
		for range waiters {
			go func() {
				_, err := registry.LookupOrStart(context.Background(), &r, "k", s.start)
				errs <- err
			}()
		}
		synctest.Wait() // all of them wait
		close(let)
		if err := <-outcome; !errors.Is(err, broken) {
			t.Errorf("the start failed with %v, want %v", err, broken)
		}
		for range waiters {
			if err := <-errs; !errors.Is(err, broken) {
				t.Errorf("one who waited got %v, want %v", err, broken)
			}
		}
		if n := s.inits.Load(); n != 1 {
			t.Errorf("Init ran %d times", n)
		}
		expectEmpty(t, &r)

		s.init = nil
		if _, err := registry.LookupOrStart(t.Context(), &r, "k", s.start); err != nil {
			t.Error(err)
		}
	})
}

// Somebody who goes past LookupOrStart has the key first.
func TestKeyThatIsTakenDuringAStartStaysTaken(t *testing.T) {
	sys := newSystem(t)
	var r registry.Registry[string]
	var mine actor.PID
	s := &starter{sys: sys, init: func(ctx *actor.Context[do]) error {
		mine = ctx.PID()
		return nil
	}}
	let, outcome := startSlowly(t, &r, s)
	other := idle(t, sys).PID()
	register(t, &r, "k", other)
	close(let)
	if err := await(t, outcome); err != nil {
		t.Error(err)
	}
	expectHolder(t, &r, "k", other)
	await(t, mine.Done())
	if reason := mine.Err(); !errors.Is(reason, actor.Shutdown) {
		t.Errorf("the spare actor ended with %v, want Shutdown", reason)
	}
}

// T-96: an actor that registers itself does not start under a taken key. Without
// LookupOrStart the spawn says who has it, with it that one is returned.
func TestSelfRegisteringActorUnderATakenKey(t *testing.T) {
	sys := newSystem(t)
	var r registry.Registry[string]
	other := idle(t, sys)
	s := &starter{sys: sys, init: func(ctx *actor.Context[do]) error {
		return r.Register("k", ctx.PID())
	}}
	got, err := registry.LookupOrStart(t.Context(), &r, "k", func() (actor.Ref[do], error) {
		register(t, &r, "k", other.PID()) // in the very last moment
		return s.start()
	})
	if err != nil || got != other {
		t.Errorf("got %v, %v, want %v", got, err, other)
	}
	var taken *registry.TakenError
	if _, err := s.start(); !errors.As(err, &taken) || taken.Holder != other.PID() {
		t.Errorf("spawn: %v, want a TakenError with %v", err, other)
	}
	// A key of the same name in another registry says nothing about this one.
	var third registry.Registry[string]
	if _, err := registry.LookupOrStart(t.Context(), &third, "k", s.start); !errors.As(err, &taken) {
		t.Errorf("start: %v, want a TakenError", err)
	}
}

func TestThoseWhoWaitForAStartThatPanicsCallTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t)
		var r registry.Registry[string]
		begun, release, panicked := make(chan struct{}), make(chan struct{}), make(chan any, 1)
		go func() {
			defer func() { panicked <- recover() }()
			_, _ = registry.LookupOrStart(context.Background(), &r, "k", func() (actor.Ref[do], error) {
				close(begun)
				<-release
				panic("broken")
			})
		}()
		<-begun
		s := &starter{sys: sys}
		errs := make(chan error, 5)
		for range cap(errs) {
			go func() {
				_, err := registry.LookupOrStart(context.Background(), &r, "k", s.start)
				errs <- err
			}()
		}
		synctest.Wait()
		close(release)
		if v := <-panicked; v != "broken" {
			t.Errorf("the caller recovered %v", v)
		}
		for range cap(errs) {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if n := s.inits.Load(); n != 1 {
			t.Errorf("Init ran %d times", n)
		}
	})
}

func TestStartOfAnActorThatHasEndedAlready(t *testing.T) {
	sys := newSystem(t)
	var r registry.Registry[string]
	_, err := registry.LookupOrStart(t.Context(), &r, "k", func() (actor.Ref[do], error) {
		ref := idle(t, sys)
		end(t, ref.PID())
		return ref, nil
	})
	if !errors.Is(err, actor.NoProc) {
		t.Errorf("start: %v, want NoProc", err)
	}
	expectEmpty(t, &r)
}
