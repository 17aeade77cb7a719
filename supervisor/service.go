package supervisor

import (
	"context"
	"errors"

	"github.com/troupe-go/troupe/actor"
)

// Service returns a child that is a plain function, as most services in Go are
// written. The function runs on a goroutine of its own until it returns, and anew for
// each restart.
//
//   - If it returns nil, the child has ended with reason [actor.Normal], which
//     restarts a Permanent child but not a Transient one. If it returns another
//     error, or panics, the child has crashed, and that is the reason.
//   - Its context is cancelled when the child must end. An error that it returns then is
//     logged, unless that is the error of the context.
//   - If it does not return within its [Shutdown] time and one more second, it is
//     abandoned, see [actor.PID.Abandon]: it may go on running after its end has been
//     announced, and even beside its next incarnation.
//
// The child is an actor that spends its life in one handler. It takes no messages, and
// only an exit signal, which is what supervisors send, ends it; [actor.PID.Stop] would
// wait for its turn. The function gets the actor's PID from [actor.FromContext].
func Service(id string, run func(ctx context.Context) error, opts ...ChildOption) Child {
	var create func() service
	if run != nil {
		create = func() service { return service{id, run} }
	}
	return Actor(id, create, opts...)
}

// none is the message type of actors that get no messages.
type none struct{}

// service is the actor of a [Service]. It does not trap exits, so that the signal to end
// cancels the context of the handler that runs. It runs the function in a handler, so
// that its end is not announced before the function has returned (GO-2).
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

// runLogged runs the function. It logs an error of a child that has been told to end,
// because the exit reason is then fixed and does not tell. Panics are logged by the actor.
func (s service) runLogged(ctx *actor.Context[none]) error {
	err := s.run(ctx)
	if ctx.Err() != nil && err != nil && !errors.Is(err, context.Canceled) && !actor.IsClean(err) {
		ctx.System().Logger().Error(reportServiceFailed,
			"pid", ctx.PID(), "child", s.id, "reason", err)
	}
	return err
}

const reportServiceFailed = "supervisor: service failed while it was stopped"
