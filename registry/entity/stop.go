package entity

import (
	"context"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// Stop ends the entity under key, if there is one, or the attempts to restart it, and
// returns when the key is free or ctx is done: then the entity ends all the same. The entity
// handles what it was sent before, in its [Config].Shutdown time, and ends with reason
// [actor.Shutdown]; its Terminate runs. A [Set.Find] that comes meanwhile waits and starts
// the next one.
//
// An entity ends itself by returning [actor.Stop].
func (s *Set[K, M]) Stop(ctx context.Context, key K) error {
	s.mu.Lock()
	l := s.lives.Get(key)
	s.mu.Unlock()
	if l == nil {
		return nil
	}
	l.mu.Lock()
	if pid, ok := actor.FromContext(ctx); ok && pid == l.pid {
		l.mu.Unlock()
		return &failure{"stop", s.cfg.ID, key, actor.ErrSelf, nil}
	}
	l.leave()
	l.mu.Unlock()
	if err := l.awaitEnd(ctx); err != nil {
		return &failure{"stop", s.cfg.ID, key, err, nil}
	}
	return nil
}

// end ends a life that is leaving, on a goroutine of its own: first the incarnation with the
// given PID, if it runs, behind its messages, and then as supervisors do it. A start under way
// is waited for. If the keeper was killed its links have told the entity to end, which may
// still be in a handler: the next one must not run beside it.
func (l *life[K, M]) end(pid actor.PID, up bool) {
	k := l.keeper
	if l.isSupervised() {
		ctx, cancel := l.patience(k.calm)
		_ = pid.Stop(ctx, actor.Shutdown) // what has become of it shows below
		cancel()
		l.awaitAttempt()
		ctx, cancel = l.patience(k.self)
		actor.StopAll(ctx, []actor.PID{pid}, actor.Shutdown, killGrace)
		cancel()
	}
	ctx, cancel := l.patience(context.Background())
	defer cancel()
	select {
	case <-pid.Done():
	case <-ctx.Done():
		actor.StopAll(context.Background(), []actor.PID{pid}, actor.Kill, killGrace)
	}
	if up && l.isSupervised() && !l.endedInOrder(pid) {
		k.report(endLevel(pid), "supervisor: child did not stop in order", l.id, pid, pid.Err())
	}
	k.set.forget(l)
}

func (l *life[K, M]) endedInOrder(pid actor.PID) bool {
	return !pid.Crashed() || l.keeper.set.cfg.Shutdown == supervisor.BrutalKill && pid.Err() == actor.Killed
}

// awaitAttempt waits until no start is under way. An Init has the time that it takes, unless
// the whole set ends.
func (l *life[K, M]) awaitAttempt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.attempting {
		changed := l.nextChange()
		l.mu.Unlock()
		<-changed
		l.mu.Lock()
	}
}

// awaitEnd waits until the key is free, or ctx is done.
func (l *life[K, M]) awaitEnd(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.state != over {
		changed := l.nextChange()
		l.mu.Unlock()
		select {
		case <-changed:
			l.mu.Lock()
		case <-ctx.Done():
			l.mu.Lock()
			return ctx.Err()
		}
	}
	return nil
}

// patience returns a context for the time that an entity has to end, within that of ctx.
func (l *life[K, M]) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	switch limit := l.keeper.set.cfg.Shutdown; limit {
	case supervisor.Infinity:
		return context.WithCancel(ctx)
	case supervisor.BrutalKill:
		return context.WithTimeout(ctx, 0)
	default:
		return context.WithTimeout(ctx, time.Duration(limit))
	}
}

// killGrace is how long the running handler of a killed entity has to return before the
// entity is abandoned, as with supervisors.
const killGrace = time.Second
