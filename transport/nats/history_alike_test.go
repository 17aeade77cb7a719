package nats

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/transport/ws"
)

// A stream may look as the one of before to a node that has not seen that: a client that names a
// position of the one of before is told that it may have missed something.
func TestClientIsToldOfAStreamThatLooksAlike(t *testing.T) {
	for name, test := range map[string]struct {
		seen   int // by the client, of what is broadcast on the stream of before
		change func(*testing.T, *lookalike)
	}{
		"made anew as it was": {3, func(t *testing.T, l *lookalike) {
			l.remove(t)
			broadcast(t, l.node(t), 1, 3)
		}},
		"made anew, and longer": {3, func(t *testing.T, l *lookalike) {
			l.remove(t)
			broadcast(t, l.node(t), 1, 5)
		}},
		"made anew, and empty": {3, func(t *testing.T, l *lookalike) { l.remove(t) }},
		"emptied behind the client": {3, func(t *testing.T, l *lookalike) {
			broadcast(t, l.node(t), 4, 6)
			l.trim(t, 1)
		}},
		"rolled back": {6, func(t *testing.T, l *lookalike) { l.rollBack(t) }},
	} {
		t.Run(name, func(t *testing.T) {
			l := &lookalike{server: startLasting(t)}
			var now atomic.Pointer[ws.Endpoint]
			front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { now.Load().ServeHTTP(w, r) }))
			defer front.Close()
			first := l.node(t)
			now.Store(first)
			way := newCable()
			client := joinTaped(t, front.URL, way)
			broadcast(t, first, 1, 3)
			client.expect(t, 1, 3)
			if test.seen > 3 {
				l.backUp(t)
				broadcast(t, first, 4, test.seen)
				client.expect(t, 4, test.seen)
			}

			way.cut()
			test.change(t, l)
			now.Store(l.node(t))
			way.mend()
			if h := await(t, client); !h.incomplete {
				t.Errorf("the client got %+v, want to be told of what is missing", h)
			}
		})
	}
}

// A client is told that it may have missed something when the stream is rolled back while its node has
// seen more, whether or not others have written on before that node is back. It is told once.
func TestClientIsToldOfAStreamThatIsRolledBackAndWrittenOn(t *testing.T) {
	for name, test := range map[string]struct {
		away bool // the node is back only when others have written on
		more int  // they write
	}{
		"before others write on":            {false, 3},
		"when others have written less":     {true, 2},
		"when others have written as much":  {true, 3},
		"when others have written far more": {true, 20},
	} {
		t.Run(name, func(t *testing.T) {
			l := &lookalike{server: startLasting(t)}
			way := new(barrier)
			node := l.node(t, nats.SetCustomDialer(way))
			front := httptest.NewServer(node)
			defer front.Close()
			broadcast(t, node, 1, 3)
			client := joinTaped(t, front.URL, newCable())
			l.backUp(t)
			broadcast(t, node, 4, 6)
			client.expect(t, 4, 6)

			if test.away {
				way.closed.Store(true)
			}
			l.rollBack(t)
			other := l.node(t)
			if !test.away {
				client.untilIncomplete(t, 7)
			}
			broadcast(t, other, 7, 6+test.more)
			if test.away {
				way.closed.Store(false)
				client.untilIncomplete(t, 7)
			}
			broadcast(t, other, 7+test.more, 16+test.more)
			client.expectEnd(t, 16+test.more)
		})
	}
}

// barrier is a node's way to its server.
type barrier struct{ closed atomic.Bool }

// Dial implements [nats.CustomDialer].
func (b *barrier) Dial(network, address string) (net.Conn, error) {
	if b.closed.Load() {
		return nil, errors.New("no way")
	}
	return net.Dial(network, address)
}

// lookalike is a stream on a server, and the changes of it.
type lookalike struct {
	server *lasting
	conns  []*nats.Conn // of its nodes
	copy   string       // of its files
}

// node returns one that knows nothing of the stream yet.
func (l *lookalike) node(t *testing.T, options ...nats.Option) *ws.Endpoint {
	t.Helper()
	taped := ws.Topic(tapedTopic, func() silent { return silent{} }, nil)
	options = append(options, nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))
	conn := connect(t, l.server.Server, options...)
	l.conns = append(l.conns, conn)
	taped.History = &ws.History{Store: &History{Conn: conn}}
	e, err := ws.Start(newSystem(t), ws.Config{Sockets: []ws.Socket{{Path: "/socket", Channels: ws.Routes{taped}}}})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (l *lookalike) stream(t *testing.T) (jetstream.JetStream, jetstream.Stream) {
	t.Helper()
	js, err := jetstream.New(connect(t, l.server.Server))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), defaultHistory)
	if err != nil {
		t.Fatal(err)
	}
	return js, stream
}

func (l *lookalike) remove(t *testing.T) {
	t.Helper()
	js, _ := l.stream(t)
	if err := js.DeleteStream(t.Context(), defaultHistory); err != nil {
		t.Fatal(err)
	}
}

// trim takes all but the last messages from the stream. It cannot be purged, but its limits may be
// changed, and changed back.
func (l *lookalike) trim(t *testing.T, left int64) {
	t.Helper()
	js, stream := l.stream(t)
	if err := stream.Purge(t.Context()); err == nil {
		t.Error("the stream is purged")
	}
	config := stream.CachedInfo().Config
	for _, most := range []int64{left, -1} {
		config.MaxMsgs = most
		if _, err := js.UpdateStream(t.Context(), config); err != nil {
			t.Fatal(err)
		}
	}
}

// backUp keeps what the stream is. It returns when the nodes are back: what one that has not noticed
// yet sends over the connection of before fails.
func (l *lookalike) backUp(t *testing.T) {
	t.Helper()
	l.server.stop()
	l.copy = t.TempDir() + "/copy"
	if err := os.CopyFS(l.copy, os.DirFS(l.server.options.StoreDir)); err != nil {
		t.Fatal(err)
	}
	l.start(t)
	for _, conn := range l.conns {
		for conn.FlushTimeout(patience) != nil && !conn.IsClosed() {
		}
	}
}

// rollBack has it be again what it was.
func (l *lookalike) rollBack(t *testing.T) {
	t.Helper()
	l.server.stop()
	l.server.forget()
	if err := os.CopyFS(l.server.options.StoreDir, os.DirFS(l.copy)); err != nil {
		t.Fatal(err)
	}
	l.start(t)
}

// start has the server be there with the stream.
func (l *lookalike) start(t *testing.T) {
	t.Helper()
	l.server.start()
	l.stream(t)
}
