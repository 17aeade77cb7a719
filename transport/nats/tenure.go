package nats

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Tenure is the time for which an actor has a name. [Names.Register] begins it, and it ends
// for good when [Tenure.Done] is closed. All methods may be called from any goroutine.
//
// The holder asks [Tenure.Valid] before it acts as the only one of its name, and gives
// [Tenure.Token] to what it writes to. What holds, in each failure:
//
//   - The actor ends, or unregisters: the tenure ends at once, and the name is free at once.
//   - The program gets SIGTERM: the same, if its actors end before the connection to NATS is
//     closed. Otherwise it is as with kill -9.
//   - kill -9, or the machine is gone: the name is free when the lease has ended.
//   - The node is cut off, or NATS stalls or is down: Valid is false, and Done closed, nine
//     tenths of a lease after the last renewal that came through was asked for. Another node
//     can have the name after a whole one.
//   - NATS has lost the bucket, restarted empty, or has it deleted: the node makes it again
//     and claims the name; the tenure goes on, with the same token. If there is no time for
//     that, it ends as for a node that is cut off. For a lease nobody else gets a name.
//   - The program is paused, as by SIGSTOP, or its machine is suspended: when it goes on,
//     Valid is false as soon as the lease has ended, though nothing else has run yet.
//
// Valid cannot hold between a question and the act: the program may be paused there. So what
// must not be done by two is refused by what it is done to, by the token.
type Tenure struct {
	token uint64
	ends  atomic.Pointer[time.Time] // the lease, for this node
	done  chan struct{}
	err   error // written before done is closed
}

// Token returns a number that is greater than those of all former tenures of the name, also if
// NATS has lost the bucket in between. It stays the same. A store that remembers the
// greatest token it has seen with a write, and refuses smaller ones, takes nothing from a
// former holder. It fits into an int64. The package's comment says what the growth rests on.
func (t *Tenure) Token() uint64 { return t.token }

// Valid reports whether no other actor in the cluster can have the name now: the tenure has
// not ended, and its lease neither by the monotonic clock, nor by the wall clock, which goes on
// while the machine is suspended. The lease is counted from before it was asked for, and a
// tenth less than the bucket counts. If Valid is false and Done is not closed, it may be true
// again: when a renewal has shown that nobody else has had the name.
func (t *Tenure) Valid() bool {
	select {
	case <-t.done:
		return false
	default:
	}
	end := t.ends.Load()
	if end == nil {
		return false
	}
	now := time.Now()
	return now.Before(*end) && now.Round(0).Before(end.Round(0))
}

// Done returns a channel that is closed when the tenure has ended. In a program that is paused
// it is closed when that goes on, a moment later: ask Valid before acting.
func (t *Tenure) Done() <-chan struct{} { return t.done }

// Err returns nil until Done is closed. Then it returns why the tenure has ended: an error
// that wraps [ErrLost], [ErrClosed] by [Names.Shutdown], or [actor.NoProc] if the actor has
// ended; after [Names.Unregister] it is none of them.
func (t *Tenure) Err() error {
	select {
	case <-t.done:
		return t.err
	default:
		return nil
	}
}

var errUnregistered = errors.New("unregistered")

func newTenure() *Tenure { return &Tenure{done: make(chan struct{})} }

// end ends the tenure. It is called once.
func (t *Tenure) end(name string, why error) {
	t.err = fmt.Errorf("nats: name %q: %w", name, why)
	close(t.done)
}
