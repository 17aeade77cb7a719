// Package task runs functions as actors: Elixir's Task.
//
// A [Task] is one function on an actor of its own, and the way to its result.
//
//	t := task.Async(ctx, func(ctx context.Context) (User, error) { return load(ctx, id) })
//	// … work that does not need the user …
//	user, err := t.Await(ctx)
//
// [Async] is for actors: the task is linked to its owner, so that a crash of the
// one takes the other down. With [AsyncNoLink] the owner lives and learns the
// reason. [Deliver] sends the outcome to the owner as a message, for owners that
// must not wait in a handler. [Go] is for code outside of actors. [AwaitMany] waits for
// several tasks until one fails, [YieldMany] returns what is ready in time. [Start] is
// fire and forget. [Behavior] and [Prepare] are for supervisors. [Stream] runs a function
// on each item of a sequence, a limited number at a time.
//
// # How a task ends
//
// A task whose function returns a value ends with [actor.Normal]. If the function
// returns an error or panics, that is a crash like any other: the error, or an
// [*actor.PanicError], is the exit reason, it is logged, and links carry it on. A
// failure that is no crash belongs in the value.
//
// A task ends with its caller, whatever the caller's reason, [actor.Normal]
// included: the result has no reader any more. A task of [Async] or [Start] outlives
// its owner if the two are unlinked.
//
// # What Go cannot do
//
// A running function cannot be interrupted. A task that is killed, or whose caller has
// ended, is doomed at once: its context is cancelled and its result is settled, so those
// that await it go on. Its end is announced, to links and monitors, when the function
// returns. Functions that take long must watch their context.
//
// # Examples
//
// The examples are in example_test.go: waiting for a result, and not waiting; many tasks;
// streams; supervised tasks. The guide docs/guide/tasks.md goes through them.
package task
