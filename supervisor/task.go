package supervisor

import (
	"context"

	"github.com/troupe-go/troupe/actor"
)

// Task returns a child that runs a function once: a [Service] that is [Temporary]
// unless the options say otherwise. Nothing waits for the function.
//
// With [Transient] the function runs again when it has failed, with [Permanent] whenever
// it has returned. To start tasks as they come, hand them to [Dynamic.StartChild]; the
// MaxChildren of the supervisor bounds how many there are at a time. To end a task early
// use [Dynamic.TerminateChild], or [actor.PID.Exit] with reason [actor.Shutdown]; either
// cancels ctx.
//
// Elixir: Task.Supervisor.start_child/3.
func Task(id string, f func(ctx context.Context) error, opts ...ChildOption) Child {
	return Service(id, f, append([]ChildOption{Temporary}, opts...)...)
}

// StartTask starts a child that is [Temporary] and has the given Start, see [Child]. It
// makes the supervisor a task.Supervisor of package task, for tasks that are awaited or
// streamed: those are started by their own Start method.
//
// Elixir: Task.Supervisor.
func (d Dynamic) StartTask(ctx context.Context, start func(parent actor.Self) (actor.PID, error)) (actor.PID, error) {
	return d.StartChild(ctx, Child{Start: start, Restart: Temporary})
}
