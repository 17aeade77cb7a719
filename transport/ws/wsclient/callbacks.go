package wsclient

// callbacks are calls of the user's functions that wait for their turn. They run one
// at a time, in order, on a goroutine that ends when there are none left. Guarded by
// Client.mu.
type callbacks struct {
	waiting []callback
	running bool
}

type callback struct {
	call  func()
	state bool // tells of a change of state, not of an event
}

// notify queues a call that tells of a change of state. It always finds room; but of
// changes that nobody has seen, behind a full queue, only the last is kept.
func (c *Client) notify(q *callbacks, call func()) {
	if n := len(q.waiting); n > c.opts.EventLimit && q.waiting[n-1].state {
		q.waiting[n-1].call = call
		return
	}
	c.enqueue(q, callback{call, true})
}

// enqueue appends a call. The caller holds the lock.
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

func (c *Client) drain(q *callbacks) {
	for {
		c.mu.Lock()
		if len(q.waiting) == 0 {
			q.waiting, q.running = nil, false
			c.mu.Unlock()
			return
		}
		f := q.waiting[0]
		q.waiting[0] = callback{}
		q.waiting = q.waiting[1:]
		c.mu.Unlock()
		f.call()
	}
}
