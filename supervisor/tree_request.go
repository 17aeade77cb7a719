package supervisor

import "github.com/troupe-go/troupe/actor"

// treeRequest is the protocol of a Tree.
type treeRequest interface {
	serve(*treeActor, *actor.Context[treeRequest]) error
}

type (
	startChild struct {
		spec  Child
		reply actor.Reply[actor.PID]
	}
	terminateChild struct {
		id    string
		reply actor.Reply[struct{}]
	}
	restartChild struct {
		id    string
		reply actor.Reply[actor.PID]
	}
	deleteChild struct {
		id    string
		reply actor.Reply[struct{}]
	}
	changeChild struct {
		spec  Child
		reply actor.Reply[struct{}]
	}
	childSpec struct {
		id    string
		reply actor.Reply[Child]
	}
	whichChild struct {
		id    string
		reply actor.Reply[ChildInfo]
	}
	listChildren  struct{ reply actor.Reply[[]ChildInfo] }
	countChildren struct{ reply actor.Reply[Count] }

	// retry is what the supervisor sends to itself when a restart has failed, so
	// that the requests that wait have their turn before the next attempt (SUP-40);
	// with back-off it comes from a timer.
	retry struct {
		child *child
		cause error // of the restart
	}
)

func (r startChild) serve(s *treeActor, ctx *actor.Context[treeRequest]) error {
	start := func() (actor.PID, error) {
		c, err := s.startNew(ctx, r.spec)
		if err != nil {
			return actor.PID{}, err
		}
		return c.pid, nil
	}
	startFor(ctx, r.reply, start, func(actor.PID) { s.drop(ctx, r.spec.ID) })
	return nil
}

func (r terminateChild) serve(s *treeActor, ctx *actor.Context[treeRequest]) error {
	answer(ctx, r.reply, func() (none struct{}, err error) {
		return none, s.terminateChild(ctx, r.id)
	})
	return nil
}

func (r restartChild) serve(s *treeActor, ctx *actor.Context[treeRequest]) error {
	start := func() (actor.PID, error) {
		c, err := s.idle(r.id)
		if err != nil {
			return actor.PID{}, err
		}
		c.former = actor.PID{} // this is no restart of the supervisor's
		err = s.start(ctx, c)
		return c.pid, err
	}
	startFor(ctx, r.reply, start, func(actor.PID) { _ = s.terminateChild(ctx, r.id) })
	return nil
}

func (r deleteChild) serve(s *treeActor, ctx *actor.Context[treeRequest]) error {
	answer(ctx, r.reply, func() (none struct{}, err error) {
		c, err := s.idle(r.id)
		if err == nil {
			s.remove(c)
		}
		return none, err
	})
	return nil
}

// serve leaves the child as it is: the old description has judged what has happened to it
// until now (SUP-67).
func (r changeChild) serve(s *treeActor, ctx *actor.Context[treeRequest]) error {
	answer(ctx, r.reply, func() (none struct{}, err error) {
		c := s.byID[r.spec.ID]
		if c == nil {
			return none, ErrNotFound
		}
		if err := r.spec.validate(s.auto); err != nil {
			return none, err
		}
		waited := s.cancelWait(ctx, c)
		c.describe(r.spec.instead(c.spec))
		if waited && c.phase == restarting {
			c.queued = true
			ctx.Self().Send(retry{c, c.former.Err()})
		}
		return none, nil
	})
	return nil
}

func (r childSpec) serve(s *treeActor, ctx *actor.Context[treeRequest]) error {
	answer(ctx, r.reply, func() (Child, error) {
		if c := s.byID[r.id]; c != nil {
			return c.spec, nil
		}
		return Child{}, ErrNotFound
	})
	return nil
}

func (r whichChild) serve(s *treeActor, ctx *actor.Context[treeRequest]) error {
	answer(ctx, r.reply, func() (ChildInfo, error) {
		if c := s.byID[r.id]; c != nil {
			return c.info(), nil
		}
		return ChildInfo{}, ErrNotFound
	})
	return nil
}

func (r listChildren) serve(s *treeActor, _ *actor.Context[treeRequest]) error {
	list := make([]ChildInfo, 0, len(s.byID))
	for c := s.last; c != nil; c = c.prev {
		list = append(list, c.info())
	}
	r.reply.Send(list)
	return nil
}

func (r countChildren) serve(s *treeActor, _ *actor.Context[treeRequest]) error {
	var n Count
	for c := s.first; c != nil; c = c.next {
		n.Specs++
		if c.pid.Alive() {
			n.Active++
		}
		if c.spec.Type == TypeSupervisor {
			n.Supervisors++
		} else {
			n.Workers++
		}
	}
	r.reply.Send(n)
	return nil
}

func (r retry) serve(s *treeActor, ctx *actor.Context[treeRequest]) error {
	return s.carryOut(ctx, r.child, s.retry(r.child, s.now()), r.cause)
}

// startNew adds a child after all others and starts it. If there is an error, nothing is
// kept of the child, and it is nil (SUP-61).
func (s *treeActor) startNew(ctx *actor.Context[treeRequest], spec Child) (*child, error) {
	if spec.ID == "" {
		return nil, &SpecError{Field: "ID", Problem: "is missing"}
	}
	if err := spec.validate(s.auto); err != nil {
		return nil, err
	}
	if err := s.mayAdd(spec.ID); err != nil {
		return nil, err
	}
	c := newChild(spec)
	s.add(c)
	if err := s.start(ctx, c); err != nil {
		s.remove(c)
		return nil, err
	}
	return c, nil
}

// terminateChild stops a child, or ends the attempts to restart it.
func (s *treeActor) terminateChild(ctx *actor.Context[treeRequest], id string) error {
	if c := s.byID[id]; c != nil {
		c.pace.reset()
		s.cancelWait(ctx, c)
	}
	c, err := s.terminate(id)
	if c != nil {
		s.stop(ctx, c)
	}
	return err
}

// cancelWait takes back the retry that a back-off holds back, and reports whether
// there was one.
func (s *treeActor) cancelWait(ctx *actor.Context[treeRequest], c *child) bool {
	if c.pace == nil || !ctx.CancelTimer(c.spec.ID) {
		return false
	}
	c.queued = false
	return true
}

// drop stops a child and forgets it, if it is there.
func (s *treeActor) drop(ctx *actor.Context[treeRequest], id string) {
	if err := s.terminateChild(ctx, id); err != nil {
		return
	}
	if c, err := s.idle(id); err == nil { // it has not gone by itself, nor was this cut short
		s.remove(c)
	}
}
