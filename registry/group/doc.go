// Package group has named groups of actors, on one node or on all nodes of a cluster.
//
//	var workers group.Set[string]
//	err := workers.Join("images", ref.PID())
//	for _, member := range workers.Members("images") { ... }
//
// A [Set] is what a scope is in pg: groups in different sets have nothing to do
// with each other. A group exists while it has members.
//
// An actor's memberships are gone before any link or monitor hears of its end; pg
// promises only that they go some time later. As in pg, joins are counted: an
// actor that has joined twice is listed twice and leaves by leaving twice.
//
// What the members are sent is a [Message]: to all of a group, or to one of them.
//
// # Over nodes
//
// [Child] connects a set to those of its name on the other nodes. Nothing else changes: Join,
// Leave, Members, Observe and a Message are the same, for the members of all nodes. Its doc
// comment says what holds when nodes crash, or are cut off.
//
// # Examples
//
// The examples are in example_test.go: a group, its members, and how changes are told; and the
// same on two nodes.
//
// OTP: pg.
package group
