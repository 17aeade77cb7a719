package task

import (
	"context"
	"fmt"

	"github.com/troupe-go/troupe/actor"
)

// mayAwait returns an error if the actor that ctx belongs to, or code outside of
// actors, may not await the task.
func (l *life) mayAwait(ctx context.Context) error {
	pid := l.identity()
	who, _ := actor.FromContext(ctx)
	switch {
	case !l.owner.IsZero() && who != l.owner:
		return fmt.Errorf("task: await %v: %w", pid, ErrNotOwner)
	case !who.IsZero() && who == pid:
		return fmt.Errorf("task: await %v: %w", pid, actor.ErrSelf)
	}
	return nil
}

// wait returns nil when the task has an outcome, and ctx's error if that is done first.
//
// A waiter must not see a crash before the links have carried it, or an owner that is
// about to die of it could start on its next message. So wait looks to the end of the
// actor, unless the function holds that up.
func (l *life) wait(ctx context.Context) error {
	for {
		l.mu.Lock()
		pid, self := l.pid, l.self
		if l.failedEarly() {
			l.mu.Unlock()
			return nil
		}
		var ended, doomed, changed <-chan struct{}
		switch l.phase {
		case running:
			doomed = self.Done()
		case waiting:
			if l.changed == nil {
				l.changed = make(chan struct{})
			}
			changed = l.changed
		}
		l.mu.Unlock()
		if !pid.IsZero() {
			ended = pid.Done()
		}
		select {
		case <-ended:
			l.settle(pid.Err())
			return nil
		case <-doomed:
			l.settleDoomed()
		case <-changed:
		case <-ctx.Done():
			l.settleDoomed()
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.phase >= succeeded {
				return nil
			}
			return ctx.Err()
		}
	}
}

// failedEarly reports whether the task's failure is not to wait for the end of its
// actor: that may be far away, or there will be none. It is called with mu held.
func (l *life) failedEarly() bool {
	return l.phase == failed && (l.self != nil || l.pid.IsZero())
}

// over reports whether wait would return at once.
func (l *life) over() bool {
	l.mu.Lock()
	early, pid := l.failedEarly(), l.pid
	l.mu.Unlock()
	if early || pid.IsZero() {
		return early
	}
	select {
	case <-pid.Done():
		l.settle(pid.Err())
		return true
	default:
		return false
	}
}

// settleDoomed settles a task that is doomed while its function runs. A function
// that has returned is left to the actor's end, which is near.
func (l *life) settleDoomed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.phase == running && !l.pid.Alive() {
		l.phase, l.reason = failed, l.pid.Err()
	}
}

// runs reports whether the function runs.
func (l *life) runs() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.self != nil
}
