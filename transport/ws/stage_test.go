package ws_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is an endpoint on a loopback port, or in memory.
type server struct {
	*ws.Endpoint
	sys    *actor.System
	addr   string
	dialer func(context.Context) (net.Conn, error) // nil: TCP
	tls    *tls.Config                             // the client's; nil: no TLS
}

func newSystem() *actor.System {
	return actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
}

// serve starts an endpoint on a loopback port.
func serve(t testing.TB, sockets ...ws.Socket) *server {
	return serveSystem(t, newSystem(), sockets...)
}

// serveInMemory starts an endpoint that is reached through net.Pipe, so that it
// can run in a synctest bubble, in virtual time.
func serveInMemory(t testing.TB, sockets ...ws.Socket) *server {
	return serveInMemoryBehind(t, plain, sockets...)
}

func serveInMemoryBehind(t testing.TB, front front, sockets ...ws.Socket) *server {
	return serveConfigInMemory(t, front, ws.Config{Sockets: sockets})
}

func serveConfigInMemory(t testing.TB, front front, cfg ws.Config) *server {
	l := newPipeListener()
	s := serveConfig(t, newSystem(), l, front, cfg)
	s.addr = "memory"
	s.dialer = l.dial
	return s
}

// serveSystem is serve with a system of one's own.
func serveSystem(t testing.TB, sys *actor.System, sockets ...ws.Socket) *server {
	return serveSystemBehind(t, sys, plain, sockets...)
}

// serveTCPBehind is serve with a front.
func serveTCPBehind(t testing.TB, front front, sockets ...ws.Socket) *server {
	return serveSystemBehind(t, newSystem(), front, sockets...)
}

func serveSystemBehind(t testing.TB, sys *actor.System, front front, sockets ...ws.Socket) *server {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := serveBehind(t, sys, l, front, sockets...)
	s.addr = l.Addr().String()
	return s
}

func serveSystemOn(t testing.TB, sys *actor.System, l net.Listener, sockets ...ws.Socket) *server {
	t.Helper()
	return serveBehind(t, sys, l, plain, sockets...)
}

// front is an HTTP server in front of an endpoint.
type front func(http.Handler) *http.Server

func plain(h http.Handler) *http.Server { return &http.Server{Handler: h} }

func serveBehind(t testing.TB, sys *actor.System, l net.Listener, front front, sockets ...ws.Socket) *server {
	t.Helper()
	return serveConfig(t, sys, l, front, ws.Config{Sockets: sockets})
}

func serveConfig(t testing.TB, sys *actor.System, l net.Listener, front front, cfg ws.Config) *server {
	t.Helper()
	for i := range cfg.Sockets {
		cfg.Sockets[i].Park = cfg.Sockets[i].Park || parked
	}
	endpoint, err := ws.Start(sys, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return serveEndpoint(t, sys, l, front, endpoint)
}

// serveEndpoint serves an endpoint that runs. All is shut down at the end of the test.
func serveEndpoint(t testing.TB, sys *actor.System, l net.Listener, front front, endpoint *ws.Endpoint) *server {
	s := &server{Endpoint: endpoint, sys: sys}
	hs := front(s.Endpoint)
	served := make(chan struct{})
	go func() {
		defer close(served)
		hs.Serve(l)
	}()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := errors.Join(hs.Shutdown(ctx), s.Shutdown(ctx), s.sys.Shutdown(ctx)); err != nil {
			t.Error("shutdown:", err)
		}
		<-served
	})
	return s
}

type pipeListener struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// dialPipe is the dialer of a server in memory, for http.Transport.
func (s *server) dialPipe(ctx context.Context, _, _ string) (net.Conn, error) { return s.dialer(ctx) }

// client speaks the protocol frame by frame.
type client struct {
	t    testing.TB
	conn *websocket.Conn
	nc   net.Conn
}

// dial opens a connection; path is that of the mount, with the query.
func (s *server) dial(t testing.TB, path string, header http.Header) (*client, *http.Response, error) {
	t.Helper()
	c := &client{t: t}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (nc net.Conn, err error) {
		if s.dialer != nil {
			nc, err = s.dialer(ctx)
		} else {
			nc, err = new(net.Dialer).DialContext(ctx, network, addr)
		}
		c.nc = nc
		return nc, err
	}}
	defer transport.CloseIdleConnections()
	path, query, _ := strings.Cut(path, "?")
	var resp *http.Response
	var err error
	compression := websocket.CompressionDisabled
	if header.Get("X-Compress") != "" {
		compression = websocket.CompressionNoContextTakeover
	}
	c.conn, resp, err = websocket.Dial(t.Context(), "ws://"+s.addr+path+"/websocket?"+query, &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport},
		HTTPHeader: header,
		// For headers that the library sets itself.
		Subprotocols:    header.Values("X-Subprotocols"),
		CompressionMode: compression,
	})
	if err == nil {
		c.conn.SetReadLimit(-1)
		t.Cleanup(func() { c.conn.CloseNow() })
	}
	return c, resp, err
}

// connect opens a connection of version 2 on /socket.
func (s *server) connect(t testing.TB) *client { return s.connectWith(t, "") }

func (s *server) connectWith(t testing.TB, params string) *client {
	t.Helper()
	c, _, err := s.dial(t, "/socket?vsn=2.0.0&"+params, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *client) send(text string) {
	c.t.Helper()
	if err := c.conn.Write(context.Background(), websocket.MessageText, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) sendBinary(data string) {
	c.t.Helper()
	if err := c.conn.Write(context.Background(), websocket.MessageBinary, []byte(data)); err != nil {
		c.t.Fatal(err)
	}
}

const patience = 30 * time.Second // for what must come

func (c *client) read() (websocket.MessageType, []byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return c.conn.Read(ctx)
}

// expect reads the next messages, which must be these; JSON is compared by value.
func (c *client) expect(want ...string) {
	c.t.Helper()
	for _, w := range want {
		typ, got, err := c.read()
		if err != nil {
			c.t.Fatalf("read: %v; want %s", err, w)
		}
		if typ == websocket.MessageBinary && string(got) != w || typ == websocket.MessageText && !sameJSON(got, w) {
			c.t.Fatalf("got  %q\nwant %q", got, w)
		}
	}
}

func sameJSON(got []byte, want string) bool {
	var a, b any
	return json.Unmarshal(got, &a) == nil && json.Unmarshal([]byte(want), &b) == nil && reflect.DeepEqual(a, b)
}

// join joins a topic with join ref "1".
func (c *client) join(topic string) {
	c.t.Helper()
	c.send(fmt.Sprintf(`["1","1",%q,"phx_join",{}]`, topic))
	c.expect(fmt.Sprintf(`["1","1",%q,"phx_reply",{"status":"ok","response":{}}]`, topic))
}

// heartbeat checks that the connection lives, and that nothing has come since.
func (c *client) heartbeat() {
	c.t.Helper()
	c.send(`[null,"hb","phoenix","heartbeat",{}]`)
	c.expect(`[null,"hb","phoenix","phx_reply",{"status":"ok","response":{}}]`)
}

// expectClose reads on until the server closes the connection, and checks how.
func (c *client) expectClose(code websocket.StatusCode) {
	c.t.Helper()
	for {
		_, _, err := c.read()
		if err == nil {
			continue
		}
		if got := websocket.CloseStatus(err); got != code {
			c.t.Fatalf("closed with %v (%v), want %v", got, err, code)
		}
		return
	}
}

// eventually waits for what other goroutines are about to do.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("still not true: ", what)
		}
	}
}

// status makes a plain HTTP request and returns the status of the answer.
func (s *server) status(t testing.TB, method, path string, header http.Header) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}
