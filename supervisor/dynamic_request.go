package supervisor

import "github.com/troupe-go/troupe/actor"

// dynamicRequest is the protocol of a dynamic supervisor.
type dynamicRequest interface {
	serve(*dynamicActor, *actor.Context[dynamicRequest]) error
}

type (
	startDynamicChild struct {
		spec  Child
		reply actor.Reply[actor.PID]
	}
	terminateDynamicChild struct {
		pid   actor.PID
		reply actor.Reply[struct{}]
	}
	listDynamicChildren  struct{ reply actor.Reply[[]ChildInfo] }
	countDynamicChildren struct{ reply actor.Reply[Count] }

	// retryMember is what the supervisor sends to itself when a restart has failed or
	// must wait.
	retryMember struct {
		former actor.PID
		cause  error // of the restart
	}
)

func (r startDynamicChild) serve(s *dynamicActor, ctx *actor.Context[dynamicRequest]) error {
	start := func() (actor.PID, error) { return s.startNew(ctx, r.spec) }
	startFor(ctx, r.reply, start, func(pid actor.PID) { s.terminateChild(ctx, pid) })
	return nil
}

func (s *dynamicActor) startNew(ctx *actor.Context[dynamicRequest], spec Child) (actor.PID, error) {
	if err := spec.validate(never); err != nil {
		return actor.PID{}, err
	}
	if err := s.mayAdd(); err != nil {
		return actor.PID{}, err
	}
	pid, err := start(ctx, spec.starter())
	if err == nil {
		s.add(pid, newMember(spec))
	}
	return pid, err
}

func (r terminateDynamicChild) serve(s *dynamicActor, ctx *actor.Context[dynamicRequest]) error {
	answer(ctx, r.reply, func() (none struct{}, err error) {
		return none, s.terminateChild(ctx, r.pid)
	})
	return nil
}

func (s *dynamicActor) terminateChild(ctx *actor.Context[dynamicRequest], pid actor.PID) error {
	m, err := s.forget(pid)
	if m.restarting && m.pace != nil {
		ctx.CancelTimer(pid.String())
	}
	if err == nil && !m.restarting && stopAll(ctx, []victim{{pid, m.limit}}) {
		s.reportStop(ctx, pid, m)
	}
	return err
}

func (r listDynamicChildren) serve(s *dynamicActor, _ *actor.Context[dynamicRequest]) error {
	list := make([]ChildInfo, 0, len(s.members))
	for pid, m := range s.members {
		list = append(list, m.info(pid))
	}
	r.reply.Send(list)
	return nil
}

func (r countDynamicChildren) serve(s *dynamicActor, _ *actor.Context[dynamicRequest]) error {
	r.reply.Send(s.count())
	return nil
}

func (r retryMember) serve(s *dynamicActor, ctx *actor.Context[dynamicRequest]) error {
	m, d := s.retry(r.former, s.now())
	return s.carryOut(ctx, r.former, m, d, r.cause)
}
