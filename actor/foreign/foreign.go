// Package foreign calls users' code on behalf of goroutines that must go on: adapters,
// codecs, queries.
package foreign

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// Calls are the calls of a piece of users' code. Those that do not return are left alone,
// and while there are too many of them there are no more: each would leave a goroutine
// behind. They may be made from any goroutine.
type Calls struct {
	Limit time.Duration // how long a call may take
	Most  int32         // calls that may be left alone

	stuck atomic.Int32 // calls that have been, and have not returned
	watch watch        // of those that have one timer together
	pool  sync.Pool    // of aways
}

// Errors of a call that takes too long.
var (
	ErrLate  = errors.New("it took too long")
	ErrStuck = errors.New("calls before it have not returned")
)

// Call calls f. The error is f's; a [*actor.PanicError], also if the methods of f's error
// panic; [actor.Goexit]; ErrLate, then f goes on alone; ErrStuck; or ctx's.
func (c *Calls) Call(ctx context.Context, f func(context.Context) error) error {
	if c.stuck.Load() >= c.Most {
		return ErrStuck
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.Limit, ErrLate)
	defer cancel()
	var over atomic.Bool // f has returned, or was left alone: what comes first
	err := actor.Guard(ctx, func() error {
		defer func() {
			if over.Swap(true) {
				c.stuck.Add(-1)
			}
		}()
		return sound(f(ctx))
	})
	if ctx.Err() != nil {
		c.stuck.Add(1)
		if over.Swap(true) { // it has returned after all
			c.stuck.Add(-1)
		}
		if err != nil && context.Cause(ctx) == ErrLate {
			err = ErrLate // whatever f made of its context's end
		}
	}
	return err
}

// Value calls f as [Calls.Call] does. With an error it returns the zero value, and what f makes
// of its own comes to nothing then.
func Value[T any](ctx context.Context, c *Calls, f func(context.Context) (T, error)) (value T, err error) {
	values := make(chan T, 1)
	err = c.Call(ctx, func(ctx context.Context) error {
		v, err := f(ctx)
		values <- v
		return err
	})
	if err != nil {
		return value, err
	}
	return <-values, nil
}

// sound returns err if it can be asked what it is. A method that panics, as one of a nil
// pointer does, panics here. Guard asks as well, but too late for the count of calls that
// hang.
func sound(err error) error {
	if err != nil {
		_ = err.Error()
		_ = errors.Is(err, ErrLate)
	}
	return err
}
