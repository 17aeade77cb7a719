package entity

import (
	"context"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// Find returns the Ref of the entity under key, which runs now. It starts the entity if
// there is none, and waits if it is about to be restarted, or to end. The Ref follows the
// entity over its restarts until it ends for good; keep it while you hold the entity, see
// [Set.Hold], and find it anew for each use otherwise.
//
// Those that want one key at the same time get one entity, and its Init runs once. If that
// fails, all of them get its error, and nothing is left. A Find whose ctx is done fails
// with ctx's error and, if the entity had crashed or could not be restarted, the reason of
// that; others are not concerned, and the start goes on. If the set does not run, the
// error wraps [actor.NoProc]. The Init of an entity that waits for its own key, or for one
// whose Init waits for its key, gets an error that wraps [actor.ErrSelf].
//
// To find an entity that runs takes no lock and allocates nothing.
func (s *Set[K, M]) Find(ctx context.Context, key K) (supervisor.Ref[M], error) {
	if l := s.current(key); l != nil {
		return l.ref, nil
	}
	l, err := s.enter(ctx, "find", key, finding)
	if err != nil {
		return supervisor.Ref[M]{}, err
	}
	l.drop(finding)
	return l.ref, nil
}

// enter returns the life under key when its entity runs. From before it waits for that the
// life is used as the stake says.
func (s *Set[K, M]) enter(ctx context.Context, what string, key K, as stake) (*life[K, M], error) {
	fail := func(err, last error) error { return &failure{what, s.cfg.ID, key, err, last} }
	if err := ctx.Err(); err != nil {
		return nil, fail(err, nil)
	}
	for {
		if l := s.current(key); l != nil && l.take(as) {
			return l, nil
		}
		l, err := s.begin(key)
		if err != nil {
			return nil, fail(err, nil)
		}
		if l.take(as) {
			ok, err, last := l.await(ctx)
			if ok {
				return l, nil
			}
			l.drop(as)
			if err != nil {
				return nil, fail(err, last)
			}
		}
		if err := l.awaitEnd(ctx); err != nil {
			return nil, fail(err, errLeaving)
		}
	}
}

// await waits until the entity runs. If it reports false without an error, the life is
// about to be over and another one may begin. The last error is why the entity does not
// run.
func (l *life[K, M]) await(ctx context.Context) (ok bool, err, last error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for before := l.started; ; {
		switch {
		case l.started > before || l.isUp():
			return true, nil, nil
		case l.state >= leaving && l.started > 0:
			return false, nil, nil
		case l.state >= leaving:
			return l.awaitFailure(ctx)
		}
		changed := l.nextChange()
		l.mu.Unlock()
		err := l.awaitChange(ctx, changed)
		l.mu.Lock()
		if err != nil {
			return false, err, l.lastError()
		}
	}
}

// awaitFailure is await for a first start that has failed: the key is free again when the
// error comes. The caller holds the lock.
func (l *life[K, M]) awaitFailure(ctx context.Context) (ok bool, err, last error) {
	failure := l.failure
	l.mu.Unlock()
	defer l.mu.Lock()
	_ = l.awaitEnd(ctx)
	return false, failure, nil
}

// awaitChange waits for a change of the life, in the name of the life whose Init it is, if
// it is one.
func (l *life[K, M]) awaitChange(ctx context.Context, changed <-chan struct{}) error {
	if pid, ok := actor.FromContext(ctx); ok {
		waiter, err := l.keeper.set.waitsFor(pid, l)
		if err != nil {
			return err
		}
		defer l.keeper.set.waitsNoMore(waiter)
	}
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
