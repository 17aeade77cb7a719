// Package actor is an actor runtime with the semantics of Erlang processes.
//
// An actor is a [Behavior] with a mailbox: it handles one message at a time, so
// its state needs no lock. [Spawn] starts one in a [System] and returns a [Ref],
// the typed address that messages are sent to; a [PID] is its untyped identity.
// An idle actor has no goroutine and costs a few hundred bytes.
//
//	ref, err := actor.Spawn(sys, newCounter)    // func newCounter() *counter
//	ref.Send(add(2))
//	n, err := actor.Call(ctx, ref, newGet)      // func newGet(r actor.Reply[int]) msg
//
// The package example shows the shape that an actor usually has: a client type with the
// functions that a program calls, and messages that do their work on the state.
//
// # Death
//
// An actor ends with a reason, which is an error:
//
//   - [Normal], if a handler has returned [Stop];
//   - the error, if a handler has returned another one;
//   - a [*PanicError], if a handler has panicked;
//   - [Killed], if the actor was killed.
//
// A panic costs that one actor.
//
// A link ties two actors: when one ends, the other gets an exit signal with the reason.
// That ends it, too, unless the reason is Normal. An actor that traps exits is told
// instead. A monitor only tells of the end.
//
// # Order
//
// What one actor sends to another arrives in the order in which it was sent, exit signals
// and downs included: an actor that hears of a death has got all that the dead actor sent
// before. Only lethal signals act at once, ahead of what waits.
//
// # Others' code
//
// A handler that panics, calls runtime.Goexit, returns an error whose methods panic, or
// never returns, harms its own actor and no other. Observers, log handlers and inspections
// run behind a [Guard]; one that must not block, and does, is left alone. Whether a reason
// is a crash is found out once, where it comes up: code that is told of an end asks
// [Exit.Crashed] and need not call a method of the reason.
//
// # What Go cannot do
//
// A running handler cannot be interrupted. A kill cancels the actor's [Context], drops its
// mailbox and starts no further handler. From then on the actor counts as dead to those
// that ask. But its end is announced when the handler has returned, so that a restarted
// actor never runs beside its former self. [PID.Abandon] is for those that cannot wait.
//
// A panic on a goroutine that a handler started, a concurrent map write, a stack
// overflow by deep recursion and running out of memory end the whole program, as
// everywhere in Go; see [Context.Go] for the first.
//
// # Examples
//
// The tests run these files:
//
//   - example_test.go: a counter and its client, calls, links, monitors, timers, shutdown;
//   - example_ask_to_test.go: a question whose answer comes as a message;
//   - example_sys_test.go: names, labels, looking into an actor that runs, other code for it,
//     guards;
//   - example_instrument_test.go: metrics of all handlers, and the number of a request that
//     goes along with its messages;
//   - watchdog_test.go: how a handler that takes too long is found;
//   - stack_test.go: what an actor does that does not answer;
//   - all_test.go: a walk over all actors;
//   - meter_test.go: which actor keeps its messages waiting.
//
// The program examples/start is an actor in an HTTP service. The guides docs/guide/start.md
// and docs/guide/actors.md go through both, and docs/otp.md has the functions of OTP next
// to those of Troupe.
package actor
