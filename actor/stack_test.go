package actor_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// stackOf asks until it is not too soon.
func stackOf(tb testing.TB, pid actor.PID) string {
	tb.Helper()
	for {
		stack, err := pid.Stack()
		if err == nil {
			return stack
		}
		if !strings.Contains(err.Error(), "ask again in") {
			tb.Fatal(err)
		}
		<-time.After(time.Millisecond)
	}
}

// Whatever handler it is that runs, its stack can be seen, from outside and from within.
func TestStackOfWhatRuns(t *testing.T) {
	sys := newSystem(t)
	entered, release := make(chan actor.PID), make(chan struct{})
	stay := func(ctx *doContext) error { entered <- ctx.PID(); stuckHere(release); return nil }
	cases := map[string]func(){
		"Receive": func() { start(t, sys, &script{}).Send(stay) },
		"Init":    func() { actor.Spawn(sys, behave(&scriptInit{init: stay})) },
		"Terminate": func() {
			a := start(t, sys, &script{terminate: func(ctx *doContext, _ error) { stay(ctx) }})
			a.Send(returning(actor.Stop))
		},
	}
	for name, run := range cases {
		t.Run(name, func(t *testing.T) {
			over := make(chan struct{})
			go func() { run(); close(over) }()
			pid := await(t, entered)
			stack := stackOf(t, pid)
			if !strings.Contains(stack, "actor_test.stuckHere(") || !strings.Contains(stack, name) {
				t.Errorf("stack:\n%s", stack)
			}
			release <- struct{}{}
			await(t, over)
		})
	}
	a := start(t, sys, &script{})
	in(t, a, func(ctx *doContext) {
		if stack := stackOf(t, ctx.PID()); !strings.Contains(stack, "TestStackOfWhatRuns") {
			t.Errorf("its own stack:\n%s", stack)
		}
	})
}

// An actor without a runner has no stack, and nothing is stopped for it.
func TestNoStackWithoutARunner(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		idle, dead := start(t, sys, &script{}), start(t, sys, &script{})
		dead.PID().Exit(actor.Kill)
		settle()
		for range 1000 { // never too soon
			for _, pid := range []actor.PID{idle.PID(), dead.PID(), {}} {
				if stack, err := pid.Stack(); stack != "" || err != nil {
					t.Fatalf("%v: %q, %v", pid, stack, err)
				}
			}
		}
	})
}

// Stacks that are asked for take at most a hundredth of the time, and the log of an actor
// that is given up has its stack all the same.
func TestStacksAreNotAskedForTooOften(t *testing.T) {
	var log logBuffer
	sys := loggedSystem(t, &log)
	entered, release := make(chan struct{}), make(chan struct{})
	a := start(t, sys, &script{})
	a.Send(func(*doContext) error { close(entered); stuckHere(release); return nil })
	await(t, entered)
	stackOf(t, a.PID())
	if _, err := a.PID().Stack(); err == nil || !strings.Contains(err.Error(), "ask again in") {
		t.Errorf("at once: %v", err)
	}
	a.PID().Exit(actor.Kill)
	if !a.PID().Abandon() {
		t.Error("not abandoned")
	}
	if s := log.String(); !strings.Contains(s, "actor_test.stuckHere(") {
		t.Errorf("log:\n%s", s)
	}
	close(release)
}

// In a program with very many goroutines it would stop everything for too long.
func TestNoStackAmongManyGoroutines(t *testing.T) {
	sys, _, stuck, _, release := stuckActors(t, 5001)
	defer release()
	if _, err := stuck[0].Stack(); err == nil || !strings.Contains(err.Error(), "more than 5000") {
		t.Errorf("%v", err)
	}
	release()
	if err := sys.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func ExamplePID_Stack() {
	sys := silentSystem()
	entered, release := make(chan struct{}), make(chan struct{})
	ref, err := actor.Spawn(sys, actor.Func(func(*actor.Context[int], int) error {
		close(entered)
		<-release
		return nil
	}))
	if err != nil {
		panic(err)
	}
	ref.Send(1)
	<-entered
	stack, err := ref.PID().Stack()
	if err != nil {
		panic(err)
	}
	goroutine, _, _ := strings.Cut(stack, "\n")
	fmt.Println(goroutine[strings.Index(goroutine, "["):])
	close(release)
	// Output: [chan receive]:
}
