package wsclient

import (
	"context"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/transport/ws/wire"
)

// functions are what a user has given to be called with a T. They are guarded by
// Client.mu; the list itself never changes, so it may be gone through without.
type functions[T any] struct{ list []*function[T] }

// function is one of them.
type function[T any] struct {
	f   func(T)
	off atomic.Bool // set once: no call begins any more
}

// add adds a function and returns what takes it off.
func (fs *functions[T]) add(mu *sync.Mutex, f func(T)) (off func()) {
	if f == nil {
		panic("wsclient: a function to call is nil")
	}
	mu.Lock()
	defer mu.Unlock()
	x := &function[T]{f: f}
	fs.list = append(slices.Clone(fs.list), x)
	return func() {
		x.off.Store(true)
		mu.Lock()
		defer mu.Unlock()
		fs.list = slices.DeleteFunc(slices.Clone(fs.list), func(y *function[T]) bool { return y == x })
	}
}

// clear takes all functions off.
func (fs *functions[T]) clear() {
	for _, x := range fs.list {
		x.off.Store(true)
	}
	fs.list = nil
}

// with returns the calls of the functions with v.
func (fs *functions[T]) with(v T) (calls []func()) {
	for _, x := range fs.list {
		calls = append(calls, func() {
			if !x.off.Load() {
				x.f(v)
			}
		})
	}
	return calls
}

// callbacks are calls of the user's functions that wait for their turn. They run one
// at a time, in order, on a goroutine that ends when there are none left. Guarded by
// Client.mu.
type callbacks struct {
	waiting []callback
	now     []func() // what is left of the one whose turn it is
	running bool
}

// callback is the calls that something that has happened is worth.
type callback struct {
	calls []func()
	of    kind
	whole bool // nothing is lost: neither by this recovery or resumption nor by those that it hides
}

// kind is what a callback tells of.
type kind uint8

const (
	ofEvent      kind = iota
	ofChange          // of state, which is neither of these:
	ofResumption      // of a channel that outlives its connection, or of what has taken its place
	ofRecovery
	kinds
)

// notify queues calls that tell of a change of state. They always find room; but of changes of a
// kind that nobody has seen, behind a full queue, only the last is kept.
func (c *Client) notify(q *callbacks, calls ...func()) {
	c.notifyOf(q, callback{calls: calls, of: ofChange})
}

func (c *Client) notifyOf(q *callbacks, f callback) {
	if len(f.calls) == 0 { // nobody wants to know
		return
	}
	if i := c.unseen(q, f.of); i >= 0 {
		q.waiting = append(slices.Delete(q.waiting, i, i+1), f)
		return
	}
	c.enqueue(q, f)
}

// whole returns what is to be told of something that is so, or is not, and of what that hides.
func (c *Client) whole(q *callbacks, of kind, is bool) bool {
	i := c.unseen(q, of)
	return is && (i < 0 || q.waiting[i].whole)
}

// unseen returns which of the changes behind a full queue the next one of its kind replaces, -1 if
// none. No event is behind them, for it would not have found room: so there is at most one of each.
func (c *Client) unseen(q *callbacks, of kind) int {
	n := len(q.waiting)
	if n <= c.cfg.EventLimit {
		return -1
	}
	for i := n - 1; i > n-int(kinds) && i >= 0 && q.waiting[i].of != ofEvent; i-- {
		if q.waiting[i].of == of {
			return i
		}
	}
	return -1
}

// enqueue appends calls. The caller holds the lock.
func (c *Client) enqueue(q *callbacks, f callback) {
	if c.closed { // Close waits for what is queued by then
		return
	}
	q.waiting = append(q.waiting, f)
	if !q.running {
		q.running = true
		c.work.Go(func() { c.drain(q) })
	}
}

// drain makes the calls that wait.
func (c *Client) drain(q *callbacks) {
	finished := false
	defer func() {
		if !finished { // a function has called runtime.Goexit
			c.work.Go(func() { c.drain(q) })
		}
	}()
	for call := c.nextCall(q); call != nil; call = c.nextCall(q) {
		c.invoke(call)
	}
	finished = true
}

// nextCall returns nil when no call waits.
func (c *Client) nextCall(q *callbacks) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(q.now) == 0 {
		if len(q.waiting) == 0 {
			q.waiting, q.running = nil, false
			return nil
		}
		q.now = q.waiting[0].calls
		q.waiting[0] = callback{}
		q.waiting = q.waiting[1:]
	}
	call := q.now[0]
	q.now = q.now[1:]
	return call
}

// invoke contains panics: it is on a goroutine of ours, and the program has more to do.
func (c *Client) invoke(call func()) {
	defer func() {
		if v := recover(); v != nil {
			c.cfg.Logger.Error("wsclient: a function panicked", "panic", v, "stack", string(debug.Stack()))
		}
	}()
	call()
}

// delay asks a function of the Config how long to wait, and the default if that fails
// or takes longer than a second.
func (c *Client) delay(f, otherwise func(int) time.Duration, attempt int) time.Duration {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	d, err := ask(ctx, func(context.Context) (time.Duration, error) { return f(attempt), nil })
	if err != nil {
		return otherwise(attempt)
	}
	return d
}

// show queues a call of OnMessage. The caller holds the lock.
func (c *Client) show(m wire.Received) {
	f := c.cfg.OnMessage
	if f == nil || len(c.calls.waiting) >= c.cfg.EventLimit {
		return
	}
	in := Incoming{m.Topic, m.Event, wire.RefText(m.JoinRef), wire.RefText(m.Ref), m.Status, m.Payload}
	c.enqueue(&c.calls, callback{calls: []func(){func() { f(in) }}})
}
