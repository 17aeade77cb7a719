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
	select {
	case <-l.over:
		return nil
	case <-ctx.Done():
		return &failure{"stop", s.cfg.ID, key, ctx.Err(), nil}
	}
}

// stop ends the entity of a life that is leaving, the incarnation with the given PID if
// that still runs, and its tree.
func (l *life[K, M]) stop(pid actor.PID, tree supervisor.Tree) {
	ctx, cancel := l.patience()
	defer cancel()
	_ = pid.Stop(ctx, actor.Shutdown) // what has become of it shows when the tree has ended
	_ = tree.Stop(context.Background())
}

// patience returns a context for the time that an entity has to end.
func (l *life[K, M]) patience() (context.Context, context.CancelFunc) {
	switch limit := l.set.cfg.Shutdown; limit {
	case supervisor.Infinity:
		return context.WithCancel(context.Background())
	case supervisor.BrutalKill:
		return context.WithTimeout(context.Background(), 0)
	default:
		return context.WithTimeout(context.Background(), time.Duration(limit))
	}
}

// bury ends a life whose tree has ended. If the tree was killed, the entity has been told to
// end by its link and may still be in a handler: the next one must not run beside it.
func (l *life[K, M]) bury(pid actor.PID) {
	ctx, cancel := l.patience()
	defer cancel()
	select {
	case <-pid.Done():
	case <-ctx.Done():
		actor.StopAll(context.Background(), []actor.PID{pid}, actor.Kill, killGrace)
	}
	l.set.forget(l)
}

// killGrace is how long the running handler of a killed entity has to return before the
// entity is abandoned, as with supervisors.
const killGrace = time.Second
