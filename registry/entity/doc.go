// Package entity has actors that are found by a key and started by the first that wants
// them: rooms, orders, users, devices.
//
//	rooms := entity.New(entity.Config{ID: "rooms"}, newRoom) // func newRoom(name string) *room
//	sup, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{rooms.Child()}})
//	…
//	lobby, err := rooms.Find(ctx, "lobby")
//	lobby.Send(hello{})
//
// # Examples
//
// The examples are in example_orders_test.go: orders that are found by their number, and end
// when nobody works on them. The guide docs/guide/actors.md explains them.
//
// Elixir: a Registry with a DynamicSupervisor.
package entity
