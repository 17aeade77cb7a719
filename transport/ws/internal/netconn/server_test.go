package netconn

import (
	"bufio"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/transport/ws/internal/frame"
	"github.com/troupe-go/troupe/transport/ws/internal/rawclient"
)

// patience is how long a test waits for what comes at once.
const patience = 30 * time.Second

// mode is a way in which connections are read.
type mode struct {
	name               string
	park, tls, deflate bool
	pipe               bool // by net.Pipe, for virtual time
}

var modes = []mode{
	{name: "default"},
	{name: "parked", park: true},
	{name: "TLS", tls: true},
	{name: "compressed", deflate: true},
	{name: "parked and compressed", park: true, deflate: true},
}

func inAllModes(t *testing.T, test func(t *testing.T, m mode)) {
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) { test(t, m) })
	}
}

// config is for tests that do not care.
func (m mode) config() Config {
	return Config{
		Compress:       m.deflate,
		MaxMessageSize: 1 << 20,
		MaxMessageRate: -1,
		MaxQueue:       1 << 20,
		IdleTimeout:    time.Minute,
		WriteTimeout:   10 * time.Second,
		Park:           m.park,
	}
}

// server is an HTTP server whose handler makes a Conn of each request.
type server struct {
	mode
	host   *Host // nil: one of its own
	config Config
	// sink makes the sink of a connection; nil: an echo.
	sink func(*Conn) Sink
	// wrap, if not nil, wraps the server's ends of the connections.
	wrap func(net.Conn) net.Conn
	// handler, if not nil, is between the HTTP server and Accept.
	handler func(http.ResponseWriter) http.ResponseWriter
	// accepted, if not nil, is called between Accept and Start.
	accepted func(*Conn)

	mu     sync.Mutex
	open   int // connections that are not closed for good
	closed sync.Cond

	listener net.Listener
	pipes    chan net.Conn
	client   *tls.Config
}

// start serves until the test ends, and checks then that nothing is left.
func (s *server) start(t testing.TB) *server {
	t.Helper()
	if s.config.MaxMessageSize == 0 {
		s.config = s.mode.config()
	}
	s.closed.L = &s.mu
	if s.host == nil {
		s.host = new(Host)
		t.Cleanup(s.host.Close)
	}
	if s.pipe {
		s.pipes = make(chan net.Conn)
		s.listener = &pipeListener{conns: s.pipes, closed: make(chan struct{})}
	} else {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s.listener = l
	}
	l := net.Listener(&wrappingListener{s.listener, s.wrap})
	if s.tls {
		var config *tls.Config
		config, s.client = rawclient.TLS()
		l = tls.NewListener(l, config)
	}
	hs := &http.Server{Handler: s}
	served := make(chan struct{})
	go func() {
		defer close(served)
		hs.Serve(l)
	}()
	t.Cleanup(func() {
		hs.Close()
		<-served
		s.mu.Lock()
		defer s.mu.Unlock()
		for s.open > 0 {
			s.closed.Wait()
		}
	})
	return s
}

// count counts connections.
func (s *server) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open += n
	s.closed.Broadcast()
}

// counted is the sink of a connection that is counted.
type counted struct {
	Sink
	by *server
}

func (c counted) Closed() {
	c.Sink.Closed()
	c.by.count(-1)
}

// ServeHTTP implements [http.Handler].
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.count(1)
	c := &Conn{Host: s.host, Config: &s.config}
	c.Sink = counted{&echo{conn: c}, s}
	if s.sink != nil {
		c.Sink = counted{s.sink(c), s}
	}
	if s.handler != nil {
		w = s.handler(w)
	}
	if c.Accept(w, r) != nil {
		return
	}
	if s.accepted != nil {
		s.accepted(c)
	}
	c.Start()
}

// dial opens a connection, without a handshake.
func (s *server) dial(t testing.TB) net.Conn {
	t.Helper()
	if s.pipe {
		near, far := net.Pipe()
		s.pipes <- far
		t.Cleanup(func() { near.Close() })
		return near
	}
	nc, err := net.Dial("tcp", s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if s.tls {
		nc = tls.Client(nc, s.client)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(patience))
	return nc
}

// connect opens a connection, and sends whatever follows together with the handshake.
func (s *server) connect(t testing.TB, follows ...byte) *client {
	t.Helper()
	lines := ""
	if s.deflate {
		lines = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
	}
	c, resp, err := rawclient.Request(s.dial(t), "/", lines, follows)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(resp, err)
	}
	return &client{c, t}
}

// answered opens a connection of which the server has the handshake already.
func (s *server) answered(t testing.TB) *client {
	t.Helper()
	nc := s.dial(t)
	c := &client{&rawclient.Client{Conn: nc, Reader: bufio.NewReader(nc)}, t}
	if resp, err := http.ReadResponse(c.Reader, nil); err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(resp, err)
	}
	return c
}

// client is a rawclient that is strict.
type client struct {
	*rawclient.Client
	t testing.TB
}

// expect reads frames.
func (c *client) expect(want ...string) {
	c.t.Helper()
	for _, want := range want {
		if got, err := c.ReadText(); got != want {
			c.t.Fatalf("got %.80q, %v; want %.80q", got, err, want)
		}
	}
}

// expectEnd waits for the server to close the connection, with nothing before that.
func (c *client) expectEnd() {
	c.t.Helper()
	if got, err := c.ReadText(); err == nil || isTimeout(err) {
		c.t.Fatalf("got %.80q, %v; want the end", got, err)
	}
}

// echo is a sink that sends each message back, and closes with code 1000 when the
// connection is lost.
type echo struct{ conn *Conn }

func (e *echo) Received(data []byte, binary bool) { e.conn.Send(sealed(e.conn, data, binary)) }
func (e *echo) Lost(error)                        { e.conn.Close() }
func (e *echo) Closed()                           {}

// sealed is the frame of a message, compressed if the client takes that.
func sealed(c *Conn, data []byte, binary bool) frame.Sealed {
	buf := append(frame.Buffer(len(data)), data...)
	if c.Compressed() {
		return frame.Deflate(buf, binary)
	}
	return frame.Seal(buf, binary)
}

// record is a sink that keeps what it is told.
type record struct {
	conn   *Conn
	stay   bool // it does not close the connection when that is lost
	lost   chan error
	closed chan struct{}

	mu       sync.Mutex
	messages []string
}

func newRecord() *record {
	return &record{lost: make(chan error, 10), closed: make(chan struct{}, 10)}
}

// of makes a sink of it.
func (r *record) of(c *Conn) Sink {
	r.conn = c
	return r
}

func (r *record) Received(data []byte, binary bool) {
	kind := "text:"
	if binary {
		kind = "binary:"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = append(r.messages, kind+string(data))
}

func (r *record) Lost(err error) {
	r.lost <- err
	if !r.stay {
		r.conn.Close()
	}
}

func (r *record) Closed() { r.closed <- struct{}{} }

// taken returns what has been received since the last call.
func (r *record) taken() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.messages
	r.messages = nil
	return got
}

// wrappingListener wraps what it accepts.
type wrappingListener struct {
	net.Listener
	wrap func(net.Conn) net.Conn
}

func (l *wrappingListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err == nil && l.wrap != nil {
		nc = l.wrap(nc)
	}
	return nc, err
}

// pipeListener accepts ends of net.Pipe.
type pipeListener struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, errors.New("closed")
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }
