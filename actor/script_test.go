package actor_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// do is a message that the actor runs: a test says on the spot what its actors
// do.
type do func(ctx *actor.Context[do]) error

type doContext = actor.Context[do]

// script is a behavior that runs its messages. Its other handlers are what the
// test wants; nil does nothing.
type script struct {
	terminate func(ctx *doContext, reason error)
	exit      func(ctx *doContext, exit actor.Exit) error
	down      func(ctx *doContext, down actor.Down) error
}

func (s *script) Receive(ctx *doContext, m do) error { return m(ctx) }

func (s *script) Terminate(ctx *doContext, reason error) {
	if s.terminate != nil {
		s.terminate(ctx, reason)
	}
}

func (s *script) HandleExit(ctx *doContext, exit actor.Exit) error {
	if s.exit != nil {
		return s.exit(ctx, exit)
	}
	return nil
}

func (s *script) HandleDown(ctx *doContext, down actor.Down) error {
	if s.down != nil {
		return s.down(ctx, down)
	}
	return nil
}

// scriptInit is a script with an Init.
type scriptInit struct {
	script
	init func(ctx *doContext) error
}

func (s *scriptInit) Init(ctx *doContext) error { return s.init(ctx) }

func behave(b actor.Behavior[do]) func() actor.Behavior[do] {
	return func() actor.Behavior[do] { return b }
}

// start spawns an actor, usually a script.
func start(tb testing.TB, sys *actor.System, b actor.Behavior[do], opts ...actor.Option) actor.Ref[do] {
	tb.Helper()
	ref, err := actor.Spawn(sys, behave(b), opts...)
	if err != nil {
		tb.Fatal(err)
	}
	return ref
}

// in runs f in the actor and waits for it to return.
func in(tb testing.TB, ref actor.Ref[do], f func(ctx *doContext)) {
	tb.Helper()
	ran := make(chan struct{})
	ref.Send(func(ctx *doContext) error {
		defer close(ran)
		f(ctx)
		return nil
	})
	select {
	case <-ran:
	case <-ref.PID().Done():
		select {
		case <-ran: // and was the last thing that it did
			return
		default:
		}
		tb.Fatalf("%v ended before it ran the function: %v", ref, ref.PID().Err())
	}
}

// trapping makes an actor trap exits.
func trapping(tb testing.TB, ref actor.Ref[do]) {
	tb.Helper()
	in(tb, ref, func(ctx *doContext) { ctx.TrapExit(true) })
}

// link links two actors.
func link(tb testing.TB, a, b actor.Ref[do]) {
	tb.Helper()
	in(tb, a, func(ctx *doContext) {
		if err := ctx.Link(b.PID()); err != nil {
			tb.Error(err)
		}
	})
}

// returning is a handler that returns reason, which ends its actor.
func returning(reason error) do { return func(*doContext) error { return reason } }

// ended waits for the actor's end and returns its reason.
func ended(tb testing.TB, pid actor.PID) error {
	tb.Helper()
	await(tb, pid.Done())
	return pid.Err()
}

// patience is far longer than anything here takes.
const patience = 30 * time.Second

// await waits until c delivers or is closed.
func await[T any](tb testing.TB, c <-chan T) (v T) {
	tb.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case v = <-c:
	case <-limit.C:
		tb.Fatal("waited too long")
	}
	return v
}

// bubble runs f with a system in a synctest bubble: time is virtual, and
// synctest.Wait returns when all actors are idle.
func bubble(t *testing.T, f func(t *testing.T, sys *actor.System)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t)
		f(t, sys)
	})
}

// settle waits until all actors of the bubble are idle or wait for something.
func settle() { synctest.Wait() }

// journal is what happened, in order. It is safe for all goroutines.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

// take returns and forgets all lines.
func (j *journal) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := j.lines
	j.lines = nil
	return lines
}

// expect compares the journal with what should have happened and empties it.
func (j *journal) expect(tb testing.TB, want ...string) {
	tb.Helper()
	if got := j.take(); !slices.Equal(got, want) {
		tb.Errorf("happened:\n  %q\nwant:\n  %q", got, want)
	}
}

// journaled is a script that writes down the exits and downs that it handles.
func journaled(j *journal) *script {
	return &script{
		exit: func(_ *doContext, e actor.Exit) error {
			j.add("exit %v %v", e.From, e.Reason)
			return nil
		},
		down: func(_ *doContext, d actor.Down) error {
			j.add("down %v %v", d.PID, d.Reason)
			return nil
		},
	}
}

var errBoom = errors.New("boom")
