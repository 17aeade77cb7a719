// Package actortest is a kit for tests of actors.
//
//	func TestPing(t *testing.T) {
//		sys := actortest.NewSystem(t)
//		probe := actortest.NewProbe[Pong](t, sys)
//		ref, _ := actor.Spawn(sys, newPinger)
//		ref.Send(Ping{probe.Ref()})
//		probe.Expect(Pong{1})
//		probe.ExpectNone(ref.PID())
//	}
//
// A [Probe] is an actor whose address is handed to the code under test; the test
// says what it expects to come. Every wait has a limit, 3 seconds unless
// [Probe.Within] says otherwise, and fails the test with an account of what did
// come. Waits return at once when what they wait for is there, so tests are as
// fast as the code.
//
// [Crash] ends an actor as if its handler had failed, and [Inject] makes a
// behavior fail, panic or get stuck at a message that the test chooses.
//
// # Time and order
//
// Nothing here sleeps. [Sync] waits until an actor has handled all that has been
// sent to it, which is how [Probe.ExpectNone] knows that nothing came. All of the
// package works inside a testing/synctest bubble, where the limits and the timers
// of the code under test run on virtual time; make the system inside of it. It
// works in parallel tests, each with a system of its own.
//
// Functions that take a testing.TB fail the test at once, with Fatal, and so must
// be called on the test's goroutine.
//
// # Examples
//
// The examples are in example_test.go: a probe, a fault, and how to show that nothing
// comes. The guide docs/guide/testing.md goes through them.
package actortest
