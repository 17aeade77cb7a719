package nats

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// silentFor is for how long the bucket may be silent when names are given up. As long as
	// it answers there is time, also for many names.
	silentFor = 3 * time.Second

	// hurriedFor is how long is waited for what should end at once: it does not while the
	// connection waits for a server that takes nothing.
	hurriedFor = 500 * time.Millisecond
)

// errSilentBucket says that names could not be given up.
var errSilentBucket = errors.New("NATS does not answer")

// ending is the end of leases.
type ending struct {
	*leases
	unheld  func(*holding) // called for each name
	names   chan *holding  // to be given up
	silence *time.Timer
	stay    atomic.Int64 // names that could not be given up in time

	mu   sync.Mutex
	errs []error // why others could not
}

// close gives all names up, and waits for what runs in the background: until ctx is done, or
// the bucket silent. It calls unheld for each of them.
func (l *leases) close(ctx context.Context, unheld func(*holding)) error {
	l.stop()
	l.mirror.close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	e := &ending{leases: l, unheld: unheld}
	e.silence = time.AfterFunc(silentFor, func() { cancel(errSilentBucket) })
	defer e.silence.Stop()
	l.mu.Lock()
	l.closed = true
	e.names = make(chan *holding, len(l.held))
	for _, h := range l.held {
		e.names <- h
	}
	l.mu.Unlock()
	close(e.names)
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.giveAllUp(ctx)
		l.busy.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
	l.hurry()
	select {
	case <-done:
		return e.err(ctx)
	case <-time.After(hurriedFor):
		return context.Cause(ctx) // ctx is done: nothing but that ends the wait before done
	}
}

// giveAllUp returns when all have been given up, or when ctx is done. Nothing begins in the
// background after that.
func (e *ending) giveAllUp(ctx context.Context) {
	var giving sync.WaitGroup
	for range min(parallel, len(e.names)) {
		giving.Go(func() {
			for h := range e.names {
				e.giveUp(ctx, h)
			}
		})
	}
	giving.Wait()
	e.leases.mu.Lock()
	defer e.leases.mu.Unlock()
	e.over = true
}

// giveUp ends a tenure whatever happens, and takes the name out of the bucket if there is time.
func (e *ending) giveUp(ctx context.Context, h *holding) {
	if !e.remove(h, ErrClosed) {
		return
	}
	e.unheld(h)
	err := context.Cause(ctx)
	if err == nil {
		err = h.giveUp(ctx, h.bye(classClosed))
	}
	switch {
	case err == nil:
		e.silence.Reset(silentFor)
	case ctx.Err() != nil:
		e.stay.Add(1)
	default:
		e.mu.Lock()
		defer e.mu.Unlock()
		e.errs = append(e.errs, err)
	}
}

// err returns why names are left in the bucket, or the error of ctx.
func (e *ending) err(ctx context.Context) error {
	err := context.Cause(ctx)
	if n := e.stay.Load(); err != nil && n > 0 {
		err = fmt.Errorf("%d names are left until their leases end: %w", n, err)
	}
	return errors.Join(append(e.errs, err)...)
}
