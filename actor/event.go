package actor

import (
	"reflect"
	"time"
)

// Event is something that happened in a [System]: [Spawned], [Crashed], [Exited],
// [DeadLetter], [HighWater] or [SlowHandler], or what another package tells by
// [System.Emit], as package supervisor does of restarts.
//
// A mirror of the system can rely on an order. [Spawned] is told before the actor handles
// anything, and so before it spawns another; [Exited] is told once of each actor of which
// Spawned was, and after it. An observer has returned from the one before it is called with
// the other, unless it hangs. The end of a parent may be told before that of its children,
// and a restart before the end of the actor that it replaces. [DeadLetter] and [HighWater]
// may come at any time, and a [Crashed] after Exited if the actor was abandoned. What was
// there before [System.Observe] is in [System.Actors]: ask after the call, and leave out
// what has exited since.
type Event interface {
	// ActorEvent does nothing. It tells events from other types.
	ActorEvent()
}

// Spawned tells that an actor has been spawned. Its Init has not run yet.
type Spawned struct {
	PID      PID
	Parent   PID          // zero if it was not spawned with a link
	Behavior reflect.Type // of the user's behavior; see [Wrapper]
	Name     string       // by the option [Name], or ""
	Label    string       // by the option [Label], or ""; a [Labeler] is not asked yet
}

// Crashed tells that an actor has failed by itself: a handler has panicked or returned an
// error that is no clean reason, or the end of something that the actor owned has panicked.
// Actors that end because of it have not, nor have those that are killed; see
// [Exited.Crashed] for these. Nobody knows of the actor's end yet.
//
// OTP: the crash report of proc_lib.
type Crashed struct {
	PID      PID
	Parent   PID
	Behavior reflect.Type // nil if that is not known, because the actor was abandoned
	Name     string
	Label    string // see [PID.Label]
	Waiting  int    // messages in the mailbox
	Handled  uint64 // messages that it has handled, or taken to work on
	Reason   error  // a [*PanicError] has the stack
}

// Exited tells that an actor has ended. Links and monitors have been told.
type Exited struct {
	PID      PID
	Parent   PID
	Behavior reflect.Type // as in Spawned, whatever the actor has become since
	Name     string
	Label    string    // see [PID.Label]
	Started  time.Time // to a tenth of a second
	Reason   error

	verdict *doom // nil if Reason can be judged again
}

// Crashed reports whether the end was a crash, that is, not a clean one; see
// [Exit.Crashed].
func (e Exited) Crashed() bool { return crashed(e.verdict, e.Reason) }

// DeadLetter tells that a message was not, and will not be, handled.
type DeadLetter struct {
	To      PID
	Message any
	Reason  error // NoProc: the actor has ended; ErrFull: its mailbox was full
}

// HighWater tells that the messages waiting for an actor have reached the
// high-water mark of its mailbox; see [mailbox.Limit].
type HighWater struct {
	PID     PID
	Waiting int
}

// ActorEvent implements [Event].
func (Spawned) ActorEvent() {}

// ActorEvent implements [Event].
func (Crashed) ActorEvent() {}

// ActorEvent implements [Event].
func (Exited) ActorEvent() {}

// ActorEvent implements [Event].
func (DeadLetter) ActorEvent() {}

// ActorEvent implements [Event].
func (HighWater) ActorEvent() {}

// deadLetter records a message that nobody will handle.
func deadLetter[M any](to *process, m M, reason error) {
	s := to.sys
	s.deadLetters.Add(1)
	if s.Observed() {
		s.Emit(DeadLetter{PID{to}, m, reason})
	}
	s.logDeadLetters(to, reason)
}
