// Package mailbox says how many messages may wait for an actor, and what becomes of
// the next one.
//
// An actor's mailbox is unbounded unless it is spawned with a [Limit]:
//
//	actor.Spawn(sys, newWorker, actor.Mailbox(mailbox.Bounded(100, mailbox.Fail)))
//
// # Examples
//
// The examples are in example_test.go: a mailbox that is full.
package mailbox
