package ws

import (
	"sync"
	"sync/atomic"
	"time"
)

// inbound is what a connection has read and not handed to the library yet. Only
// the goroutine that reads the connection touches it, but for timed: when the
// session has ended there is a second one, which waits for the closing handshake.
//
// A connection that waits has no buffer, and as a rule no engine: it takes them
// from their pools when there is something to read.
type inbound struct {
	borrows bool                  // there is an engine only while there is something to read; constant
	in      *chunk                // nil: nothing
	once    func(fd uintptr) bool // readOnce, made once, since the method value allocates
	err     error                 // of readOnce
	waits   bool                  // whether readOnce is to wait for something
	drained bool                  // the last read has left nothing behind
	timed   atomic.Bool           // the read deadline is set for what is awaited now
}

// chunk is a buffer with what was read in one go.
type chunk struct {
	data   [4096]byte
	lo, hi int // what is left is data[lo:hi]
}

// readBuffers recycles chunks.
var readBuffers = sync.Pool{New: func() any { return new(chunk) }}

// carry takes over what was read by others, at most as much as a chunk holds.
func (c *conn) carry(early []byte) {
	if len(early) > 0 {
		c.in = readBuffers.Get().(*chunk)
		c.in.lo, c.in.hi = 0, copy(c.in.data[:], early)
	}
}

// Read is how the library reads. It waits as long as the socket's idle timeout
// allows, counted from the last call of heard.
func (c *conn) Read(p []byte) (int, error) {
	if c.in == nil {
		c.setDeadline()
		if c.raw == nil {
			return c.Conn.Read(p)
		}
		if err := c.fill(true); err != nil {
			return 0, err
		}
	}
	in := c.in
	n := copy(p, in.data[in.lo:in.hi])
	if in.lo += n; in.lo == in.hi {
		c.in = nil
		readBuffers.Put(in)
	}
	return n, nil
}

// heard starts the idle timeout anew.
func (c *conn) heard() {
	if c.timed.Swap(false) && c.parking.on {
		// A parked connection has no deadline of its own: it would fail the next
		// read, which is only a try.
		c.Conn.SetReadDeadline(time.Time{})
	}
}

func (c *conn) setDeadline() {
	if !c.timed.Swap(true) {
		c.Conn.SetReadDeadline(time.Now().Add(c.socket.IdleTimeout))
	}
}

// fill reads what there is, if need be after waiting for something. If it may not
// wait, there may be nothing afterwards.
func (c *conn) fill(wait bool) error {
	c.waits, c.err = wait, nil
	if err := c.raw.Read(c.once); err != nil {
		return err
	}
	return c.err
}
