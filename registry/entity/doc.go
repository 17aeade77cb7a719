// Package entity has actors that are found by a key and started by the first that wants
// them: rooms, orders, users, devices. Each is supervised by itself.
//
//	rooms := entity.New(entity.Config{ID: "rooms"}, newRoom) // func newRoom(name string) *room
//
//	sup, err := supervisor.Start(sys, supervisor.Spec{
//		Children: []supervisor.Child{rooms.Child()},
//	})
//	…
//	lobby, err := rooms.Find(ctx, "lobby")  // a supervisor.Ref: it runs now
//	lobby.Send(hello{})
//	n, err := entity.Call(ctx, rooms, "lobby", newCount)
//
// # Restarts
//
// An entity that crashes is restarted under its key, after the [Config].Backoff of that key
// alone: one that crashes again and again costs the others nothing, and is tried again
// for ever. A [Set.Find] meanwhile waits for the restart, until its ctx is done; the error
// then says what the entity has crashed with. A Ref follows its entity over restarts. A
// first start that fails leaves nothing, and its error goes to all that wait for it.
//
// # The end of an entity
//
// An entity lives until it returns [actor.Stop], until [Set.Stop], or until nobody needs it
// any more: actors that need one for a while take it with [Set.Hold] in place of Find, and
// when the last of them has ended, or let go, the entity is stopped, [Config].Linger later.
// Those that come meanwhile keep it; those that come too late wait and get the next one, so
// that there is never a second incarnation beside the first. A Ref to an entity that has
// ended for good leads nowhere, also when there is a new one under its key.
//
// State that must outlive its entity belongs into a database, from which Init, or what it
// leaves to [actor.Context.Continue], reads it.
//
// # The set's supervisor
//
// Child is a supervisor whose children are the entities. It starts none in its own turn, so
// an Init may be slow: it keeps those waiting that want that key, and nobody else. If the
// set's supervisor is restarted its entities have ended; each starts anew when it is wanted.
// Until the restart a Find fails with [actor.NoProc], as it does before the set has been
// started.
//
// # Examples
//
// The tests run these files:
//
//   - example_test.go: a set in a tree, a restart, holders, errors;
//   - example_orders_test.go: calls by key, and entities that end when nothing happens.
//
// The program examples/orders has an entity for each order of an HTTP service.
//
// Elixir: a Registry with a DynamicSupervisor.
package entity
