package netconn

import (
	"errors"
	"net"
	"time"

	"github.com/troupe-go/troupe/transport/ws/internal/frame"
)

// A write never waits for the client. It is tried at once, on the sender's
// goroutine; what the kernel does not take is queued, up to a limit, and a
// goroutine lives for as long as there is a queue.

// backlog is what the kernel did not take at once.
type backlog struct {
	queue net.Buffers
	bytes int // with those that flush has in hand
}

// controlReserve is how many bytes of control frames may wait on top of the limit:
// the close frame of a client that is too slow, but not the answers to endless
// pings.
const controlReserve = 4096

// The errors of Send.
var (
	// ErrFull says that there is no room for a frame, since the client does not read as
	// fast as it is sent to.
	ErrFull = errors.New("too much is waiting for the client")
	// ErrClosed says that nothing is sent any more.
	ErrClosed = errors.New("nothing is sent to the client any more")
)

// Send writes a frame, or queues it. It does not wait. The error is [ErrFull] if there is
// no room for it: unless Config.DropNewest is set, that frame was the last, and all
// others get [ErrClosed], as they do when the connection is about to end.
func (c *Conn) Send(f frame.Sealed) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead || c.refused || c.closeSent || c.closed {
		return ErrClosed
	}
	// One message may be larger than the queue: it is refused only behind others.
	if c.backlog != nil && c.backlog.bytes+f.Len() > c.Config.MaxQueue {
		c.refused = !c.Config.DropNewest
		return ErrFull
	}
	c.writeLocked(f.Bytes())
	return nil
}

// sendControl writes or queues a control frame. After a close frame nothing is
// written.
func (c *Conn) sendControl(kind frame.Kind, payload []byte) {
	b := frame.Control(kind, payload)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.dead || c.closeSent || c.closed:
	case c.backlog != nil && c.backlog.bytes+len(b) > c.Config.MaxQueue+controlReserve:
		c.failLocked()
	default:
		c.closeSent = kind == frame.Close
		c.writeLocked(b)
	}
}

// writeLocked writes b, or what the kernel takes of it, and queues the rest. It
// holds the lock during a system call, but one that does not wait.
func (c *Conn) writeLocked(b []byte) {
	if !c.flushing && c.raw != nil {
		rest, err := tryWrite(c.raw, b)
		if err != nil {
			c.failLocked()
			return
		}
		if len(rest) == 0 {
			return
		}
		b = rest
	}
	if c.backlog == nil {
		c.backlog = new(backlog)
	}
	c.backlog.queue = append(c.backlog.queue, b)
	c.queuedLocked(len(b))
	if !c.flushing {
		c.flushing = true
		c.Host.group.Go(c.flush)
	}
}

// queuedLocked counts n more bytes that wait.
func (c *Conn) queuedLocked(n int) {
	c.backlog.bytes += n
	if c.Host.Queued != nil {
		c.Host.Queued.Add(int64(n))
	}
}

// flush writes the backlog until it is empty.
func (c *Conn) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.dead && len(c.backlog.queue) > 0 {
		batch, size := c.backlog.queue, c.backlog.bytes
		c.backlog.queue = nil
		if !c.closed { // close has set a deadline of its own
			c.nc.SetWriteDeadline(time.Now().Add(c.Config.WriteTimeout))
		}
		c.mu.Unlock()
		_, err := batch.WriteTo(c.nc)
		c.mu.Lock()
		c.queuedLocked(-size)
		if err != nil {
			c.failLocked()
		}
	}
	c.queuedLocked(-c.backlog.bytes) // that will not be written
	c.flushing, c.backlog = false, nil
	if c.dead {
		return
	}
	// The deadline would fail the next write, however much later it comes.
	c.nc.SetWriteDeadline(time.Time{})
	if c.closed {
		c.failLocked()
	} else if c.halfway {
		c.mu.Unlock()
		c.closeWrite()
		c.mu.Lock()
	}
}

// closeWrite tells the client that nothing comes any more, if the connection can.
// Over TLS that may wait.
func (c *Conn) closeWrite() {
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
}

// close closes the connection when the backlog is written, if that is quick.
func (c *Conn) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.flushing {
		c.nc.SetWriteDeadline(time.Now().Add(time.Second))
		return
	}
	c.dead = true
	c.closeLocked()
}

// failLocked gives the connection up; the reader notices. If there is none, since the
// connection is parked, one is started: the lot has nothing more to tell of it.
func (c *Conn) failLocked() {
	c.dead = true
	c.closeLocked()
	c.wake(true)
}

// closeLocked closes the connection underneath.
func (c *Conn) closeLocked() {
	c.Host.lot.leave(c) // while the descriptor is not anybody else's yet
	if c.raw != nil {
		c.nc.Close()
	} else { // TLS has a last word, and waits for the client to take it
		c.Host.group.Go(func() { c.nc.Close() })
	}
}
