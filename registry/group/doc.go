// Package group has named groups of actors.
//
//	var workers group.Set[string]
//	err := workers.Join("resize", ref.PID())
//	for _, pid := range workers.Members("resize") { ... }
//
// A [Set] is what a scope is in pg: groups in different sets have nothing to do
// with each other. A group exists while it has members.
//
// An actor's memberships are gone before any link or monitor hears of its end; pg
// promises only that they go some time later. As in pg, joins are counted: an
// actor that has joined twice is listed twice and leaves by leaving twice.
//
// All members are local so far. LocalMembers is for callers that will not want others,
// once a cluster has them.
//
// # Examples
//
// The examples are in example_test.go: a group, its members, and who hears of changes.
//
// OTP: pg.
package group
