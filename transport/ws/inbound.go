package ws

import (
	"bytes"
	"errors"
	"sync"
	"time"

	"github.com/troupe-go/troupe/transport/ws/internal/frame"
)

// inbound is what a connection has read. Only the goroutine that reads the connection
// touches it.
//
// A connection that waits has no buffer: it takes one from a pool when there is
// something to read.
type inbound struct {
	in       *chunk                // nil: nothing
	once     func(fd uintptr) bool // readOnce, made once, since the method value allocates
	err      error                 // of readOnce
	reader   frame.Reader
	deflates bool // messages may be compressed; constant
	waits    bool // whether readOnce is to wait for something
	drained  bool // the last read has left nothing behind
	timed    bool // the idle timeout runs since the client was last heard
	broken   bool // the client has sent what cannot be read
}

// chunk is a buffer with what was read in one go.
type chunk struct {
	data   []byte
	lo, hi int // what is left is data[lo:hi]
}

const (
	chunkSize = 4096
	// For a connection that cannot be read without waiting: a buffer waits with it.
	smallSize = 512
)

// The chunks, to be used again.
var (
	chunks      = sync.Pool{New: func() any { return &chunk{data: make([]byte, chunkSize)} }}
	smallChunks = sync.Pool{New: func() any { return &chunk{data: make([]byte, smallSize)} }}
)

func (in *chunk) free() {
	switch len(in.data) {
	case chunkSize:
		chunks.Put(in)
	case smallSize:
		smallChunks.Put(in)
	}
}

// carry takes over what was read by others.
func (c *conn) carry(early []byte) {
	if len(early) > 0 {
		c.in = &chunk{bytes.Clone(early), 0, len(early)}
	}
}

// discard drops what was read.
func (c *conn) discard() {
	if in := c.in; in != nil {
		c.in = nil
		in.free()
	}
}

// fill reads what there is, if need be after waiting for something. If it may not
// wait, there may be nothing afterwards.
func (c *conn) fill(wait bool) error {
	if c.raw == nil {
		return c.fillPlain()
	}
	c.waits, c.err = wait, nil
	if err := c.raw.Read(c.once); err != nil {
		return err
	}
	return c.err
}

// fillPlain is fill for a connection that cannot be read without waiting.
func (c *conn) fillPlain() error {
	from := &smallChunks
	if c.reader.Pending() {
		from = &chunks
	}
	in := from.Get().(*chunk)
	n, err := c.nc.Read(in.data)
	if n == 0 {
		in.free()
		return err
	}
	in.lo, in.hi = 0, n
	c.in = in
	return nil // the next read will say the same again
}

// heard starts the idle timeout anew.
func (c *conn) heard() { c.timed = false }

// receive reads frames and hands messages to the session until the connection ends,
// or is parked. It does nothing else with them: its goroutine's stack, which idle
// connections keep, must not grow by decoding, let alone by handlers.
func (c *conn) receive() {
	defer c.seat.conns.Done()
	for {
		err := c.next()
		if err == nil {
			err = c.frame()
		}
		switch {
		case err == nil:
		case err == errParked:
			return
		case c.hangUp():
			c.session.Send(sessionMsg{op: opHangup, err: err})
			return
		default:
			c.closing()
			return
		}
	}
}

// stuck tells the session that nothing is handled for so long that a client which is
// read would have been given up.
func (c *conn) stuck() { c.session.Send(sessionMsg{op: opStuck}) }

// minPart is how many bytes a part of a message must have not to count as a message.
const minPart = 1024

// frame takes the next frame of what was read, or what there is of it.
func (c *conn) frame() error {
	in, pending := c.in, c.reader.Pending()
	f, rest, err := c.reader.Next(in.data[in.lo:in.hi], frame.Limits{Message: c.socket.MaxMessageSize, Deflate: c.deflates})
	if in.lo = in.hi - len(rest); in.lo == in.hi {
		c.discard()
	}
	if err != nil {
		if e, ok := errors.AsType[*frame.Error](err); ok {
			c.fail(e)
		}
		return err
	}
	// The rest of what has begun may take as long again, and no longer.
	if f.Kind > frame.Part || !pending && c.reader.Pending() {
		c.heard()
	}
	switch f.Kind {
	case frame.Text, frame.Binary:
		c.rate.Wait(nil, c.endpoint.now(), c.socket.MaxMessageRate)
		c.inflow.Take(nil, f.Payload, c.socket.budget(), c.stuck)
		c.session.Send(sessionMsg{op: opFrame, data: f.Payload, binary: f.Kind == frame.Binary})
	case frame.Part:
		if f.Size < minPart {
			c.rate.Wait(nil, c.endpoint.now(), c.socket.MaxMessageRate)
		}
	case frame.Ping:
		c.rate.Wait(nil, c.endpoint.now(), c.socket.MaxMessageRate)
		c.sendControl(frame.Pong, f.Payload)
	case frame.Pong:
		c.rate.Wait(nil, c.endpoint.now(), c.socket.MaxMessageRate)
	case frame.Close:
		return c.answerClose(f)
	}
	return nil
}

// setDeadline lets a read take as long as the client may still be silent.
func (c *conn) setDeadline() {
	if !c.timed {
		c.timed = true
		c.nc.SetReadDeadline(time.Now().Add(c.socket.IdleTimeout))
	}
}
