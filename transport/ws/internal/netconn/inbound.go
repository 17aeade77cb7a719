package netconn

import (
	"bytes"
	"errors"
	"io"
	"net"
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
	err      error                 // of readOnce, or that came with what was read last
	reader   frame.Reader
	deflates bool  // messages may be compressed; constant
	parks    bool  // waits in the lot, and not in a read; constant
	waits    bool  // whether readOnce is to wait for something
	drained  bool  // the last read has left nothing behind
	timed    bool  // the idle timeout runs since the client was last heard
	broken   bool  // the client has sent what cannot be read
	empty    uint8 // reads in a row that brought neither data nor an error
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
func (c *Conn) carry(early []byte) {
	if len(early) > 0 {
		c.in = &chunk{bytes.Clone(early), 0, len(early)}
	}
}

// discard drops what was read.
func (c *Conn) discard() {
	if in := c.in; in != nil {
		c.in = nil
		in.free()
	}
}

// fill reads what there is, if wait is set after waiting for something. There may be
// nothing afterwards, without an error: that is for its callers to expect.
func (c *Conn) fill(wait bool) error {
	if c.raw == nil {
		return c.fillPlain()
	}
	c.waits, c.err = wait, nil
	if err := c.raw.Read(c.once); err != nil {
		return err
	}
	return c.err
}

// maxEmpty is how many reads in a row may bring neither data nor an error, which an
// [io.Reader] is allowed.
const maxEmpty = 100

// fillPlain is fill for a connection that cannot be read without waiting.
func (c *Conn) fillPlain() error {
	if c.err != nil {
		return c.err
	}
	from := &smallChunks
	if c.reader.Pending() {
		from = &chunks
	}
	in := from.Get().(*chunk)
	n, err := c.nc.Read(in.data)
	if n == 0 {
		in.free()
		if c.empty++; err == nil && c.empty == maxEmpty {
			err = io.ErrNoProgress
		}
		return err
	}
	in.lo, in.hi = 0, n
	c.in, c.empty = in, 0
	if err != nil && !isTimeout(err) { // the client has just been heard
		c.err = err // for the next time
	}
	return nil
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

// heard starts the idle timeout anew.
func (c *Conn) heard() { c.timed = false }

// receive reads frames and hands messages to the sink until the connection ends, or is
// parked. It does nothing else with them: its goroutine's stack, which idle connections
// keep, must not grow by decoding, let alone by handlers.
func (c *Conn) receive() {
	defer c.Host.group.Done()
	for {
		err := c.next()
		if err == nil {
			err = c.take()
		}
		switch {
		case err == nil:
		case err == errParked:
			return
		case c.hangUp():
			c.Sink.Lost(err)
			return
		default:
			c.closing()
			return
		}
	}
}

// minPart is how many bytes a part of a message must have not to count as a message.
const minPart = 1024

// take takes the next frame of what was read, or what there is of it.
func (c *Conn) take() error {
	in, pending := c.in, c.reader.Pending()
	f, rest, err := c.reader.Next(in.data[in.lo:in.hi], frame.Limits{Message: c.Config.MaxMessageSize, Deflate: c.deflates})
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
		c.holdBack()
		c.Sink.Received(f.Payload, f.Kind == frame.Binary)
	case frame.Part:
		if f.Size < minPart {
			c.holdBack()
		}
	case frame.Ping:
		c.holdBack()
		c.sendControl(frame.Pong, f.Payload)
	case frame.Pong:
		c.holdBack()
	case frame.Close:
		return c.answerClose(f)
	}
	return nil
}

// holdBack waits while the client sends too fast.
func (c *Conn) holdBack() { c.rate.Wait(nil, c.Host.clock.now(), c.Config.MaxMessageRate) }

// setDeadline lets a read take as long as the client may still be silent.
func (c *Conn) setDeadline() {
	if !c.timed {
		c.timed = true
		c.nc.SetReadDeadline(time.Now().Add(c.Config.IdleTimeout))
	}
}
