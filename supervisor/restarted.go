package supervisor

import (
	"context"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// Restarted describes the restart of one child by its supervisor. A round of several
// children makes several. A start by [Tree.RestartChild] makes none.
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
