package supervisor

import (
	"context"
	"errors"

	"github.com/troupe-go/troupe/actor"
)

// Service returns a child that is a plain function, as most services in Go are
// written: it runs on a goroutine of its own until it returns, and is run anew for
// each restart.
//
//   - If it returns nil the child has ended with reason [actor.Normal], which
//     restarts a Permanent child, but not a Transient one. If it returns another
//     error, or panics, that is a crash and its reason.
//   - Its context is cancelled when the child must end. What it returns then does
//     not matter, but an error of its own, other than that of the context, is
//     logged.
//   - If it does not return within its [Shutdown] time and a second more, it is
//     abandoned, see [actor.PID.Abandon]: it may go on running while others think
//     that it has ended, and even beside its next incarnation.
//
// The child is an actor that works on one thing all its life. So it has no use for
// messages, and of the ways to end it only exit signals work, which is what
// supervisors use: [actor.PID.Stop] would wait for its turn. The function gets the
// actor's PID from [actor.FromContext].
func Service(id string, run func(ctx context.Context) error, opts ...ChildOption) Child {
	return Actor(id, func() actor.Behavior[none] { return service{id, run} }, opts...)
}

// none is the message type of actors that get no messages.
type none struct{}

// service is the actor of a [Service]. It does not trap exits, so that the signal
// to end cancels the context of the handler that runs; and it runs the function
// in a handler, so that its end is not announced before the function has returned
// (GO-2).
type service struct {
	id  string
	run func(context.Context) error
}

// Init implements [actor.Initializer].
func (s service) Init(ctx *actor.Context[none]) error {
	ctx.MayBlock()
	ctx.Continue(s.serve)
	return nil
}

// Receive implements [actor.Behavior]. There is nothing to receive.
func (service) Receive(*actor.Context[none], none) error { return nil }

func (s service) serve(ctx *actor.Context[none]) error {
	if err := s.runLogged(ctx); err != nil {
		return err
	}
	return actor.Stop
}

// runLogged logs an error once the child has been told to end: its exit reason is fixed
// by then and will not tell. A panic is logged by the actor in any case.
func (s service) runLogged(ctx *actor.Context[none]) error {
	err := s.run(ctx)
	if ctx.Err() != nil && err != nil && !errors.Is(err, context.Canceled) && !actor.IsClean(err) {
		ctx.System().Logger().Error(reportServiceFailed,
			"pid", ctx.PID(), "name", ctx.PID().Name(), "child", s.id, "reason", err)
	}
	return err
}

const reportServiceFailed = "supervisor: service failed while it was stopped"
