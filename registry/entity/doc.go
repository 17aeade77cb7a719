// Package entity has actors that are found by a key and started by the first that wants
// them: rooms, orders, users, devices.
//
//	rooms := entity.New(entity.Config{ID: "rooms"}, newRoom) // func newRoom(name string) *room
//	sup, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{rooms.Child()}})
//	…
//	lobby, err := rooms.Find(ctx, "lobby")
//	lobby.Send(hello{})
//
// Elixir: a Registry with a DynamicSupervisor.
package entity
