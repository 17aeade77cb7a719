package netconn

import (
	"errors"
	"os"
	"sync"
	"time"
)

// parking says which goroutine reads a connection, and may touch its inbound: one at a
// time, or none. The connection is in one of three states:
//
//   - reading: a goroutine runs receive, or closing;
//   - parked: none does. The goroutine that ends this state, under mu, has what the
//     reader had: wake starts a reader, expire tells the sink that the connection is
//     lost, end starts closing;
//   - unread: none does, since Start has not been called, or since the sink has been told
//     that there is no more to read. Only end starts a reader, closing.
//
// Close sets over, once. A reader turns to closing then. So the buffers are never touched
// by two at a time, though no lock is held while a message is read. mu also orders the
// two that set the read deadline: after over, nobody does.
type parking struct {
	mu     sync.Mutex
	since  time.Duration // when the client was last heard, or soon after, by the host's clock
	fd     int32         // of the connection, if it parks; constant
	state  readState
	over   bool
	again  bool // something has come since the reader looked
	hangup bool // the peer has closed its side
}

type readState uint8

const (
	unread readState = iota
	reading
	parked
)

var (
	errParked = errors.New("the connection is parked")
	errOver   = errors.New("the connection is being closed")
)

// next waits for something to read. It returns errParked or errOver if that is not
// for receive to do any more: the connection is parked, or is being closed.
func (c *Conn) next() error {
	p := &c.parking
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.over:
			return errOver
		case c.in != nil:
			return nil
		}
		fill := c.waitLocked
		if c.parks {
			fill = c.lookLocked
		}
		if err := fill(); err != nil {
			return err
		}
	}
}

// waitLocked waits until something has come, or until end has been called and the
// client has had its time.
func (c *Conn) waitLocked() error {
	p := &c.parking
	c.setDeadline()
	p.mu.Unlock()
	defer p.mu.Lock()
	return c.fill(true)
}

// lookLocked reads what has come, or parks the connection.
func (c *Conn) lookLocked() error {
	p := &c.parking
	// What comes after a read that has left nothing behind is reported anew. An
	// end that came with the last data is not.
	if c.drained && !p.again && !p.hangup {
		p.state = parked
		if !c.timed {
			c.timed, p.since = true, c.Host.clock.now()
		}
		return errParked
	}
	p.again = false
	if err := c.fill(false); err != nil {
		return err
	}
	if c.in == nil {
		p.hangup = false
	}
	return nil
}

// start tells that there is a reader. The answer to the upgrade may be on its way still, and
// its writer may wake the connection.
func (p *parking) start() {
	p.mu.Lock()
	p.state = reading
	p.mu.Unlock()
}

// hangUp ends the reading, and reports true, unless the connection is being closed: then
// the reader goes on with closing.
func (c *Conn) hangUp() bool {
	p := &c.parking
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		p.state = unread
	}
	return !p.over
}

// wake tells that something has come. It starts a reader if the connection is parked.
func (c *Conn) wake(hangup bool) {
	p := &c.parking
	p.mu.Lock()
	defer p.mu.Unlock()
	p.again = true
	p.hangup = p.hangup || hangup
	if p.state == parked {
		p.state = reading
		c.Host.group.Add(1)
		go c.receive()
	}
}

// expire hangs up if the connection is parked and the client was last heard before the
// idle timeout.
func (c *Conn) expire() {
	p := &c.parking
	p.mu.Lock()
	expired := p.state == parked && c.Host.clock.now()-p.since >= c.Config.IdleTimeout
	if expired {
		p.state = unread
	}
	p.mu.Unlock()
	if expired {
		c.Sink.Lost(os.ErrDeadlineExceeded)
	}
}

// end turns the reader to closing. If there is none it returns true: the caller is to
// start closing.
func (p *parking) end(c *Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	c.nc.SetReadDeadline(time.Now().Add(CloseTimeout))
	none := p.state != reading
	p.state = reading
	return none
}
