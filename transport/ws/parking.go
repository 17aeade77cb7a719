package ws

import (
	"os"
	"sync"
	"time"
)

// parking is the state of a connection that holds no goroutine while nothing
// comes. It is in one of three states:
//
//   - read: a goroutine runs receive, and it alone touches what is read;
//   - parked: no goroutine does. Whoever ends this state, under mu, has what the
//     reader had: wake starts a reader, sweep tells the session to hang up;
//   - over: the session has ended, and the library reads on its own until the
//     client has answered the close frame. There is no way out of it.
//
// So the buffers are never touched by two at a time, though no lock is held while
// a message is read.
type parking struct {
	on bool  // set before the first read, and then constant
	fd int32 // of the connection

	mu     sync.Mutex
	parked bool
	over   bool
	again  bool          // something has come since the reader looked
	hangup bool          // the peer has closed its side
	since  time.Duration // when it was parked, by the clock of the endpoint
}

// next prepares for the next message. If there is none, and the connection can
// park, it does so and next returns false: the caller has lost the connection to
// others, and must not touch it any more.
func (c *conn) next() (more bool, err error) {
	p := &c.parking
	if !p.on {
		return true, nil // and the library waits
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if p.over {
			return false, nil
		}
		if c.in != nil || c.buffer.Buffered() > 0 {
			return true, nil
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

// end keeps the connection from being read but by the library.
func (p *parking) end() {
	p.mu.Lock()
	p.over = true
	p.mu.Unlock()
}
