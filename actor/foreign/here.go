package foreign

import (
	"sync"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// Here is Call on the goroutine of its caller, for one that can be done without: no other one
// has to be started and waited for. What f leaves behind counts if Here reports true, and the
// error is nil, a [*actor.PanicError] or ErrStuck. Otherwise lost has been called, once, with
// ErrLate or [actor.Goexit], and the caller has nothing more to do: it has been left alone.
// For ErrLate lost runs on another goroutine, while f goes on; for Goexit on this one, which
// ends. It must not block.
func (c *Calls) Here(f func(), lost func(error)) (err error, here bool) {
	if c.stuck.Load() >= c.Most {
		return ErrStuck, true
	}
	r := &running{began: time.Now(), lost: lost}
	c.enter(r)
	returned := false
	defer func() {
		var failure *actor.PanicError
		if v := recover(); v != nil {
			failure = actor.Recovered(v)
		}
		switch {
		case !c.leave(r):
			c.stuck.Add(-1)
		case failure != nil:
			err, here = failure, true
		case returned:
			here = true
		default:
			lost(actor.Goexit)
		}
	}()
	f()
	returned = true
	return nil, false
}

// watch looks after calls that have one timer together. They have the same limit, so the first one is
// the first to be late; and one timer is enough, which is set anew at most once in a limit.
type watch struct {
	mu          sync.Mutex
	first, last *running
	armed       bool // the timer runs
}

// running is a call that is looked after.
type running struct {
	began      time.Time
	lost       func(error)
	left       bool // it is not on the list any more: it was left alone
	prev, next *running
}

func (c *Calls) enter(r *running) {
	w := &c.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.prev = w.last; r.prev != nil {
		r.prev.next = r
	} else {
		w.first = r
	}
	w.last = r
	if !w.armed {
		w.armed = true
		time.AfterFunc(c.Limit, c.late)
	}
}

// leave reports whether r has returned, or ended, in time.
func (c *Calls) leave(r *running) bool {
	w := &c.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.left {
		return false
	}
	w.remove(r)
	return true
}

func (w *watch) remove(r *running) {
	if r.prev != nil {
		r.prev.next = r.next
	} else {
		w.first = r.next
	}
	if r.next != nil {
		r.next.prev = r.prev
	} else {
		w.last = r.prev
	}
	r.prev, r.next = nil, nil
}

// late leaves alone what has run for too long.
func (c *Calls) late() {
	for _, r := range c.overdue(time.Now()) {
		r.lost(ErrLate)
	}
}

// overdue takes what has run for too long off the list, and sets the timer for what has not.
func (c *Calls) overdue(now time.Time) (list []*running) {
	w := &c.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	for r := w.first; r != nil; r = w.first {
		if left := c.Limit - now.Sub(r.began); left > 0 {
			time.AfterFunc(left, c.late)
			return list
		}
		w.remove(r)
		r.left = true
		c.stuck.Add(1)
		list = append(list, r)
	}
	w.armed = false
	return list
}
