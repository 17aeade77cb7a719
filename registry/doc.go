// Package registry finds actors by keys. A [Registry] is Elixir's Registry with
// unique keys: a key has one actor, an actor any number of keys. A [Multi] is the
// one with duplicate keys: a key has any number of actors.
//
//	var rooms registry.Registry[string]
//	err := rooms.Register("lobby", ref.PID())
//	ref, err := registry.Lookup[RoomMsg](&rooms, "lobby")
//
// A registry is not an actor: reading and registering are calls of some tens and
// some hundreds of nanoseconds on the caller's goroutine, and there is no process
// whose crash could take the registry down. A lookup takes no lock, and the keys are
// spread over many locks for changes, so that it scales with the processors.
//
// # Death
//
// An actor's keys are free before any link or monitor hears of its end. An actor that
// gets a down or an exit signal finds the keys gone, and can register a successor under
// them at once; Elixir promises only that this will be so some time later.
//
// Earlier still, from the moment that an actor is doomed, it is no longer found
// and its keys may be taken, although a handler of it may still run.
//
// # One actor for a key
//
// [LookupOrStart] returns the actor under a key and starts it if there is none,
// without a race between callers. An actor that a supervisor restarts registers
// itself, first thing in its Init; the spawn of a second one under the same key
// then fails with a [*TakenError] before it has done anything.
package registry
