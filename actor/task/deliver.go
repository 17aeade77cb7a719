package task

import (
	"context"
	"errors"
	"runtime"

	"github.com/troupe-go/troupe/actor"
)

// Deliver is [AsyncNoLink] for an owner that does not wait: the outcome comes to
// it as a message, the one that message makes of the value or of the error. One
// message comes, whatever becomes of the task, and before its [actor.Down] if it
// is monitored.
//
// Message runs on a goroutine of the task; if it panics, the owner gets an exit
// signal with the [*actor.PanicError]. It is what Elixir's servers do with
// async_nolink and handle_info.
func Deliver[M, T any](owner *actor.Context[M], f func(ctx context.Context) (T, error), message func(T, error) M) *Task[T] {
	t := prepare(owner, f)
	to := owner.Self()
	t.told = func() {
		if !to.PID().Alive() {
			return
		}
		defer func() {
			if v := recover(); v != nil {
				to.PID().Exit(&actor.PanicError{Value: v, Stack: stack()})
			}
		}()
		m := message(t.outcome())
		if err := to.TrySend(m); errors.Is(err, actor.ErrFull) {
			go to.Send(m) // it may wait for room, which nothing else here may
		}
	}
	t.start(actor.Spawn(owner.System(), t.behavior))
	if t.PID().IsZero() {
		t.told()
	}
	return t
}

// stack returns the stack of the panic that is being recovered from.
func stack() actor.Stack {
	var pcs [32]uintptr
	return append(actor.Stack(nil), pcs[:runtime.Callers(3, pcs[:])]...)
}
