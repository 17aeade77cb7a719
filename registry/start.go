package registry

import (
	"context"
	"errors"

	"github.com/troupe-go/troupe/actor"
)

// start is an actor on its way into the registry. The one who made it starts the
// actor; others who want the same key wait.
type start struct {
	over chan struct{} // closed when the rest is set
	pid  actor.PID
	err  error // of the start; both are zero if it panicked
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
			return actor.PID{}, ctx.Err()
		}
		if s.err != nil || !s.pid.IsZero() {
			return s.pid, s.err
		}
	}
}

// begin returns the actor under key, or the start that is under way, or else a
// new one, which is the caller's. One lock for all three: there is no moment at
// which a caller could see neither the start nor the actor that came of it.
func (r *Registry[K]) begin(key K) (pid actor.PID, s *start, mine bool) {
	sh := r.keyShard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e := sh.entries.Get(key); e != nil && e.PID.Alive() {
		return e.PID, nil, false
	}
	if s = sh.starts[key]; s != nil {
		return actor.PID{}, s, false
	}
	s = &start{over: make(chan struct{})}
	if sh.starts == nil {
		sh.starts = make(map[K]*start)
	}
	sh.starts[key] = s
	return actor.PID{}, s, true
}

// run starts the actor, registers it and lets go those who wait.
func (r *Registry[K]) run(key K, s *start, newActor func() (actor.PID, error)) {
	// Deferred, because newActor may panic.
	defer func() {
		sh := r.keyShard(key)
		sh.mu.Lock()
		if delete(sh.starts, key); len(sh.starts) == 0 {
			sh.starts = nil // a map never shrinks
		}
		sh.mu.Unlock()
		close(s.over)
	}()
	pid, err := newActor()
	if err == nil {
		err = r.Register(key, pid)
	}
	var taken *TakenError
	if errors.As(err, &taken) && taken.registry == any(r) && taken.Key == any(key) {
		// By the actor itself in its Init; or by another one, which then stays.
		if !pid.IsZero() && pid != taken.Holder {
			pid.Exit(actor.Shutdown)
		}
		pid, err = taken.Holder, nil
	}
	if err != nil {
		pid = actor.PID{}
	}
	s.pid, s.err = pid, err
}
