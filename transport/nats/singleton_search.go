package nats

import (
	"context"
	"errors"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// search is a node that stands by: it waits for a name, and for the state that comes with it.
type search[M any] struct {
	office office[M]
	name   string
	actor  actor.Ref[M]

	stop context.CancelFunc
	done chan struct{} // closed when it has ended; what is below is written before

	legacy *legacy // nil: without the name
	err    error   // why it has ended; nil: with the name, and its state
}

// run returns when the actor has the name, or cannot get it any more.
func (s *search[M]) run(ctx context.Context) {
	defer close(s.done)
	l := s.office.common()
	p := pause{least: l.term / 20, most: l.term / 3}
	for {
		tenure, err := s.attempt(ctx)
		if err == nil {
			s.legacy = newLegacy(l, s.name, tenure)
			s.err = s.inherit(ctx)
			return
		}
		if s.err = err; ctx.Err() != nil || errors.Is(err, ErrClosed) || !s.actor.PID().Alive() {
			return
		}
		var taken *TakenError
		if errors.As(err, &taken) {
			began := time.Now()
			if err = s.office.await(ctx, s.name); err == nil {
				p.failures = 0
				if time.Since(began) < soon {
					sleep(ctx, soon) // what is found in the bucket is not what refuses the name
				}
				continue
			}
		}
		if !errors.Is(err, ErrUnsettled) { // which has been waited for
			l.log.Warn("singleton cannot ask for its name", "singleton", s.name, "error", err)
		}
		p.next(ctx)
	}
}

// soon is how long is waited before a name is asked for anew that seemed to be free.
const soon = 10 * time.Millisecond

// attempt asks for the name when it can be granted, and does not wait for an answer that was
// lost. A bucket that is new is waited for before: one that runs out of time while it asks may
// have got the name without knowing, and nobody else gets it for a lease.
func (s *search[M]) attempt(ctx context.Context) (*Tenure, error) {
	l := s.office.common()
	if _, err := l.settled(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, l.term/3)
	defer cancel()
	return s.office.register(ctx, s.name, s.actor)
}

// inherit takes the state, for as long as the tenure lasts.
func (s *search[M]) inherit(ctx context.Context) error {
	l, tenure := s.office.common(), s.legacy.tenure
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-tenure.Done():
			cancel(tenure.Err())
		case <-ctx.Done():
		}
	}()
	p := pause{least: l.term / 20, most: l.term / 3}
	for {
		once, done := context.WithTimeout(ctx, l.term/3)
		err := s.legacy.take(once)
		done()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil && tenure.Valid(), errors.Is(err, ErrLost):
			return err
		case err != nil:
			l.log.Warn("state of a singleton not reached", "singleton", s.name, "error", err)
		}
		p.next(ctx)
	}
}

// pause is the time between attempts that fail.
type pause struct {
	least, most time.Duration
	failures    int
}

// next waits, longer each time.
func (p *pause) next(ctx context.Context) {
	sleep(ctx, min(p.least<<min(p.failures, 8), p.most))
	p.failures++
}
