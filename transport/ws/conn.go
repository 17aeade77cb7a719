package ws

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
)

// conn is one WebSocket connection. The library, as its engine, reads frames and
// speaks the control frames; data frames, which are made once and go to many
// connections, are written past it. So that the two do not mix, the library writes
// through conn as well.
//
// A write never waits for the client. It is tried at once, on the goroutine of
// whoever sends; what the kernel does not take is queued, up to a limit, and a
// goroutine lives for as long as there is a queue.
type conn struct {
	net.Conn
	engine   *engine         // nil: borrowed when there is something to read
	raw      syscall.RawConn // for reads and writes that do not wait; nil if there is none, as with TLS
	endpoint *Endpoint
	socket   *Socket
	session  actor.Ref[sessionMsg]
	status   atomic.Pointer[closeStatus] // the first one to be set holds

	inbound
	inflow  inflow
	parking parking

	mu       sync.Mutex
	running  bool     // accepted, and being read
	ended    bool     // the session has ended
	flushing bool     // a goroutine is writing the backlog
	refused  bool     // the backlog was full: no more data
	closed   bool     // the library is done; close when flushed
	dead     bool     // a write failed, or the connection is closed
	backlog  *backlog // nil if nothing waits to be written
}

// backlog is what the kernel did not take at once.
type backlog struct {
	queue net.Buffers
	bytes int // with those that flush has in hand
}

// closeStatus is how a connection is to end.
type closeStatus struct {
	code   websocket.StatusCode
	reason string
}

// errAborted stands for the value of a panic in the middle of an upgrade.
var errAborted = errors.New("ws: the upgrade was aborted")

// accept upgrades the request. The session is there already: it hears of a
// Disconnect from before the client knows that it is connected. The HTTP handler
// may then return; nothing of the request is kept.
func (c *conn) accept(w http.ResponseWriter, r *http.Request) error {
	err := errAborted
	defer func() {
		if err != nil { // also if w panics
			c.session.Send(sessionMsg{op: opHangup, err: err})
			c.endpoint.released()
		}
	}()
	var e *engine
	if e, err = newEngine(w, r, c.socket.accept, c); err != nil {
		return err
	}
	// Compression has a state, and without reads that do not wait it is the library
	// that waits.
	c.borrows = c.raw != nil && w.Header().Get("Sec-WebSocket-Extensions") == ""
	if c.borrows {
		e.discard()
	} else {
		c.engine = e
	}
	return nil
}

// run reads from now on. It comes after accept.
func (c *conn) run() {
	if c.socket.Park {
		c.endpoint.lot.enter(c) // before anybody reads, or closes
	}
	// Either this comes first, and Release closes the connection, or Release has
	// left that to this.
	c.mu.Lock()
	ended := c.ended
	c.running = !ended
	c.mu.Unlock()
	if ended {
		c.shut()
	} else {
		c.endpoint.conns.Add(1) // not the first: the connection's own still holds
		go c.receive()
	}
}

// controlReserve is how many bytes of control frames may wait on top of the limit:
// the close frame of a client that is too slow, but not the answers to endless
// pings.
const controlReserve = 4096

// Write is how the library writes: control frames only, each in one call.
func (c *conn) Write(p []byte) (int, error) {
	if p[0] == finBit|opPong { // the reader is answering a ping: somebody is there
		c.heard()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.backlog != nil && c.backlog.bytes+len(p) > c.socket.MaxQueue+controlReserve {
		c.failLocked()
	}
	if c.dead {
		return 0, net.ErrClosed
	}
	c.writeLocked(bytes.Clone(p))
	return len(p), nil
}

// Close is how the library closes: at the end of the closing handshake, or when
// the connection has failed.
func (c *conn) Close() error {
	c.inflow.open()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.flushing { // let the close frame out, if it is quick
		return c.Conn.SetWriteDeadline(time.Now().Add(time.Second))
	}
	c.dead = true
	return c.closeLocked()
}

// closeLocked closes the connection underneath.
func (c *conn) closeLocked() error {
	c.endpoint.lot.leave(c) // while the descriptor is not anybody else's yet
	return c.Conn.Close()
}

// attach says which session the connection belongs to.
func (c *conn) attach(session actor.Ref[sessionMsg]) { c.session = session }

// name implements transport.
func (c *conn) name() string { return "websocket" }

// handled implements transport.
func (c *conn) handled(n int64) { c.inflow.done(n, c.socket) }

// send writes a frame, or queues it. It does not wait. A client that has let the
// queue fill up gets no more, and its session is told.
func (c *conn) send(f frame) {
	c.mu.Lock()
	if c.dead || c.refused || c.closed {
		c.mu.Unlock()
		return
	}
	// One message may be larger than the queue: it is refused only behind others.
	if c.backlog != nil && c.backlog.bytes+len(f.bytes) > c.socket.MaxQueue {
		c.refused = c.socket.Overflow == CloseSlow
		c.mu.Unlock()
		c.endpoint.overflow(c.socket, c.session)
		return
	}
	c.writeLocked(f.bytes)
	c.mu.Unlock()
	c.endpoint.out.Add(1)
}

// writeLocked writes b, or what the kernel takes of it, and queues the rest. It
// holds the lock during a system call, but one that does not wait.
func (c *conn) writeLocked(b []byte) {
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
	c.backlog.bytes += len(b)
	if !c.flushing {
		c.flushing = true
		c.endpoint.conns.Go(c.flush)
	}
}

// flush writes the backlog until it is empty.
func (c *conn) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.dead && len(c.backlog.queue) > 0 {
		batch, size := c.backlog.queue, c.backlog.bytes
		c.backlog.queue = nil
		if !c.closed { // Close has set a deadline of its own
			c.Conn.SetWriteDeadline(time.Now().Add(c.socket.WriteTimeout))
		}
		c.mu.Unlock()
		_, err := batch.WriteTo(c.Conn)
		c.mu.Lock()
		c.backlog.bytes -= size
		if err != nil {
			c.failLocked()
		}
	}
	c.flushing, c.backlog = false, nil
	if !c.dead {
		// The deadline would fail the next write, however much later it comes.
		c.Conn.SetWriteDeadline(time.Time{})
		if c.closed {
			c.failLocked()
		}
	}
}

// failLocked gives the connection up; the reader notices. If there is none, since the
// connection is parked, one is started: the lot has nothing more to tell of it.
func (c *conn) failLocked() {
	c.dead = true
	c.closeLocked()
	c.wake(true)
}

// receive reads messages and hands them to the session until the connection ends,
// or is parked. It does nothing else with them: its goroutine's stack, which idle
// connections keep, must not grow by decoding, let alone by handlers.
func (c *conn) receive() {
	defer c.endpoint.conns.Done()
	for {
		more, err := c.next()
		if err == nil && more {
			err = c.receiveOne()
		}
		if err != nil {
			c.session.Send(sessionMsg{op: opHangup, err: err})
			return
		}
		if !more {
			return
		}
	}
}

func (c *conn) receiveOne() error {
	typ, r, err := c.engine.ws.Reader(context.Background())
	if err != nil {
		return err
	}
	c.heard() // the rest of the message may take as long
	data, err := readAll(r)
	if err != nil {
		return err
	}
	c.heard()
	c.inflow.take(nil, c.endpoint.now(), c.socket, c.session, data)
	c.session.Send(sessionMsg{op: opFrame, data: data, binary: typ == websocket.MessageBinary})
	return nil
}

// readAll returns the message in a slice of its own, since its payload may live
// as long as a handler likes.
func readAll(r io.Reader) ([]byte, error) {
	b := readBuffers.Get().(*chunk)
	defer readBuffers.Put(b)
	buf := b.data[:]
	n, err := io.ReadFull(r, buf)
	switch err {
	case nil: // there may be more
	case io.EOF, io.ErrUnexpectedEOF:
		return bytes.Clone(buf[:n]), nil
	default:
		return nil, err
	}
	rest, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return append(bytes.Clone(buf[:n]), rest...), nil
}

// closeWith decides how the connection will end, unless that is decided.
func (c *conn) closeWith(code websocket.StatusCode, reason string) {
	c.status.CompareAndSwap(nil, &closeStatus{code, reason})
}

// Release closes the connection when its session has ended, however that came. It
// implements [actor.Resource].
func (c *conn) Release(_ actor.PID, reason error) {
	if actor.IsClean(reason) {
		c.closeWith(websocket.StatusServiceRestart, "")
	} else {
		c.closeWith(websocket.StatusInternalError, "")
	}
	c.inflow.open()
	c.mu.Lock()
	c.ended = true
	running := c.running
	c.mu.Unlock()
	if running {
		c.shut()
	}
}

// shut closes the connection with its status. The closing handshake waits for the
// client, on a goroutine of its own or on the reader's if that waits itself.
func (c *conn) shut() {
	if !c.parking.end(c) {
		go c.finish()
	}
}

func (c *conn) finish() {
	defer c.endpoint.released()
	status := c.status.Load()
	c.engine.ws.Close(status.code, status.reason)
}
