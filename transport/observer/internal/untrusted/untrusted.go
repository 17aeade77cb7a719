// Package untrusted calls code of users, that need not return.
package untrusted

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/troupe-go/troupe/actor"
)

// Calls are calls of one kind. The zero Calls is ready for use.
type Calls struct{ hanging atomic.Int32 } // calls that have been left alone

// MaxHanging is how many calls may have been left alone for another one to be made: each
// holds a goroutine.
const MaxHanging = 16

// ErrHanging says that too many calls do not return.
var ErrHanging = errors.New("too many calls like it hang")

// Do calls f and returns what that returns. A panic and a Goexit are errors, and when ctx is
// done its cause is: f is left alone then.
func Do[T any](ctx context.Context, c *Calls, f func() (T, error)) (answer T, err error) {
	if c.hanging.Load() >= MaxHanging {
		return answer, ErrHanging
	}
	answers := make(chan T, 1)
	var over atomic.Bool // of the call and its caller, the one that comes second takes it off the count
	err = actor.Guard(ctx, func() error {
		defer func() {
			if over.Swap(true) {
				c.hanging.Add(-1)
			}
		}()
		v, err := f()
		answers <- v
		return err
	})
	if ctx.Err() != nil {
		c.hanging.Add(1)
		if over.Swap(true) {
			c.hanging.Add(-1)
		}
	}
	if err != nil {
		return answer, err
	}
	return <-answers, nil
}
