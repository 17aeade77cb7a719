package supervisor

import (
	"context"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// Restarted tells of one child that a supervisor has restarted by itself. In a
// round of several each of them is told of. A child that was started by RestartChild
// was not restarted.
//
// Spec.OnRestart and DynamicSpec.OnRestart are called with it while the supervisor
// waits, so they must be quick, and must make no request of that supervisor. A panic or
// runtime.Goexit in them is logged, and goes no further; after a second the supervisor
// waits no longer.
type Restarted struct {
	Supervisor actor.PID
	Child      string    // its ID, "" in a dynamic supervisor
	Old        actor.PID // zero if the child did not run before the round
	New        actor.PID // it may have ended by now
	Reason     error     // why Old ended; nil if Old is zero

	// Count is how many restarts there were within the last Period, by the
	// supervisor's budget: this one's round included.
	Count int
	// Took is the time from when the supervisor learnt of Old's end, or told it to
	// end, until New was ready: failed attempts and the back-off included. It is 0
	// if Old is zero.
	Took time.Duration
}

// tell calls the hook, if there is one.
func tell(self actor.Self, hook func(Restarted), r Restarted) {
	if hook == nil {
		return
	}
	r.Supervisor, r.Reason = self.PID(), nil
	if !r.Old.IsZero() {
		r.Reason = r.Old.Err()
	}
	ctx, cancel := context.WithTimeout(self, hookPatience)
	defer cancel()
	if err := actor.Guard(ctx, func() error { hook(r); return nil }); err != nil {
		self.System().Logger().Error("supervisor: OnRestart failed", "supervisor", self.PID(), "reason", err)
	}
}

// hookPatience is how long a supervisor waits for a hook.
const hookPatience = time.Second
