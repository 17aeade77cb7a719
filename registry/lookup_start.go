package registry

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/internal/table"
)

// starts are the starts under way. One lock does for all keys: it is held for a
// moment at the begin and the end of a start, which takes long.
type starts[K comparable] struct {
	mu sync.Mutex
	m  table.Map[K, *start]
}

// start is an actor on its way into the registry. The caller that made it starts the
// actor; others that want the same key wait.
type start struct {
	over chan struct{} // closed when the rest is set
	pid  actor.PID
	// err is the start's; both are zero if it panicked. Its text has been made: the
	// callers that wait for the start must not call what may be methods of the starter's own.
	err error
}

func (r *Registry[K]) lookupOrStart(ctx context.Context, key K, newActor func() (actor.PID, error)) (actor.PID, error) {
	for {
		if pid, ok := r.WhereIs(key); ok {
			return pid, nil
		}
		pid, s, mine := r.begin(key)
		switch {
		case s == nil:
			return pid, nil
		case mine:
			r.run(key, s, newActor)
			return s.pid, s.err
		}
		select {
		case <-s.over:
		case <-ctx.Done():
			return actor.PID{}, startError(key, ctx.Err())
		}
		if s.err != nil || !s.pid.IsZero() {
			return s.pid, s.err
		}
	}
}

// begin returns the actor under key, or the start that is under way; if there is neither,
// a new start, which is the caller's. There is no moment at which a caller could see
// neither the start nor the actor that came of it: a start goes from the table, under its
// lock, only after the actor has been registered.
func (r *Registry[K]) begin(key K) (pid actor.PID, s *start, mine bool) {
	r.starts.mu.Lock()
	defer r.starts.mu.Unlock()
	if pid, ok := r.WhereIs(key); ok {
		return pid, nil, false
	}
	if s = r.starts.m.Get(key); s != nil {
		return actor.PID{}, s, false
	}
	s = &start{over: make(chan struct{})}
	r.starts.m.Set(key, s)
	return actor.PID{}, s, true
}

// run starts the actor, registers it, and releases the callers that wait.
func (r *Registry[K]) run(key K, s *start, newActor func() (actor.PID, error)) {
	// Deferred, because newActor may panic.
	defer func() {
		r.starts.mu.Lock()
		r.starts.m.Delete(key)
		r.starts.mu.Unlock()
		close(s.over)
	}()
	pid, err := newActor()
	if err == nil {
		err = r.Register(key, pid)
	}
	if taken := takenError(err); taken != nil && taken.registry == any(r) && taken.Key == any(key) {
		// By the actor itself in its Init; or by another one, which then stays.
		if !pid.IsZero() && pid != taken.Holder {
			pid.Exit(actor.Shutdown)
		}
		pid, err = taken.Holder, nil
	}
	if err != nil {
		pid, err = actor.PID{}, startError(key, err)
	}
	s.pid, s.err = pid, err
}

func startError(key any, err error) error {
	return fmt.Errorf("registry: start %s: %w", quoted(key), err)
}

// takenError returns the [*TakenError] that err wraps, or nil. The methods of err are
// users' code, and may fail on a nil pointer.
func takenError(err error) (taken *TakenError) {
	defer func() { _ = recover() }()
	errors.As(err, &taken)
	return taken
}
