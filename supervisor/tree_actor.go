package supervisor

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// treeActor is the actor of a [Tree]. Its policy decides; treeActor starts and stops
// children accordingly, and reports.
type treeActor struct {
	*policy
	spec  Spec
	epoch time.Time // the zero of the policy's times
	past  history
}

func newTreeActor(spec Spec) func() *treeActor {
	spec.Children = slices.Clone(spec.Children) // later incarnations read it as well
	return func() *treeActor { return &treeActor{spec: spec} }
}

// now is the time by the monotonic clock.
func (s *treeActor) now() time.Duration { return time.Since(s.epoch) }

// Init implements [actor.Initializer]: it starts the children, all or none (SUP-10,
// SUP-11).
func (s *treeActor) Init(ctx *actor.Context[treeRequest]) error {
	ctx.TrapExit(true) // SUP-6
	if err := s.spec.validate(); err != nil {
		return err
	}
	s.policy, s.epoch = newPolicy(s.spec), time.Now()
	for _, spec := range s.spec.Children {
		c := newChild(spec)
		s.add(c)
		if err := s.start(ctx, c); err != nil {
			if !isCutShort(ctx) {
				report(ctx, slog.LevelInfo, reportStartFailed, c.spec.ID, actor.PID{}, err)
			}
			s.stopChildren(ctx)
			return fmt.Errorf("child %q: %w", c.spec.ID, err)
		}
	}
	return nil
}

// Receive implements [actor.Behavior].
func (s *treeActor) Receive(ctx *actor.Context[treeRequest], r treeRequest) error {
	return r.serve(s, ctx)
}

// HandleExit implements [actor.ExitHandler]. Exits of strangers are ignored
// (SUP-26); among them are those of children that the supervisor has stopped.
func (s *treeActor) HandleExit(ctx *actor.Context[treeRequest], exit actor.Exit) error {
	c := s.byPID[exit.From]
	if c == nil {
		return nil
	}
	d := s.exited(c, !exit.Crashed(), s.now())
	if d.report {
		report(ctx, endLevel(exit.From), reportTerminated, c.spec.ID, exit.From, exit.Reason)
	}
	return s.carryOut(ctx, c, d, exit.Reason)
}

// Terminate implements [actor.Terminator].
func (s *treeActor) Terminate(ctx *actor.Context[treeRequest], _ error) { s.stopChildren(ctx) }

// carryOut does what has been decided about the child c. The cause is the reason of its
// end, or the error of its last start.
func (s *treeActor) carryOut(ctx *actor.Context[treeRequest], c *child, d decision, cause error) error {
	switch d.verdict {
	case intensitySpent:
		report(ctx, slog.LevelWarn, reportGaveUp, c.spec.ID, actor.PID{}, s.budget.err())
		s.budget.gaveUp(ctx, c.spec.ID, c.former, cause)
		return newEnding(ctx, strconv.Quote(c.spec.ID), s.budget.err().Error(), cause)
	case autoShutdown:
		return newEnding(ctx, strconv.Quote(c.spec.ID), "has ended and is significant", cause)
	}
	for _, c := range d.round.stop {
		c.lost(s.now())
		if !s.stop(ctx, c) {
			return nil
		}
	}
	if d.wait > 0 {
		s.retryAfter(ctx, c, d.wait, cause)
		return nil
	}
	for _, c := range d.round.start {
		if isCutShort(ctx) {
			return nil
		}
		if err := s.start(ctx, c); err != nil {
			if isCutShort(ctx) {
				return nil
			}
			report(ctx, failureLevel(err), reportStartFailed, c.spec.ID, actor.PID{}, err)
			queue := s.restartFailed(c)
			switch {
			case closed(err):
			case c.pace != nil:
				s.retryAfter(ctx, c, c.pace.failed(), err)
			case queue:
				ctx.Self().Send(retry{c, err})
			}
			return nil
		}
		s.restarted(ctx, c)
	}
	return nil
}

// retryAfter queues a retry when the time has come. It replaces an earlier one that
// still waits.
func (s *treeActor) retryAfter(ctx *actor.Context[treeRequest], c *child, d time.Duration, cause error) {
	ctx.SetTimer(c.spec.ID, d, retry{c, cause})
}

// restarted counts and announces the restart of a child, unless the child did not want
// to start.
func (s *treeActor) restarted(ctx *actor.Context[treeRequest], c *child) {
	old := c.former
	if c.former = (actor.PID{}); c.phase != running {
		return
	}
	c.restarts++
	r := Restarted{Child: c.spec.ID, Old: old, New: c.pid, Count: len(s.budget.spent), Restarts: c.restarts}
	if !old.IsZero() {
		r.Took = s.now() - c.downAt
	}
	s.past.note(ctx, s.spec.OnRestart, r)
}

// start starts a child. That it does not want to start is no failure.
func (s *treeActor) start(ctx *actor.Context[treeRequest], c *child) error {
	pid, err := start(ctx, c.spec.starter())
	switch {
	case err == nil:
		s.started(c, pid)
		if c.pace != nil {
			c.pace.started(s.now())
		}
	case ignored(err):
		s.stoppedOrIgnored(c)
		err = nil
	}
	return err
}

// stop stops a child and waits for its end. It reports false if the supervisor was
// killed meanwhile.
func (s *treeActor) stop(ctx *actor.Context[treeRequest], c *child) bool {
	pid := c.pid
	if !stopAll(ctx, []victim{{pid, c.spec.Shutdown}}) {
		return false
	}
	if !c.spec.expected(pid) {
		report(ctx, endLevel(pid), reportStopFailed, c.spec.ID, pid, pid.Err())
	}
	s.stoppedOrIgnored(c)
	return true
}

// stopChildren stops all children, one after the other in reverse order (SUP-12).
func (s *treeActor) stopChildren(ctx *actor.Context[treeRequest]) {
	for c := s.last; c != nil; {
		prev := c.prev
		if c.phase == running && !s.stop(ctx, c) {
			return
		}
		c = prev
	}
}
