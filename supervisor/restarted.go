package supervisor

import (
	"context"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor/roll"
)

// Restarted describes the restart of one child by its supervisor. A round of several
// children makes several. A start by [Tree.RestartChild] makes none.
//
// It is an event of the system, see [actor.System.Observe]: of this package's supervisors,
// and of those of packages pool and entity. It comes after the [actor.Spawned] of New, and
// perhaps before the [actor.Exited] of Old.
//
// A supervisor calls the OnRestart of its Spec or DynamicSpec and waits, so that must be
// quick and must make no request of that supervisor. After a second the supervisor goes
// on. A panic or runtime.Goexit in OnRestart is logged and goes no further.
type Restarted struct {
	Supervisor actor.PID
	Child      string    // its ID, "" in a dynamic supervisor
	Old        actor.PID // zero if the child did not run before the round
	New        actor.PID // it may have ended by now
	Reason     error     // why Old ended; nil if Old is zero

	// Count is how many rounds of restarts there were within the last Period, this one
	// included.
	Count int
	// Took is the time from the moment when the supervisor learnt of Old's end, or told
	// it to end, until New was ready. It includes failed attempts and the back-off. It
	// is 0 if Old is zero.
	Took time.Duration

	Restarts int       // how often this child has been restarted in all
	At       time.Time // when New was ready
}

// ActorEvent implements [actor.Event].
func (Restarted) ActorEvent() {}

// GaveUp is the event of a supervisor that ends because it has used up its restarts, see
// [Spec.Intensity].
type GaveUp struct {
	Supervisor actor.PID
	Child      string        // the one that would have been the next, "" in a dynamic supervisor
	PID        actor.PID     // its last incarnation
	Reason     error         // why that ended, or why another did not start
	Intensity  int           // more than so many restarts
	Period     time.Duration // in so much time
}

// ActorEvent implements [actor.Event].
func (GaveUp) ActorEvent() {}

// gaveUp tells that a supervisor ends because of its budget.
func (b *budget) gaveUp(self actor.Self, child string, pid actor.PID, cause error) {
	if !self.System().Observed() {
		return
	}
	if f, ok := cause.(*startFailure); ok {
		cause = f.error
	}
	self.System().Emit(GaveUp{self.PID(), child, pid, cause, b.max, b.period})
}

// history is what a supervisor remembers of restarts.
type history struct{ roll.History[Restarted] }

// of returns those that have led to the incarnation pid of a child, oldest first.
func (h *history) of(pid actor.PID) []Restarted {
	return h.Of(pid, func(r Restarted) (string, actor.PID, actor.PID) { return r.Child, r.Old, r.New })
}

// note tells of a restart, and calls the hook, if there is one.
func (h *history) note(self actor.Self, hook func(Restarted), r Restarted) {
	r.Supervisor, r.At = self.PID(), time.Now()
	if !r.Old.IsZero() {
		r.Reason = r.Old.Err()
	}
	h.Add(r)
	r.New.SetRestarts(r.Restarts)
	if self.System().Observed() {
		self.System().Emit(r)
	}
	if hook == nil {
		return
	}
	ctx, cancel := context.WithTimeout(self, hookPatience)
	defer cancel()
	if err := actor.Guard(ctx, func() error { hook(r); return nil }); err != nil {
		self.System().Logger().Error("supervisor: OnRestart failed", "supervisor", self.PID(), "reason", err)
	}
}

// hookPatience is how long a supervisor waits for a hook.
const hookPatience = time.Second
