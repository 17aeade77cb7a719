package task

import (
	"context"

	"github.com/troupe-go/troupe/actor"
)

// Async starts a task that is linked to its owner, the calling actor: if the one
// crashes, the other ends with the same reason, unless it traps exits. It does
// not fail: a task that could not be started says so when it is awaited. It panics if f is
// nil, as all functions here do.
//
// The context that f gets is cancelled when the task is killed or its owner ends,
// unless one of them has taken the link down: the task lives on then, whatever the
// owner ends with, as after Task.ignore. It has the values of the owner's context.
// It is the task's [actor.Self], too, so that a task can start tasks of its own:
// task.Async(ctx.(actor.Self), …).
//
// Elixir: Task.async/1.
func Async[T any](owner actor.Self, f func(ctx context.Context) (T, error)) *Task[T] {
	mustNotBeNil("Async", f == nil)
	t := prepare(owner, f)
	t.link = owner
	return t.start(actor.SpawnLink(owner, t.behavior))
}

// AsyncNoLink is [Async] without the link: if the task crashes, its owner lives
// and learns the reason from Await. The task still ends with its owner.
//
// Elixir: Task.Supervisor.async_nolink/2.
func AsyncNoLink[T any](owner actor.Self, f func(ctx context.Context) (T, error)) *Task[T] {
	mustNotBeNil("AsyncNoLink", f == nil)
	t := prepare(owner, f)
	return t.start(actor.Spawn(owner.System(), t.behavior))
}

// Go starts a task from outside of actors. It belongs to nobody: any goroutine
// may await it. The context that f gets has the values of ctx and is cancelled
// when ctx is, which ends the task, and when the task is killed.
func Go[T any](ctx context.Context, sys *actor.System, f func(ctx context.Context) (T, error)) *Task[T] {
	mustNotBeNil("Go", f == nil)
	t := &Task[T]{life: life{caller: ctx, values: ctx}, run: f}
	return t.start(actor.Spawn(sys, t.behavior))
}

// mustNotBeNil panics where a function is given to a task that would have to call it.
func mustNotBeNil(function string, isNil bool) {
	if isNil {
		panic("task: " + function + ": f is nil")
	}
}

// prepare returns a task that has not been started.
func prepare[T any](caller context.Context, f func(context.Context) (T, error)) *Task[T] {
	owner, ok := actor.FromContext(caller)
	values := caller
	if ok { // those of the message in hand, which the owner may be through with soon
		values = actor.Values(caller)
	}
	return &Task[T]{life: life{owner: owner, caller: caller, values: values}, run: f}
}

// start has a task that has been spawned begin.
func (t *Task[T]) start(ref actor.Ref[begin], err error) *Task[T] {
	if err != nil {
		t.settle(err)
		return t
	}
	t.born(ref.PID())
	ref.Send(begin{})
	return t
}

// begin is the one message of a task's actor. It comes when everything that the
// task's end must undo is in place.
type begin struct{}

// body is a Task as the behavior of its actor. It is the same memory under another type,
// and so another set of methods: a task with all that its actor and its ties need is one
// allocation, and a *Task shows none of it. callerTie and end do the same.
type body[T any] Task[T]

func (t *Task[T]) behavior() actor.Behavior[begin] { return (*body[T])(t) }

// Receive runs the task's function.
func (b *body[T]) Receive(ctx *actor.Context[begin], _ begin) error {
	ctx.MayBlock()
	t := (*Task[T])(b)
	if err := t.join(ctx); err != nil {
		return err
	}
	if err := t.begin(ctx); err != nil {
		return err
	}
	defer t.leave()
	v, err := t.run(&scope{ctx, t.caller, t.values})
	if err != nil {
		return err
	}
	t.succeed(v)
	return actor.Stop
}
