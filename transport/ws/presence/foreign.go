package presence

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// foreign is a piece of the user's code, such as Fetch or an adapter, that is called
// by goroutines that must go on. Calls that do not return are left alone, and when there are
// too many of them there are no more.
type foreign struct {
	limit time.Duration // how long a call may take
	most  int32         // calls that may be left alone
	stuck atomic.Int32  // that have been, and have not returned
}

// Errors of a call that takes too long.
var (
	errLate  = errors.New("it took too long")
	errStuck = errors.New("calls before it have not returned")
)

// call calls f. The error is f's; a [*actor.PanicError], also if the methods of f's error
// panic; [actor.Goexit]; errLate, then f goes on alone; errStuck; or ctx's.
func (c *foreign) call(ctx context.Context, f func(context.Context) error) error {
	if c.stuck.Load() >= c.most {
		return errStuck
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.limit, errLate)
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
		if err != nil && context.Cause(ctx) == errLate {
			err = errLate // whatever f made of its context's end
		}
	}
	return err
}

// sound returns err if it can be asked what it is. A method that panics, as one of a nil
// pointer does, panics here. Guard asks as well, but too late for the count of calls that
// hang.
func sound(err error) error {
	if err != nil {
		_ = err.Error()
		_ = errors.Is(err, errLate)
	}
	return err
}
