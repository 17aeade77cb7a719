package ws

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// How joins, and what else reads a log, wait until a replica has what they need.

// joinPatience is how long a join waits for a store.
const joinPatience = 3 * time.Second

// await waits until the log is that of the store, and has what a client names. It does not wait
// for long, nor longer than for ctx.
func (p *replica) await(ctx context.Context, from Position) error {
	limit := time.NewTimer(joinPatience)
	defer limit.Stop()
	for _, missing := range []func() <-chan struct{}{
		p.loading,
		func() <-chan struct{} { return p.behind(from) },
	} {
		select {
		case <-missing():
		case <-limit.C:
			return errNotRead
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-p.ctx.Done():
			return actor.NoProc
		}
	}
	return nil
}

var errNotRead = fmt.Errorf("the log cannot be read within %v", joinPatience)

// loading returns a channel that is closed when the log is that of the store.
func (p *replica) loading() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ready
}

// tellsWhenLoaded has all be told of a gap when the log is that of the store. It reports false if
// it is.
func (p *replica) tellsWhenLoaded() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.early = p.early || !p.loaded
	return !p.loaded
}

// behind returns a channel that is closed when the log has a position of the store, if there is
// one: another node may have seen more of the store than this one, or that its log is another.
func (p *replica) behind(from Position) <-chan struct{} {
	p.mu.Lock()
	behind := !from.IsZero() && (from.Epoch != p.log.epoch || from.Offset > p.log.top)
	p.mu.Unlock()
	if behind {
		return p.caughtUp()
	}
	return closed
}

var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// caughtUp returns a channel that is closed when all is here that is in the store by now.
func (p *replica) caughtUp() <-chan struct{} {
	p.work.Lock()
	defer p.work.Unlock()
	if len(p.waiting) == 0 {
		p.waiting = append(p.waiting, make(chan struct{}))
	}
	p.readAnew()
	return p.waiting[0] // all of them are closed by the next read, which has not begun
}
