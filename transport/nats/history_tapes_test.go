package nats

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

// cable is a client's way to its server.
type cable struct {
	mu    sync.Mutex
	whole chan struct{} // closed unless it is cut
	conns []net.Conn
}

func newCable() *cable {
	c := &cable{whole: make(chan struct{})}
	close(c.whole)
	return c
}

// DialContext waits while the cable is cut, so that a client is back as soon as it is not.
func (c *cable) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c.mu.Lock()
	whole := c.whole
	c.mu.Unlock()
	select {
	case <-whole:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err == nil {
		c.mu.Lock()
		c.conns = append(c.conns, conn)
		c.mu.Unlock()
	}
	return conn, err
}

func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.whole = make(chan struct{})
	for _, conn := range c.conns {
		_ = conn.Close() // the client sees that
	}
	c.conns = nil
}

func (c *cable) mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.whole)
}

// tapes are what clients of tapedTopic are told, in order: numbers, and what they are told of what
// they have missed.
type tapes chan heard

// heard is one of the two.
type heard struct {
	number     int
	recovery   bool
	incomplete bool
}

const tapedTopic = "taped:a"

// joinTaped has a client join the topic.
func joinTaped(t *testing.T, url string, way *cable) tapes {
	t.Helper()
	client, err := wsclient.Dial(t.Context(), wsclient.Config{
		URL: url + "/socket", Logger: slog.New(slog.DiscardHandler),
		HTTPClient: &http.Client{Transport: &http.Transport{DialContext: way.DialContext}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(context.Background()) })
	got := make(tapes, 100)
	channel := client.Channel(tapedTopic, nil)
	channel.On("n", func(m wsclient.Message) {
		var n number
		if err := m.Payload.Decode(&n); err != nil {
			t.Error(err)
		}
		got <- heard{number: n.N}
	})
	channel.OnRecovery(func(r wsclient.Recovery) { got <- heard{recovery: true, incomplete: !r.Complete} })
	if _, err := channel.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	return got
}

// broadcast broadcasts numbers on the topic.
func broadcast(t *testing.T, e *ws.Endpoint, first, last int) {
	t.Helper()
	for n := first; n <= last; n++ {
		if err := e.Broadcast(tapedTopic, "n", number{n}); err != nil {
			t.Fatal(err)
		}
	}
}

// expect wants each number once, in order, and nothing to be told as missing.
func (c tapes) expect(t *testing.T, first, last int) {
	t.Helper()
	for n := first; n <= last; {
		switch h := await(t, c); {
		case h.recovery && !h.incomplete:
		case h.recovery || h.number != n:
			t.Fatalf("got %+v, want %d", h, n)
		default:
			n++
		}
	}
}

// untilIncomplete wants no gap before the client is told that it may have missed something.
func (c tapes) untilIncomplete(t *testing.T, next int) {
	t.Helper()
	for h := await(t, c); !h.incomplete; h = await(t, c) {
		if h.recovery || h.number != next {
			t.Fatalf("got %+v, want %d, or to be told of what is missing", h, next)
		}
		next++
	}
}

// expectEnd wants what comes, from wherever it begins, to have no gap up to a number.
func (c tapes) expectEnd(t *testing.T, last int) {
	t.Helper()
	if h := await(t, c); h.recovery || h.number > last {
		t.Fatalf("got %+v, want numbers up to %d", h, last)
	} else {
		c.expect(t, h.number+1, last)
	}
}
