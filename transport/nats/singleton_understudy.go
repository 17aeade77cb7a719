package nats

import (
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/actor"
)

// understudy is the actor of a [Singleton] before it is one: it asks for the name, and puts
// aside what comes when it has that, until it gets its cue.
type understudy[M, S any] struct{ Singleton[M, S] }

// cue is the exit signal by which an understudy becomes the singleton. A signal comes between
// the messages, whatever their type is.
type cue[S any] struct {
	tenure *Tenure
	handed *S
}

func (*cue[S]) Error() string { return "it becomes the singleton" }

// Init implements [actor.Initializer].
func (u *understudy[M, S]) Init(ctx *actor.Context[M]) error {
	ctx.TrapExit(true)
	return nil
}

// Receive implements [actor.Behavior].
func (u *understudy[M, S]) Receive(ctx *actor.Context[M], m M) error { return ctx.Stash(m) }

// HandleExit implements [actor.ExitHandler].
func (u *understudy[M, S]) HandleExit(ctx *actor.Context[M], e actor.Exit) error {
	c, ok := e.Reason.(*cue[S])
	switch {
	case !ok:
		endBy(ctx, e.Reason)
		return nil
	case !c.tenure.Valid():
		endBy(ctx, fmt.Errorf("nats: singleton %q: not valid when it should begin: %w", u.Name, ErrLost))
		return nil
	}
	b := u.New(c.tenure, c.handed)
	if b == nil {
		return fmt.Errorf("nats: singleton %q: New has returned nil", u.Name)
	}
	if err := checkHandOff[S](b); err != nil {
		return fmt.Errorf("nats: singleton %q: %w", u.Name, err)
	}
	ctx.TrapExit(false)
	ctx.Become(b)
	ctx.Unstash()
	if i, ok := b.(actor.Initializer[M]); ok {
		return i.Init(ctx)
	}
	return nil
}

// endBy ends an actor by an exit signal that it traps no more: it has not failed itself.
func endBy(ctx actor.Self, reason error) {
	if !errors.Is(reason, actor.Normal) {
		ctx.TrapExit(false)
		ctx.Exit(ctx.PID(), reason)
	}
}
