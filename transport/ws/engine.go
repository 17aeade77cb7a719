package ws

import (
	"bufio"
	"net"
	"net/http"
	"runtime"

	"github.com/coder/websocket"
)

// engine is the library's side of a connection: it reads frames, answers pings, and
// closes. That takes 1.7 KB, and between two messages it remembers nothing, unless
// messages are compressed. So most connections have one only while they are read:
// it is lent to them.
//
// To the library, it is the connection underneath.
type engine struct {
	net.Conn // nil: the library does not use the rest of it
	ws       *websocket.Conn
	buffer   *bufio.Reader // the library's
	conn     *conn         // whose it is at present; nil in the pool
}

// Read implements [net.Conn].
func (e *engine) Read(p []byte) (int, error) { return e.conn.Read(p) }

// Write implements [net.Conn].
func (e *engine) Write(p []byte) (int, error) { return e.conn.Write(p) }

// Close implements [net.Conn]. The library's finalizer calls it for engines that
// have been in the pool for too long.
func (e *engine) Close() error {
	if e.conn == nil {
		return nil
	}
	return e.conn.Close()
}

// newEngine upgrades a request to a connection, and returns the engine.
func newEngine(w http.ResponseWriter, r *http.Request, with *websocket.AcceptOptions, c *conn) (*engine, error) {
	e := &engine{conn: c}
	var err error
	if e.ws, err = websocket.Accept(&upgrade{w, e}, r, with); err != nil {
		return nil, err
	}
	e.buffer.Reset(e) // without what the library has put in between
	e.ws.SetReadLimit(int64(c.socket.MaxMessageSize))
	return e, nil
}

// discard leaves the engine to the garbage collector. The pool has enough of them:
// as many as there have been messages under way at a time.
func (e *engine) discard() {
	e.conn = nil
	runtime.SetFinalizer(e.ws, nil) // there is nothing to close
}

// borrowEngine makes sure that the connection has an engine.
func (c *conn) borrowEngine() {
	if c.engine != nil {
		return
	}
	e, ok := c.endpoint.engines.Get().(*engine)
	if !ok {
		e = spareEngine()
	}
	e.conn = c
	e.ws.SetReadLimit(int64(c.socket.MaxMessageSize))
	c.engine = e
}

// returnEngine gives the engine back, between two messages, if it is borrowed.
func (c *conn) returnEngine() {
	if c.engine != nil && c.borrows {
		c.engine.conn = nil
		c.endpoint.engines.Put(c.engine)
		c.engine = nil
	}
}

// spareEngine makes an engine without a connection. There is no other way to one
// than a handshake.
func spareEngine() *engine {
	e := new(engine)
	r := &http.Request{Method: http.MethodGet, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{
		"Connection":            {"Upgrade"},
		"Upgrade":               {"websocket"},
		"Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key":     {"AAAAAAAAAAAAAAAAAAAAAA=="},
	}}
	ws, err := websocket.Accept(&upgrade{make(nowhere), e}, r, nil)
	if err != nil {
		panic(err) // it is a good handshake
	}
	e.ws = ws
	e.buffer.Reset(e)
	return e
}

// nowhere takes the answer to the handshake of a spare engine.
type nowhere http.Header

func (n nowhere) Header() http.Header       { return http.Header(n) }
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) WriteHeader(int)             {}

// upgrade hands the library a connection with small buffers: the ones of net/http
// are 4 KiB each, and as many idle connections would hold them for ever.
type upgrade struct {
	http.ResponseWriter
	engine *engine
}

const (
	// For a connection that is read through inbound, which has a buffer of its own.
	minReadBuffer = 16
	readBuffer    = 512
	// A control frame, 125 bytes and its header, must be a single Write.
	writeBuffer = 128
)

// Hijack implements [http.Hijacker].
func (u *upgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	e, size := u.engine, minReadBuffer
	if c := e.conn; c != nil {
		nc, buffered, err := http.NewResponseController(u.ResponseWriter).Hijack()
		if err != nil {
			return nil, nil, err
		}
		c.Conn = nc
		if c.raw = rawConn(nc); c.raw != nil {
			c.once = c.readOnce
		} else {
			size = readBuffer
		}
		// A fast client's first frames may have been read along with its handshake.
		early, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
		c.carry(early)
	}
	e.buffer = bufio.NewReaderSize(e, size)
	return e, bufio.NewReadWriter(e.buffer, bufio.NewWriterSize(e, writeBuffer)), nil
}
