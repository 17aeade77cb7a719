package wsclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is what a client is pointed at: on a loopback port, or in memory, so that it
// can run in a bubble of virtual time.
type server struct {
	addr string
	http *http.Client // nil: TCP
}

func (s *server) options() wsclient.Config {
	return wsclient.Config{
		URL:        "ws://" + s.addr + "/socket",
		HTTPClient: s.http,
		Logger:     slog.New(slog.DiscardHandler),
	}
}

// dial returns a connected client that is closed, in good order, at the test's end.
func (s *server) dial(t testing.TB, change ...func(*wsclient.Config)) *wsclient.Client {
	t.Helper()
	opts := s.options()
	for _, f := range change {
		f(&opts)
	}
	c, err := wsclient.Dial(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, c)
	return c
}

func closeAtEnd(t testing.TB, c *wsclient.Client) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	})
}

// serveHTTP serves on a loopback port or, with inMemory, through net.Pipe.
func serveHTTP(t testing.TB, h http.Handler, inMemory bool) *server {
	t.Helper()
	s := &server{addr: "memory"}
	var l net.Listener
	if inMemory {
		pipes := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
		transport := &http.Transport{DialContext: pipes.dial}
		t.Cleanup(transport.CloseIdleConnections)
		s.http = &http.Client{Transport: transport}
		l = pipes
	} else {
		var err error
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		s.addr = l.Addr().String()
	}
	hs := &http.Server{Handler: h}
	served := make(chan struct{})
	go func() {
		defer close(served)
		hs.Serve(l)
	}()
	t.Cleanup(func() {
		hs.Close()
		<-served
	})
	return s
}

// serve starts an endpoint of package ws.
func serve(t testing.TB, inMemory bool, socket ws.Socket) (*server, *ws.Endpoint) {
	t.Helper()
	endpoint := newEndpoint(t, socket)
	return serveHTTP(t, endpoint, inMemory), endpoint
}

func newEndpoint(t testing.TB, socket ws.Socket) *ws.Endpoint {
	t.Helper()
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	endpoint, err := ws.Start(sys, ws.Config{Sockets: []ws.Socket{socket}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := errors.Join(endpoint.Shutdown(ctx), sys.Shutdown(ctx)); err != nil {
			t.Error("shutdown:", err)
		}
	})
	return endpoint
}

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
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// room is the handler that the tests talk to. Its events do what they are named.
type room struct {
	n     int
	joins func(topic string, in ws.Payload) (any, error) // may be nil
}

func (r *room) Join(c *ws.Channel, topic string, in ws.Payload) (any, error) {
	if r.joins != nil {
		return r.joins(topic, in)
	}
	return map[string]any{"you_sent": in}, nil
}

func (r *room) HandleIn(c *ws.Channel, event string, in ws.Payload) (ws.Reply, error) {
	switch event {
	case "echo":
		return ws.OK(in), nil
	case "fail":
		return ws.Error(ws.Reason("failed")), nil
	case "maybe":
		return ws.Status("maybe", map[string]int{"n": 1}), nil
	case "silence":
		return ws.NoReply, nil
	case "count":
		r.n++
		return ws.OK(map[string]int{"n": r.n}), nil
	case "shout":
		return ws.OK(nil), c.Broadcast("shout", in)
	case "push_me":
		return ws.OK(nil), c.Push("pushed", in)
	case "crash":
		panic("crash")
	case "stop":
		return ws.OK(map[string]bool{"stopped": true}), ws.Stop
	}
	return ws.UnknownEvent, nil
}

// rooms is a socket with a room on each topic "room:*".
func rooms(joins func(topic string, in ws.Payload) (any, error)) ws.Socket {
	return ws.Socket{
		Path:     "/socket",
		Channels: ws.Routes{ws.Topic("room:*", func() *room { return &room{joins: joins} }, nil)},
		Connect: func(r *ws.Request) (ws.Identity, error) {
			if r.Params.Get("token") == "bad" {
				return ws.Identity{}, errors.New("bad token")
			}
			return ws.Identity{ID: r.Params.Get("id"), Assigns: r}, nil
		},
	}
}

// join joins a topic that lets everybody in.
func join(t testing.TB, c *wsclient.Client, topic string) *wsclient.Channel {
	t.Helper()
	ch := c.Channel(topic, nil)
	mustJoin(t, ch)
	return ch
}

func mustJoin(t testing.TB, ch *wsclient.Channel) wsclient.Payload {
	t.Helper()
	reply, err := ch.Join(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

func mustPush(t testing.TB, ch *wsclient.Channel, event string, payload any) wsclient.Payload {
	t.Helper()
	reply, err := ch.Push(t.Context(), event, payload)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

func expectJSON(t testing.TB, got wsclient.Payload, want string) {
	t.Helper()
	if got.IsBinary() || !sameJSON(got.Bytes(), want) {
		t.Fatalf("got %v, want %s", got, want)
	}
}

func sameJSON(got []byte, want string) bool {
	var a, b any
	return json.Unmarshal(got, &a) == nil && json.Unmarshal([]byte(want), &b) == nil && reflect.DeepEqual(a, b)
}

func expectError(t testing.TB, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("got error %v, want %v", got, want)
	}
}

// soon returns what comes, within the time that a busy machine may need.
func soon[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(30 * time.Second): // virtual in a bubble
		t.Fatal("nothing came")
		panic("unreachable")
	}
}
