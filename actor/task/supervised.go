package task

import (
	"context"
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/actor"
)

// ErrStarted says that a task cannot be started a second time.
var ErrStarted = errors.New("already started")

// errNotStarted says that a Supervisor has done nothing.
var errNotStarted = errors.New("the supervisor did not start it")

// Supervisor starts tasks as children of its own. A supervisor.Dynamic is one.
//
// Elixir: Task.Supervisor.
type Supervisor interface {
	// StartTask calls start with the supervisor as the parent, once, and returns
	// what that returned; or an error, because it takes no more children or ctx is
	// done. The task is not to be started again when it has ended.
	StartTask(ctx context.Context, start func(parent actor.Self) (actor.PID, error)) (actor.PID, error)
}

// Behavior returns a constructor of actors that run f and end: with [actor.Normal] if f
// returns nil, and otherwise as f does. The spawn does not wait for f. The actors take no
// messages. Under a supervisor each incarnation runs f anew:
//
//	supervisor.Actor("import", task.Behavior(load), supervisor.Transient)
func Behavior(f func(ctx context.Context) error) func() actor.Behavior[struct{}] {
	mustNotBeNil("Behavior", f == nil)
	return func() actor.Behavior[struct{}] { return &job{run: f} }
}

// Start starts a task without a result, linked to parent. Parent is the
// calling actor, or the supervisor in the Start function of a supervisor.Child.
//
// Elixir: Task.start_link/1, Task.Supervisor.start_child/2.
func Start(parent actor.Self, f func(ctx context.Context) error) (actor.PID, error) {
	mustNotBeNil("Start", f == nil)
	ref, err := actor.SpawnLink(parent, Behavior(f))
	return ref.PID(), err
}

// job is the behavior of a task without a result.
type job struct {
	life
	run func(context.Context) error
}

func (j *job) Init(ctx *actor.Context[struct{}]) error {
	ctx.MayBlock()
	j.owner, j.link = ctx.Parent(), ctx
	j.born(ctx.PID())
	ctx.Continue(func(ctx *actor.Context[struct{}]) error {
		if err := j.begin(ctx); err != nil {
			return err
		}
		defer j.leave()
		if err := j.run(ctx); err != nil {
			return err
		}
		return actor.Stop
	})
	return nil
}

func (*job) Receive(*actor.Context[struct{}], struct{}) error { return nil }

// Prepare returns a task like that of [Async] for a supervisor to start, with the Start
// method: it will be linked to the supervisor, and to its owner before f begins.
//
//	t := task.Prepare(ctx, load)
//	if _, err := sup.StartTask(ctx, t.Start); err != nil {
//
// Elixir: Task.Supervisor.async/2, one half of it.
func Prepare[T any](owner actor.Self, f func(ctx context.Context) (T, error)) *Task[T] {
	mustNotBeNil("Prepare", f == nil)
	t := prepare(owner, f)
	t.link, t.ready = owner, true
	return t
}

// PrepareNoLink is [Prepare] for a task that will not be linked to its owner: like
// that of [AsyncNoLink] if ctx is that of an actor, and of [Go] otherwise.
//
// Elixir: Task.Supervisor.async_nolink/2, one half of it.
func PrepareNoLink[T any](ctx context.Context, f func(ctx context.Context) (T, error)) *Task[T] {
	mustNotBeNil("PrepareNoLink", f == nil)
	t := prepare(ctx, f)
	t.ready = true
	return t
}

// Start starts a task that was made by [Prepare], linked to parent. It can be the
// Start function of a supervisor.Child with Restart Temporary. A task runs once:
// to start it a second time, or after a Kill, gives [ErrStarted].
func (t *Task[T]) Start(parent actor.Self) (actor.PID, error) {
	if !t.claim() {
		return actor.PID{}, fmt.Errorf("task: start: %w", ErrStarted)
	}
	ref, err := actor.SpawnLink(parent, t.behavior)
	t.start(ref, err)
	return ref.PID(), err
}

// startUnder has a supervisor start the task.
func (t *Task[T]) startUnder(ctx context.Context, sup Supervisor) error {
	_, err := sup.StartTask(ctx, t.Start)
	if err == nil && t.PID().IsZero() {
		err = errNotStarted
	}
	return err
}
