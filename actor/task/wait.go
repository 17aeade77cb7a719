package task

import "context"

// wait returns nil when the task has an outcome, or else ctx's error.
//
// Who waits must not see a crash before the links have carried it, or an owner
// that is about to die of it could start on its next message. So wait looks to
// the end of the actor, unless the function holds that up.
func (l *life) wait(ctx context.Context) error {
	for {
		l.mu.Lock()
		pid, self := l.pid, l.self
		if l.phase == failed && (self != nil || pid.IsZero()) {
			l.mu.Unlock()
			return nil // the end may be far away, or there will be none
		}
		var ended, doomed, changed <-chan struct{}
		if self != nil {
			doomed = self.Done()
		} else if l.phase == waiting {
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
