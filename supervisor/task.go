package supervisor

import "context"

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
