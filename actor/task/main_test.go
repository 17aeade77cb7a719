package task_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBoom = errors.New("boom")

// do is a message that its actor runs.
type do func(ctx *doContext) error

type doContext = actor.Context[do]

// script is the behavior of the actors in these tests: it runs its messages.
type script struct{}

func (script) Receive(ctx *doContext, m do) error { return m(ctx) }

func spawn(t testing.TB, sys *actor.System) actor.Ref[do] {
	t.Helper()
	ref, err := actor.Spawn(sys, func() script { return script{} })
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// in runs f in an actor and waits until it has returned.
func in(t testing.TB, ref actor.Ref[do], f func(ctx *doContext)) {
	t.Helper()
	done := make(chan struct{})
	ref.Send(func(ctx *doContext) error {
		defer close(done)
		f(ctx)
		return nil
	})
	select {
	case <-done:
	case <-ref.PID().Done():
		select {
		case <-done: // and was the last thing that it did
		default:
			t.Fatalf("%v ended before it ran the function: %v", ref, ref.PID().Err())
		}
	}
}

// bubble runs f in virtual time, with a silent system.
func bubble(t *testing.T, f func(t *testing.T, sys *actor.System)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, actortest.NewSystem(t, actortest.Silent())) })
}

// work is what most tasks here do.
type work = func(ctx context.Context) (int, error)

// value returns a function that takes its time to return v.
func value(v int, d time.Duration) work {
	return func(context.Context) (int, error) {
		time.Sleep(d)
		return v, nil
	}
}

// heed returns when its context is done, with a value that is then not wanted.
func heed(ctx context.Context) (int, error) {
	<-ctx.Done()
	return -1, nil
}

// stuck returns a function that heeds nothing but the end of the test.
func stuck(t testing.TB) work {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	return func(context.Context) (int, error) {
		<-release
		return -1, nil
	}
}

// within returns a context with a deadline.
func within(t testing.TB, parent context.Context, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(parent, d)
	t.Cleanup(cancel)
	return ctx
}
