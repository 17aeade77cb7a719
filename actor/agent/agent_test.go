package agent_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/actor/agent"
	"github.com/troupe-go/troupe/supervisor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// counter starts an agent whose state is n.
func counter(t testing.TB, n int) agent.Ref[int] {
	t.Helper()
	ref, err := agent.Start(actortest.NewSystem(t, actortest.Silent()), func() (int, error) { return n, nil })
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func add(d int) func(int) int { return func(n int) int { return n + d } }

func same[T any](v T) T { return v }

// wantState fails the test if the agent's state is not want.
func wantState(t testing.TB, a agent.Ref[int], want int) {
	t.Helper()
	if n, err := agent.Get(t.Context(), a, same); n != want || err != nil {
		t.Errorf("state %d, %v, want %d", n, err, want)
	}
}

func TestFunctionsRunOnTheState(t *testing.T) {
	t.Parallel()
	a := counter(t, 1)
	wantState(t, a, 1)
	if err := agent.Update(t.Context(), a, add(1)); err != nil {
		t.Error(err)
	}
	wantState(t, a, 2)
	old, err := agent.GetAndUpdate(t.Context(), a, func(n int) (string, int) { return strings.Repeat("x", n), n * 10 })
	if old != "xx" || err != nil {
		t.Error(old, err)
	}
	wantState(t, a, 20)
	for range 5 {
		agent.Cast(a, add(1)) // in order with the call that follows
	}
	wantState(t, a, 25)
}

func TestUpdatesOfManyAreAllCounted(t *testing.T) {
	t.Parallel()
	type visits = map[string]int
	a, err := agent.Start(actortest.NewSystem(t), func() (visits, error) { return visits{}, nil })
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			for range 100 {
				if err := agent.Update(t.Context(), a, func(m visits) visits { m["ann"]++; return m }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n, err := agent.Get(t.Context(), a, func(m visits) int { return m["ann"] }); n != 1000 || err != nil {
		t.Error(n, err)
	}
}

// AGT-1: Elixir's agent ends if a function raises or exits, and so does the call; what
// waits behind it does not wait for ever.
func TestAFunctionThatDoesNotReturnOrderlyEndsTheAgent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		f    func(int) int
		want func(error) bool
	}{
		"panic": {
			func(int) int { panic("oops") },
			func(err error) bool { p, ok := errors.AsType[*actor.PanicError](err); return ok && p.Value == "oops" },
		},
		"panic with nil": {
			func(int) int { panic(any(nil)) },
			func(err error) bool { _, ok := errors.AsType[*actor.PanicError](err); return ok },
		},
		"Goexit": {
			func(int) int { runtime.Goexit(); return 0 },
			func(err error) bool { return errors.Is(err, actor.Goexit) },
		},
	} {
		for how, run := range map[string]func(context.Context, agent.Ref[int], func(int) int) error{
			"Get": func(ctx context.Context, a agent.Ref[int], f func(int) int) error {
				_, err := agent.Get(ctx, a, f)
				return err
			},
			"Update": agent.Update[int],
			"GetAndUpdate": func(ctx context.Context, a agent.Ref[int], f func(int) int) error {
				_, err := agent.GetAndUpdate(ctx, a, func(n int) (int, int) { return f(n), n })
				return err
			},
			"Cast": func(_ context.Context, a agent.Ref[int], f func(int) int) error {
				agent.Cast(a, f)
				<-a.PID().Done()
				return a.PID().Err()
			},
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				t.Parallel()
				a := counter(t, 1)
				gate, running := make(chan struct{}), make(chan struct{})
				agent.Cast(a, func(n int) int { close(running); <-gate; return n })
				<-running
				results := make(chan error, 2)
				go func() { results <- run(t.Context(), a, c.f) }()
				go func() { results <- run(t.Context(), a, c.f) }()
				close(gate)
				for range 2 {
					err := <-results
					var call *actor.CallError
					if how != "Cast" && !errors.As(err, &call) {
						t.Errorf("%v is no CallError", err)
					}
					if !c.want(err) && !errors.Is(err, actor.NoProc) { // NoProc: it came too late
						t.Error(err)
					}
				}
				if err := actortest.ExpectExit(t, a.PID(), nil); !c.want(err) {
					t.Error("ended with", err)
				}
				if _, err := agent.Get(t.Context(), a, same); !errors.Is(err, actor.NoProc) {
					t.Error("of the dead:", err)
				}
				agent.Cast(a, add(1)) // is lost
			})
		}
	}
}

// A caller that loses patience goes on. What it asked for may be done all the same.
func TestAFunctionThatBlocksHoldsUpItsCallersNoLongerThanTheyLike(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := counter(t, 1)
		release := make(chan struct{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := agent.Update(ctx, a, func(n int) int { <-release; return n + 1 }); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		behind, giveUp := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, giveUp)
		if _, err := agent.Get(behind, a, same); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Error("took", took)
		}
		if err := agent.Update(ctx, a, add(100)); !errors.Is(err, context.DeadlineExceeded) { // not even asked
			t.Error(err)
		}
		close(release)
		wantState(t, a, 2)
	})
}

func TestTheEndOfAnAgentEndsTheWaitForIt(t *testing.T) {
	t.Parallel()
	a := counter(t, 1)
	release, running := make(chan struct{}), make(chan struct{})
	agent.Cast(a, func(n int) int { close(running); <-release; return n })
	<-running
	result := make(chan error)
	go func() { result <- agent.Update(context.Background(), a, add(1)) }()
	a.PID().Exit(actor.Kill)
	if err := <-result; !errors.Is(err, actor.Killed) && !errors.Is(err, actor.NoProc) {
		t.Error(err)
	}
	close(release)
	actortest.ExpectExit(t, a.PID(), actor.Killed)
}

// An actor that calls an agent is not held up by it when it is killed.
func TestTheEndOfACallerEndsItsWait(t *testing.T) {
	t.Parallel()
	a := counter(t, 1)
	release, running := make(chan struct{}), make(chan struct{})
	defer close(release)
	agent.Cast(a, func(n int) int { close(running); <-release; return n })
	<-running
	asks, result := make(chan struct{}), make(chan error, 1)
	caller, err := actor.Spawn(actortest.NewSystem(t), actor.Func(func(ctx *actor.Context[int], _ int) error {
		close(asks)
		_, err := agent.Get(ctx, a, same)
		result <- err
		return err
	}))
	if err != nil {
		t.Fatal(err)
	}
	caller.Send(1)
	<-asks
	caller.PID().Exit(actor.Kill)
	if err := <-result; err == nil {
		t.Error("it was answered")
	}
}

type typedNil struct{ word string }

func (e *typedNil) Error() string { return e.word } // panics if e is nil

// Nil is a state and a result like any other.
func TestNilIsAValue(t *testing.T) {
	t.Parallel()
	a, err := agent.Start(actortest.NewSystem(t), func() (*typedNil, error) { return nil, nil })
	if err != nil {
		t.Fatal(err)
	}
	got, err := agent.Get(t.Context(), a, func(e *typedNil) error { return e })
	if e, ok := got.(*typedNil); !ok || e != nil || err != nil {
		t.Errorf("%T, %v", got, err)
	}
	none, err := agent.Get(t.Context(), a, func(*typedNil) error { return nil })
	if none != nil || err != nil {
		t.Error(none, err)
	}
	a.Send(agent.Message[*typedNil]{}) // does nothing
	if err := agent.Update(t.Context(), a, func(*typedNil) *typedNil { return &typedNil{"set"} }); err != nil {
		t.Error(err)
	}
}

func TestAnAgentDoesNotStartIfInitFails(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		init func() (int, error)
		want func(error) bool
	}{
		"error":     {func() (int, error) { return 1, boom }, func(err error) bool { return errors.Is(err, boom) }},
		"panic":     {func() (int, error) { panic("oops") }, func(err error) bool { _, ok := errors.AsType[*actor.PanicError](err); return ok }},
		"Goexit":    {func() (int, error) { runtime.Goexit(); return 0, nil }, func(err error) bool { return errors.Is(err, actor.Goexit) }},
		"typed nil": {func() (int, error) { return 0, (*typedNil)(nil) }, func(err error) bool { return err != nil && err.Error() != "" }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := agent.Start(actortest.NewSystem(t, actortest.Silent()), c.init)
			if !c.want(err) || a != (agent.Ref[int]{}) {
				t.Error(a, err)
			}
		})
	}
}

func TestNilFunctionsAreMistakesOfTheCaller(t *testing.T) {
	t.Parallel()
	a := counter(t, 1)
	for name, f := range map[string]func(){
		"New":          func() { agent.New[int](nil) },
		"Get":          func() { agent.Get[int, int](t.Context(), a, nil) },
		"Update":       func() { agent.Update(t.Context(), a, nil) },
		"GetAndUpdate": func() { agent.GetAndUpdate[int, int](t.Context(), a, nil) },
		"Cast":         func() { agent.Cast(a, nil) },
	} {
		func() {
			defer func() {
				if v, _ := recover().(string); !strings.HasPrefix(v, "agent: "+name+": ") {
					t.Errorf("%s: panic %v", name, v)
				}
			}()
			f()
		}()
	}
	wantState(t, a, 1)
}

// A supervised agent begins anew with init, and a Ref that follows it finds it.
func TestASupervisedAgentStartsAnew(t *testing.T) {
	t.Parallel()
	sys := actortest.NewSystem(t, actortest.Silent())
	starts := 0
	child, a := supervisor.ActorRef("counter", agent.New(func() (int, error) { starts++; return 10 * starts, nil }))
	again := make(chan struct{}, 1)
	_, err := supervisor.Start(sys, supervisor.Spec{
		Children:  []supervisor.Child{child},
		OnRestart: func(supervisor.Restarted) { again <- struct{}{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	wantState(t, a.Now(), 10)
	if err := agent.Update(t.Context(), a.Now(), func(int) int { panic("oops") }); err == nil {
		t.Error("no error")
	}
	<-again
	wantState(t, a.Now(), 20)
}

// The options of a spawn are an agent's as well.
func TestAnAgentHasAName(t *testing.T) {
	t.Parallel()
	sys := actortest.NewSystem(t)
	if _, err := agent.Start(sys, func() (int, error) { return 7, nil }, actor.Name("seven")); err != nil {
		t.Fatal(err)
	}
	a, err := actor.Lookup[agent.Message[int]](sys, "seven")
	if err != nil {
		t.Fatal(err)
	}
	wantState(t, a, 7)
}

func BenchmarkGet(b *testing.B) {
	a := counter(b, 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := agent.Get(b.Context(), a, same); err != nil {
			b.Fatal(err)
		}
	}
}
