package supervisor

import (
	"context"

	"github.com/troupe-go/troupe/actor"
)

// Task returns a child that runs a function once: a [Service] that is [Temporary]
// unless the options say otherwise. It is what Elixir's Task.Supervisor starts with
// start_child, fire and forget: nobody waits for the function.
//
// With [Transient] the same function is run again when it has failed, with
// [Permanent] whenever it has returned. To start tasks as they come, hand them to
// [Dynamic.StartChild]; its MaxChildren bounds how many there are at a time. To end
// one early use [Dynamic.TerminateChild], or [actor.PID.Exit] with reason
// [actor.Shutdown], either of which cancels ctx.
func Task(id string, f func(ctx context.Context) error, opts ...ChildOption) Child {
	return Service(id, f, append([]ChildOption{Temporary}, opts...)...)
}

// StartTask starts a child that is [Temporary] and has the given Start, see [Child].
// With it the supervisor is a task.Supervisor, for tasks that are awaited or
// streamed: the Start method of such a task is what to start it with. Elixir:
// Task.Supervisor.
func (d Dynamic) StartTask(ctx context.Context, start func(parent actor.Self) (actor.PID, error)) (actor.PID, error) {
	return d.StartChild(ctx, Child{Start: start, Restart: Temporary})
}
