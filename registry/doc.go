// Package registry finds actors by keys. In a [Registry] a key has one actor, and an
// actor any number of keys. In a [Multi] a key has any number of actors.
//
//	var rooms registry.Registry[string]
//	room, err := actor.Spawn(sys, newRoom, rooms.As("lobby"))
//	room, err := registry.Lookup[RoomMsg](&rooms, "lobby")
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
// An actor that is spawned with [Registry.As] has its key from before its Init, also when a
// supervisor restarts it, and the spawn of a second one under the same key fails with a
// [*TakenError] before it has done anything. To start the actor of a key when somebody
// wants it, supervised, is what package
// [github.com/troupe-go/troupe/registry/entity] is for.
//
// # Examples
//
// The examples are in example_test.go: unique and shared keys, keys over restarts,
// observers.
package registry
