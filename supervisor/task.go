package supervisor

import (
	"context"

	"github.com/troupe-go/troupe/actor"
)

// Task returns a child that runs a function once and ends when it has returned:
// with reason [actor.Normal] if it returns nil, and otherwise with its error as the
// reason. A panic is a crash. The parent does not wait for the function.
//
// By default a task is [Temporary]: fire and forget. With [Transient] it is run
// again when it has failed, with [Permanent] whenever it has returned. To start
// tasks as they come, hand them to [Dynamic.StartChild], which makes that
// supervisor what Elixir calls a Task.Supervisor.
//
// ctx is cancelled when the task is to end: at a shutdown, by TerminateChild or by
// [actor.PID.Exit]. The function must then return; what it returns no longer
// matters. One that goes on is killed and abandoned when its [Shutdown] has passed.
// A task has no messages, so [actor.PID.Stop] waits for the function to return.
func Task(id string, f func(ctx context.Context) error, opts ...ChildOption) Child {
	opts = append([]ChildOption{Temporary}, opts...)
	return Actor(id, func() actor.Behavior[nothing] { return task(f) }, opts...)
}

// nothing is the message type of an actor that takes no messages.
type nothing struct{}

// task is the actor of a [Task]. It does not trap exits, so the first exit signal
// cancels its context while the function runs.
type task func(context.Context) error

// Init implements [actor.Initializer].
func (f task) Init(ctx *actor.Context[nothing]) error {
	ctx.Continue(f.run)
	return nil
}

// Receive implements [actor.Behavior].
func (f task) Receive(*actor.Context[nothing], nothing) error { return nil }

func (f task) run(ctx *actor.Context[nothing]) error {
	if err := f(ctx); err != nil {
		return err
	}
	return actor.Stop
}
