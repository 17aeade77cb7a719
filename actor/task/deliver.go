package task

import (
	"context"
	"errors"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// Deliver is [AsyncNoLink] for an owner that does not wait: the outcome comes to
// it as a message, the one that message makes of the value or of the error. One
// message comes, whatever becomes of the task, and before its [actor.Down] if it
// is monitored, unless message takes longer than a second.
//
// Message runs on a goroutine of its own. If it panics or calls runtime.Goexit,
// the owner gets an exit signal instead, with the [*actor.PanicError] or
// [actor.Goexit] as the reason. Deliver panics if f or message is nil.
//
// Elixir: what servers do with async_nolink/2 and handle_info/2.
func Deliver[M, T any](owner *actor.Context[M], f func(ctx context.Context) (T, error), message func(T, error) M) *Task[T] {
	mustNotBeNil("Deliver", f == nil)
	if message == nil {
		panic("task: Deliver: message is nil")
	}
	t := prepare(owner, f)
	to := owner.Self()
	t.told = func() {
		if !to.PID().Alive() {
			return
		}
		tell(owner, func() error {
			m := message(t.outcome())
			if err := to.TrySend(m); errors.Is(err, actor.ErrFull) {
				go to.Send(m) // it may wait for room, which nothing else here may
			}
			return nil
		})
	}
	t.start(actor.Spawn(owner.System(), t.behavior))
	if t.PID().IsZero() {
		t.told()
	}
	return t
}

// tell calls f, and sends its failure to the owner. It waits for that, but not for
// longer than the grace, or than the owner lives: the end of the task waits with it.
func tell(owner actor.Self, f func() error) {
	told := make(chan struct{})
	go func() {
		defer close(told)
		if err := actor.Guard(context.Background(), f); err != nil {
			owner.PID().Exit(err)
		}
	}()
	limit := time.NewTimer(grace)
	defer limit.Stop()
	select {
	case <-told:
	case <-owner.Done():
	case <-limit.C:
	}
}
