package ws

import (
	"os"
	"sync"
	"time"
)

// parking is who may touch what a connection reads, and its engine. It is in one of
// four states:
//
//   - read: a goroutine runs receive, and it alone does;
//   - waiting: that goroutine waits for something to come, without an engine;
//   - parked: no goroutine does. Whoever ends this state, under mu, has what the
//     reader had: wake starts a reader, expire tells the session to hang up;
//   - over: the session has ended, and finish closes by the engine, which reads on
//     its own until the client has answered the close frame. There is no way out
//     of it.
//
// So the buffers are never touched by two at a time, though no lock is held while
// a message is read. A reader that is within the engine when the session ends does
// no harm there: the library allows for that.
type parking struct {
	on bool  // parks and does not wait; set before the first read, and then constant
	fd int32 // of the connection

	mu      sync.Mutex
	waiting bool
	parked  bool
	over    bool
	again   bool          // something has come since the reader looked
	hangup  bool          // the peer has closed its side
	since   time.Duration // when it was parked, by the clock of the endpoint
}

// next prepares for the next message: there is an engine, and as a rule something
// to read. It returns false if that is not for the caller to do: the connection has
// been parked, or its session has ended.
func (c *conn) next() (more bool, err error) {
	p := &c.parking
	if !p.on && !c.borrows {
		return true, nil // the library waits
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if p.over {
			return false, nil
		}
		if c.in != nil || c.engine != nil && c.engine.buffer.Buffered() > 0 {
			c.borrowEngine()
			return true, nil
		}
		c.returnEngine()
		if !p.on {
			if err := c.waitLocked(); p.over {
				go c.finish()
			} else if err != nil {
				return false, err
			}
			continue
		}
		// What comes after a read that has left nothing behind is reported anew. An
		// end that came with the last data is not.
		if c.drained && !p.again && !p.hangup {
			p.parked, p.since = true, c.endpoint.now()
			return false, nil
		}
		p.again = false
		if err := c.fill(false); err != nil {
			return false, err
		}
		if c.in == nil {
			p.hangup = false
		}
	}
}

// waitLocked waits until something has come, or end has been called.
func (c *conn) waitLocked() error {
	p := &c.parking
	p.waiting = true
	c.setDeadline()
	p.mu.Unlock()
	err := c.fill(true)
	p.mu.Lock()
	p.waiting = false
	if p.over {
		c.borrowEngine()
		c.timed.Store(false)
		c.Conn.SetReadDeadline(time.Time{})
	}
	return err
}

// wake tells that something has come. It starts a reader if there is none.
func (c *conn) wake(hangup bool) {
	p := &c.parking
	p.mu.Lock()
	defer p.mu.Unlock()
	p.again = true
	p.hangup = p.hangup || hangup
	if p.parked && !p.over {
		p.parked = false
		c.endpoint.conns.Add(1) // not the first: the connection's own still holds
		go c.receive()
	}
}

// expire hangs up if the connection has been parked since before the idle timeout.
func (c *conn) expire() {
	p := &c.parking
	p.mu.Lock()
	expired := p.parked && !p.over && c.endpoint.now()-p.since >= c.socket.IdleTimeout
	if expired {
		p.parked = false
	}
	p.mu.Unlock()
	if expired {
		c.session.Send(sessionMsg{op: opHangup, err: os.ErrDeadlineExceeded})
	}
}

// end keeps the connection from being read but by its engine, so that finish can be
// called. It returns true if the reader will do that.
func (p *parking) end(c *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	if p.waiting {
		c.Conn.SetReadDeadline(time.Unix(1, 0)) // it waits no longer
		return true
	}
	c.borrowEngine()
	return false
}
