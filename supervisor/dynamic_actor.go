package supervisor

import (
	"log/slog"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// dynamicActor is the actor of a [Dynamic]. Its roster decides.
type dynamicActor struct {
	*roster
	spec  DynamicSpec
	epoch time.Time // the zero of the roster's times
	past  history
}

func newDynamicActor(spec DynamicSpec) func() *dynamicActor {
	return func() *dynamicActor { return &dynamicActor{spec: spec} }
}

// now is the time by the monotonic clock.
func (s *dynamicActor) now() time.Duration { return time.Since(s.epoch) }

// Init implements [actor.Initializer].
func (s *dynamicActor) Init(ctx *actor.Context[dynamicRequest]) error {
	ctx.TrapExit(true)
	s.roster, s.epoch = newRoster(s.spec), time.Now()
	return s.spec.validate()
}

// Receive implements [actor.Behavior].
func (s *dynamicActor) Receive(ctx *actor.Context[dynamicRequest], r dynamicRequest) error {
	return r.serve(s, ctx)
}

// HandleExit implements [actor.ExitHandler]. Exits of strangers are ignored.
func (s *dynamicActor) HandleExit(ctx *actor.Context[dynamicRequest], exit actor.Exit) error {
	m, d, known := s.exited(exit.From, !exit.Crashed(), s.now())
	if !known {
		return nil
	}
	if d.report {
		report(ctx, endLevel(exit.From), reportTerminated, "", exit.From, exit.Reason)
	}
	return s.carryOut(ctx, exit.From, m, d, exit.Reason)
}

// Terminate implements [actor.Terminator]: it stops all children at once (DYN-5).
func (s *dynamicActor) Terminate(ctx *actor.Context[dynamicRequest], _ error) {
	victims := make([]victim, 0, len(s.members))
	for pid, m := range s.members {
		if !m.restarting {
			victims = append(victims, victim{pid, m.limit})
		}
	}
	if !stopAll(ctx, victims) {
		return
	}
	for _, v := range victims {
		s.reportStop(ctx, v.pid, s.members[v.pid])
	}
}

// carryOut does what has been decided about the member with the given PID. The cause is
// the reason of its end, or the error of its last start.
func (s *dynamicActor) carryOut(ctx *actor.Context[dynamicRequest], pid actor.PID, m member, d memberDecision, cause error) error {
	if d.verdict == intensitySpent {
		report(ctx, slog.LevelWarn, reportGaveUp, "", pid, s.budget.err())
		s.budget.gaveUp(ctx, "", pid, cause)
		return newEnding(ctx, pid.String(), s.budget.err().Error(), cause)
	}
	if d.wait > 0 {
		s.retryAfter(ctx, pid, d.wait, cause)
		return nil
	}
	if !d.restart {
		return nil
	}
	again, err := start(ctx, m.start)
	switch {
	case err == nil:
		now := s.now()
		s.restarted(pid, again)
		m.pace.started(now)
		s.past.note(ctx, s.spec.OnRestart, Restarted{Old: pid, New: again, Count: len(s.budget.spent),
			Took: now - m.downAt, Restarts: int(m.restarts) + 1})
	case ignored(err):
		_, err = s.forget(pid)
		return err
	case isCutShort(ctx):
	default:
		report(ctx, failureLevel(err), reportStartFailed, "", pid, err)
		s.restartFailed(pid)
		switch {
		case closed(err):
		case m.pace != nil:
			s.retryAfter(ctx, pid, m.pace.failed(), err)
		default:
			ctx.Self().Send(retryMember{pid, err})
		}
	}
	return nil
}

// retryAfter queues a retry when the time has come.
func (s *dynamicActor) retryAfter(ctx *actor.Context[dynamicRequest], former actor.PID, d time.Duration, cause error) {
	ctx.SetTimer(former.String(), d, retryMember{former, cause})
}

// reportStop reports a member that was told to end and did not do so in order.
func (s *dynamicActor) reportStop(ctx *actor.Context[dynamicRequest], pid actor.PID, m member) {
	c := Child{Restart: m.restart, Shutdown: m.limit}
	if !c.expected(pid) {
		report(ctx, endLevel(pid), reportStopFailed, "", pid, pid.Err())
	}
}
