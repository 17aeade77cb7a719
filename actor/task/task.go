package task

import (
	"context"
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/actor"
)

// ErrNotOwner says that a task that an actor started was awaited by another actor, or by
// code outside of actors.
var ErrNotOwner = errors.New("only the owner may await a task")

// ExitError is the error of a task that ended without a value. It wraps the exit reason:
//
//   - the error that the function returned, or an [*actor.PanicError];
//   - [actor.Killed], if the task was killed;
//   - an error that wraps [actor.Shutdown], if it was shut down or its caller ended;
//   - [actor.ErrClosed], if the system starts no more actors.
type ExitError struct {
	PID    actor.PID // zero if the task could not be started
	Reason error
}

func (e *ExitError) Error() string {
	if e.PID.IsZero() {
		return fmt.Sprintf("task: not started: %v", e.Reason)
	}
	return fmt.Sprintf("task: %v ended: %v", e.PID, e.Reason)
}

// Unwrap returns the exit reason.
func (e *ExitError) Unwrap() error { return e.Reason }

// Task is a function that runs on an actor of its own. It ends with a value of type T,
// or without one. All methods may be called from any goroutine.
type Task[T any] struct {
	life
	run   func(context.Context) (T, error)
	value T // guarded by life.mu; final once succeeded
}

// PID returns the identity of the task's actor, to monitor it or to select on its Done
// channel. It is zero if the task has not been started, or could not be.
func (t *Task[T]) PID() actor.PID { return t.identity() }

// Await waits for the task and returns its value. A task that ended without one
// gives an [*ExitError], at once if it was killed while its function runs. If ctx
// is done first, Await returns an error that wraps ctx's; the task goes on, and
// may be awaited again. Await sets no deadline of its own. Unlike in Elixir the
// outcome is not used up: every Await returns it.
//
// If an actor started the task, only that actor may await it, and ctx must be its
// [actor.Context] or derived from it; all others get [ErrNotOwner]. A task
// that awaits itself gets [actor.ErrSelf].
//
// Elixir: Task.await/2, and with a short deadline Task.yield/2.
func (t *Task[T]) Await(ctx context.Context) (T, error) {
	var none T
	if err := t.mayAwait(ctx); err != nil {
		return none, err
	}
	if err := t.wait(ctx); err != nil {
		return none, fmt.Errorf("task: await %v: %w", t.PID(), err)
	}
	return t.outcome()
}

// Poll returns the outcome, as Await does, if there is one, and otherwise false.
// It does not wait and may be called from anywhere.
//
// Elixir: Task.yield/2 with no time.
func (t *Task[T]) Poll() (value T, done bool, err error) {
	t.settleDoomed()
	t.mu.Lock()
	done = t.phase >= succeeded
	t.mu.Unlock()
	if done {
		value, err = t.outcome()
	}
	return value, done, err
}

// Kill ends the task brutally and returns at once: with the value if there was
// one before, and otherwise with an [*ExitError], that wraps [actor.Killed] unless
// the task had ended by itself. A function that still runs has its context
// cancelled. The owner is not struck by the end: the link is taken down first.
//
// Elixir: Task.shutdown/2 with :brutal_kill.
func (t *Task[T]) Kill() (T, error) {
	t.unlink()
	pid := t.PID()
	if pid.IsZero() {
		t.settle(actor.Killed)
	} else {
		pid.Exit(actor.Kill)
		t.settle(pid.Err())
	}
	return t.outcome()
}

// Shutdown asks the task to end and waits until its function has returned. It
// returns the value if there was one before, and otherwise an [*ExitError] that
// wraps [actor.Shutdown] unless the task had ended by itself. If ctx is done first
// it kills the task and returns an error that wraps ctx's: the function does not
// heed its own context, and what it will return is lost. As with Kill, the owner
// is not struck by the end.
//
// Elixir: Task.shutdown/2.
func (t *Task[T]) Shutdown(ctx context.Context) (T, error) {
	t.unlink()
	pid := t.PID()
	if pid.IsZero() {
		t.settle(actor.Shutdown)
		return t.outcome()
	}
	t.stop(actor.Shutdown)
	t.settleDoomed()
	select {
	case <-pid.Done():
		t.settle(pid.Err())
		return t.outcome()
	case <-ctx.Done():
		late := t.runs() // before the kill, which may well have it return
		v, err := t.Kill()
		if err != nil && late {
			err = fmt.Errorf("task: shut down %v: its function did not return: %w", pid, ctx.Err())
		}
		return v, err
	}
}

// succeed notes the value, unless the task has been doomed before.
func (t *Task[T]) succeed(v T) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.phase == running && t.pid.Alive() {
		t.phase, t.value = succeeded, v
	}
}

// outcome returns what has been settled.
func (t *Task[T]) outcome() (T, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.phase == succeeded {
		return t.value, nil
	}
	return t.value, &ExitError{t.pid, t.reason}
}
