package netconn

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/troupe-go/troupe/transport/ws/internal/limit"
)

// Conn is one WebSocket connection of a server. Host, Config and Sink are set before
// anything else is done with it, and then constant. A Conn must not be copied.
//
// [Conn.Accept] makes the connection, [Conn.Start] reads it, and [Conn.Close] ends it.
// Its methods may be called from any goroutine, and wait for nobody.
type Conn struct {
	Host   *Host
	Config *Config
	Sink   Sink

	nc     net.Conn
	raw    syscall.RawConn             // for reads and writes that do not wait; nil if there is none, as with TLS
	rate   limit.Rate                  // of what comes
	status atomic.Pointer[closeStatus] // the first one to be set holds

	inbound
	parking parking

	mu        sync.Mutex
	started   bool     // Start has been called: there is a reader, or a place in the lot
	ended     bool     // Close has been called
	flushing  bool     // a goroutine is writing the backlog
	refused   bool     // the backlog was full: no more data
	closeSent bool     // the close frame is written, or in the backlog: the last frame
	halfway   bool     // tell the client that it was the last, when it is written
	closed    bool     // close when flushed
	dead      bool     // a write failed, or the connection is closed
	backlog   *backlog // nil if nothing waits to be written
}

// Config is what a connection is allowed. All of its limits must be positive, but for
// MaxMessageRate. Connections share it, and it does not change.
type Config struct {
	Subprotocols []string // to choose from
	Compress     bool     // messages are compressed both ways, if the client asks for it

	MaxMessageSize int           // bytes of a message, before compression
	MaxMessageRate int           // messages in a second; no limit if it is not positive
	MaxQueue       int           // bytes that may wait to be written
	DropNewest     bool          // what does not fit into the queue is lost, instead of all that follows
	IdleTimeout    time.Duration // for how long nothing may come
	WriteTimeout   time.Duration // for how long what waits to be written may do so

	// Park keeps no goroutine while nothing comes, on Linux and without TLS. IdleTimeout
	// is up to a tenth longer then.
	Park bool
}

// A Sink hears of what comes from the client.
type Sink interface {
	// Received gets a message, which is the sink's. The connection is not read until it
	// returns, so a client may be held back; it must return soon after Close.
	Received(data []byte, binary bool)

	// Lost tells that nothing will be received any more, and why: the error is a
	// [*frame.Error] if the client has broken the protocol and has been told so, a
	// [CloseError] if it has closed the connection, or a timeout if it was idle. Close
	// is to follow. Lost is called once at most, and not if Close came first. It must not
	// wait.
	Lost(err error)

	// Closed tells that the connection is closed for good, or was never made. It is
	// called once, after Accept and, if that has succeeded, Start and Close. It must not
	// wait.
	Closed()
}

// Accept upgrades the request, or answers why not, which is the error. It tells the Sink
// in that case, and as well if w panics. The HTTP handler may return afterwards: nothing
// of the request is kept. Close may come before Accept, and Send after it.
func (c *Conn) Accept(w http.ResponseWriter, r *http.Request) error {
	err := errAborted
	defer func() {
		if err != nil { // also if w panics
			c.Sink.Lost(err)
			c.Sink.Closed()
		}
	}()
	err = c.upgrade(w, r)
	return err
}

// Start reads the connection from now on. It comes once, after Accept.
func (c *Conn) Start() {
	c.parking.start()   // before it is in the lot
	c.Host.group.Add(1) // for the reader
	if c.Config.Park {
		c.Host.enter(c) // before anybody reads, or closes
	}
	// Either this comes first, and Close does all, or Close has left that to this.
	c.mu.Lock()
	c.started = true
	ended := c.ended
	c.mu.Unlock()
	if ended {
		c.shut()
	}
	go c.receive()
}

// Compressed reports whether the client takes compressed messages. It is known after
// Accept.
func (c *Conn) Compressed() bool { return c.deflates }
