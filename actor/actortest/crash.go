package actortest

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"sync/atomic"
	"testing"

	"github.com/troupe-go/troupe/actor"
)

// ErrInjected is the reason of a crash for which a test gave no other.
var ErrInjected = errors.New("crash injected by a test")

// Crash ends an actor as if its handler had returned reason, after all messages
// that wait, and waits until it has ended: Terminate runs, the crash is logged,
// links and monitors are told. A nil reason means [ErrInjected]. With
// [actor.Kill] the actor is killed instead, at once and without Terminate.
func Crash(t testing.TB, pid actor.PID, reason error) {
	t.Helper()
	if reason == actor.Kill {
		pid.Exit(actor.Kill)
		ExpectExit(t, pid, nil)
		return
	}
	if reason == nil {
		reason = ErrInjected
	}
	ctx, cancel := context.WithTimeout(context.Background(), defaultPatience)
	defer cancel()
	if err := pid.Stop(ctx, reason); err != nil {
		t.Fatalf("actortest: crash %v: %v", label(pid), err)
	}
}

// Fault is something that goes wrong in an actor at a moment that the test
// chooses; see [Inject]. One of Message and Start must be set.
type Fault struct {
	// Message is the number of the message at which it goes wrong, from 1, counted
	// over all incarnations of the actor: after a restart the count goes on.
	Message int
	// Start is the number of the incarnation, from 1, whose Init goes wrong.
	Start int
	// Do is what happens, before the message is handled. If it returns an error so
	// does the handler, and the message is lost; after nil the handler runs.
	Do func(ctx context.Context) error
}

// Panic returns a Fault.Do that panics with value.
func Panic(value any) func(context.Context) error {
	return func(context.Context) error { panic(value) }
}

// Fail returns a Fault.Do that fails with err.
func Fail(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

// Block returns a Fault.Do that waits until release is closed and heeds nothing
// else: a handler that is stuck.
func Block(release <-chan struct{}) func(context.Context) error {
	return func(context.Context) error {
		<-release
		return nil
	}
}

// Inject returns a constructor of the actors that create makes, with faults in them. It
// takes the place of create in a spawn or a supervisor. The optional handlers of the
// behavior work as without faults. Inject panics if a fault makes no sense.
func Inject[M any, B actor.Behavior[M]](create func() B, faults ...Fault) func() actor.Behavior[M] {
	for _, f := range faults {
		if (f.Message > 0) == (f.Start > 0) || f.Do == nil {
			panic("actortest: Inject: a fault needs either a Message or a Start, and a Do")
		}
	}
	p := &plan{faults: faults}
	return func() actor.Behavior[M] { return &faulty[M]{Behavior: create(), plan: p} }
}

// plan is the faults of an actor and how far it has come, over all incarnations.
type plan struct {
	faults           []Fault
	messages, starts atomic.Int64
}

func (p *plan) message(ctx context.Context) error {
	n := int(p.messages.Add(1))
	return p.run(ctx, func(f Fault) bool { return f.Message == n })
}

func (p *plan) start(ctx context.Context) error {
	n := int(p.starts.Add(1))
	return p.run(ctx, func(f Fault) bool { return f.Start == n })
}

func (p *plan) run(ctx context.Context, due func(Fault) bool) error {
	for _, f := range p.faults {
		if due(f) {
			if err := f.Do(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// faulty is a behavior with faults.
type faulty[M any] struct {
	actor.Behavior[M]
	plan *plan
}

// LogValue shows the behavior in the log as without faults.
func (b *faulty[M]) LogValue() slog.Value {
	if h, ok := b.Behavior.(slog.LogValuer); ok {
		return h.LogValue()
	}
	return slog.GroupValue()
}

// ActorLabel returns the label as without faults.
func (b *faulty[M]) ActorLabel() string {
	if l, ok := b.Behavior.(actor.Labeler); ok {
		return l.ActorLabel()
	}
	return ""
}

// Wrapped shows instruments the type as without faults.
func (b *faulty[M]) Wrapped() reflect.Type {
	if w, ok := b.Behavior.(actor.Wrapper); ok {
		return w.Wrapped()
	}
	return reflect.TypeOf(b.Behavior)
}

func (b *faulty[M]) Receive(ctx *actor.Context[M], m M) error {
	if err := b.plan.message(ctx); err != nil {
		return err
	}
	return b.Behavior.Receive(ctx, m)
}

func (b *faulty[M]) Init(ctx *actor.Context[M]) error {
	if err := b.plan.start(ctx); err != nil {
		return err
	}
	if h, ok := b.Behavior.(actor.Initializer[M]); ok {
		return h.Init(ctx)
	}
	return nil
}

func (b *faulty[M]) Terminate(ctx *actor.Context[M], reason error) {
	if h, ok := b.Behavior.(actor.Terminator[M]); ok {
		h.Terminate(ctx, reason)
	}
}

func (b *faulty[M]) HandleExit(ctx *actor.Context[M], exit actor.Exit) error {
	if h, ok := b.Behavior.(actor.ExitHandler[M]); ok {
		return h.HandleExit(ctx, exit)
	}
	return nil
}

func (b *faulty[M]) HandleDown(ctx *actor.Context[M], down actor.Down) error {
	if h, ok := b.Behavior.(actor.DownHandler[M]); ok {
		return h.HandleDown(ctx, down)
	}
	return nil
}

func (b *faulty[M]) HandleIdle(ctx *actor.Context[M]) error {
	if h, ok := b.Behavior.(actor.IdleHandler[M]); ok {
		return h.HandleIdle(ctx)
	}
	return nil
}
