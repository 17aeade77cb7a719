package ws

import (
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/internal/limit"
)

// conn is one WebSocket connection. What it reads goes through inbound to the session;
// what is written, data or control frames, is tried at once and queued if need be.
type conn struct {
	nc       net.Conn
	raw      syscall.RawConn // for reads and writes that do not wait; nil if there is none, as with TLS
	endpoint *Endpoint
	socket   *Socket
	seat     seat
	session  actor.Ref[sessionMsg]
	status   atomic.Pointer[closeStatus] // the first one to be set holds

	inbound
	rate    limit.Rate
	inflow  limit.Inflow
	parking parking

	mu        sync.Mutex
	running   bool     // accepted, and being read
	ended     bool     // the session has ended
	flushing  bool     // a goroutine is writing the backlog
	refused   bool     // the backlog was full: no more data
	closeSent bool     // the close frame is written, or in the backlog: the last frame
	halfway   bool     // tell the client that it was the last, when it is written
	closed    bool     // close when flushed
	dead      bool     // a write failed, or the connection is closed
	backlog   *backlog // nil if nothing waits to be written
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
			c.seat.leave()
		}
	}()
	err = c.upgrade(w, r)
	return err
}

// run reads from now on. It comes after accept.
func (c *conn) run() {
	c.parking.state = reading // before anybody else can know of the connection
	if c.socket.Park {
		c.seat.lot.enter(c) // before anybody reads, or closes
	}
	c.seat.conns.Add(1) // not the first: the connection's own still holds
	// Either this comes first, and Release closes the connection, or Release has
	// left that to this.
	c.mu.Lock()
	c.running = true
	ended := c.ended
	c.mu.Unlock()
	if ended {
		c.shut()
	}
	go c.receive()
}

// attach says which session the connection belongs to.
func (c *conn) attach(session actor.Ref[sessionMsg]) { c.session = session }

// name implements transport.
func (c *conn) name() string { return "websocket" }

// handled implements transport.
func (c *conn) handled(n int64) { c.inflow.Done(n, c.socket.budget()) }

// closeWith decides how the connection will end, unless that is decided.
func (c *conn) closeWith(code websocket.StatusCode, reason string) {
	c.status.CompareAndSwap(nil, &closeStatus{code, reason})
}
