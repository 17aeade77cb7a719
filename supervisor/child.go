package supervisor

import (
	"math"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// Child describes a child of a supervisor. [Actor], [Service], [Server], [Task],
// [Supervisor] and [DynamicSupervisor] make the common ones.
//
// OTP: supervisor:child_spec().
type Child struct {
	// ID names the child within its supervisor; a [Dynamic] ignores it. It is also the
	// label of the actor that [Actor] and the like make, see [actor.PID.Label], so that
	// its crash shows which child it was.
	ID string

	// Start starts the child with actor.SpawnLink(parent, …) and returns its PID. It is
	// called anew for each restart, while the supervisor waits; a panic in it is a start
	// that failed. An error that wraps [actor.Ignore] says that there is to be no child
	// now: a [Tree] keeps the description, unless it is Temporary, and a [Dynamic] keeps
	// nothing.
	Start func(parent actor.Self) (actor.PID, error)

	Restart  Restart  // default: Permanent
	Shutdown Shutdown // default: 5 s for a worker, Infinity for a supervisor
	Backoff  Backoff  // default: restarts do not wait

	// Significant children count for [AutoShutdown]. They must be Transient or
	// Temporary, in a supervisor that has an AutoShutdown.
	Significant bool

	Type Type // default: TypeWorker

	followers *followers
}

// Restart says which ends of a child call for a restart. A clean end is one with
// reason Normal or Shutdown, see [actor.IsClean]; every other end is a crash.
//
// It is a [ChildOption].
type Restart uint8

const (
	// Permanent: after every end.
	Permanent Restart = iota
	// Transient: after a crash. After a clean end the description stays.
	Transient
	// Temporary: never. The description goes with the child, even if the child
	// was stopped only because a sibling is restarted.
	Temporary
)

// String returns the setting as OTP writes it.
func (r Restart) String() string { return name(r, "permanent", "transient", "temporary") }

// wanted reports whether the end of such a child calls for a restart.
func (r Restart) wanted(clean bool) bool {
	return r == Permanent || r == Transient && !clean
}

// notable reports whether the end of such a child is reported (SUP-20).
func (r Restart) notable(clean bool) bool { return r == Permanent || !clean }

// Shutdown says how long a child may take to end after its supervisor has told it to:
// a duration in nanoseconds, or [BrutalKill] or [Infinity]. The zero Shutdown
// means the default: 5 s for a worker, Infinity for a supervisor.
//
// It is a [ChildOption]: supervisor.Shutdown(10 * time.Second).
type Shutdown time.Duration

const (
	// BrutalKill kills at once; Terminate does not run.
	BrutalKill Shutdown = -1
	// Infinity waits as long as it takes and never kills. A child that does not
	// end keeps its supervisor from ending.
	Infinity Shutdown = math.MaxInt64

	defaultShutdown = Shutdown(5 * time.Second)
)

// String returns the duration, or the setting as OTP writes it.
func (s Shutdown) String() string {
	switch s {
	case BrutalKill:
		return "brutal_kill"
	case Infinity:
		return "infinity"
	case 0:
		return "default"
	}
	return time.Duration(s).String()
}

// Type tells workers and supervisors apart. It decides the default [Shutdown] and
// is shown in listings; nothing else depends on it.
type Type uint8

const (
	TypeWorker     Type = iota // any actor that is no supervisor
	TypeSupervisor             // the root of a tree of its own
)

// String returns the type as OTP writes it.
func (t Type) String() string { return name(t, "worker", "supervisor") }

// A ChildOption changes the [Child] that [Actor], [Service], [Supervisor] and the like
// make. Values of [Restart], [Shutdown] and [Backoff] are options, and so are
// [Significant] and what [With] returns.
type ChildOption interface{ apply(*draft) }

// draft is a Child in the making.
type draft struct {
	Child
	spawn []actor.Option
}

type optionFunc func(*draft)

func (f optionFunc) apply(d *draft) { f(d) }

func (r Restart) apply(d *draft)  { d.Restart = r }
func (s Shutdown) apply(d *draft) { d.Shutdown = s }

// Significant makes the child count for [AutoShutdown].
var Significant ChildOption = optionFunc(func(d *draft) { d.Significant = true })

// With passes options on to the child's spawn: With(actor.Name("store")).
func With(opts ...actor.Option) ChildOption {
	return optionFunc(func(d *draft) { d.spawn = append(d.spawn, opts...) })
}

func newDraft(id string, t Type, opts []ChildOption) draft {
	d := draft{Child: Child{ID: id, Type: t}}
	if id != "" {
		d.spawn = append(d.spawn, actor.Label(id))
	}
	for _, o := range opts {
		o.apply(&d)
	}
	return d
}

// Actor returns a child that is an actor with the behavior that create makes, once for
// each incarnation. The type of its messages is inferred: create may return a struct
// pointer.
//
// A restarted actor has another PID. Clients that outlive it have a [Ref] of it, from
// [ActorRef], or find it by name, see [With] and [actor.Lookup].
func Actor[M any, B actor.Behavior[M]](id string, create func() B, opts ...ChildOption) Child {
	d := newDraft(id, TypeWorker, opts)
	if create == nil {
		return d.Child // which has no Start, and so fails that of its supervisor
	}
	spawn := d.spawn
	d.Start = func(parent actor.Self) (actor.PID, error) {
		return spawned(actor.SpawnLink(parent, create, spawn...))
	}
	return d.Child
}

// ActorRef is [Actor] with a Ref that follows the child over its restarts:
//
//	child, house := supervisor.ActorRef("house", newHouse)
//
// OTP: {local, Name}.
func ActorRef[M any, B actor.Behavior[M]](id string, create func() B, opts ...ChildOption) (Child, Ref[M]) {
	return Follow[M](Actor(id, create, opts...))
}
