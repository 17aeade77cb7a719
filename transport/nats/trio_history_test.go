package nats

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

// press is a program on a trio that broadcasts numbers on a recorded topic, one when the one before
// has been acknowledged, until it is stopped; and another one, a client of which reads them.
type press struct {
	servers *trio
	got     chan int
	stop    chan struct{}
	done    chan int // the last one that was acknowledged
}

// silent is the handler of its channels.
type silent struct{}

func (silent) Join(*ws.Channel, string, ws.Payload) (any, error) { return nil, nil }

// number is the payload of a broadcast.
type number struct {
	N int `json:"n"`
}

const pressTopic = "press:a"

// history returns a history that is connected to one server first, and then to any.
func (c *trio) history(t *testing.T, first int) *History {
	t.Helper()
	urls := strings.Split(c.URL(), ",")
	urls = append(urls[first:], urls[:first]...)
	quiet := nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})
	conn, err := nats.Connect(strings.Join(urls, ","), quiet, nats.DontRandomize(), nats.Timeout(patience), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return &History{Conn: conn, Replicas: len(c.servers), Size: 100_000}
}

func startPress(t *testing.T, servers *trio) *press {
	t.Helper()
	p := &press{servers, make(chan int, 100_000), make(chan struct{}), make(chan int, 1)}
	endpoint := func(server int) *ws.Endpoint {
		numbers := ws.Topic("press:*", func() silent { return silent{} }, nil)
		numbers.History = &ws.History{Size: 100_000, Store: servers.history(t, server)}
		e, err := ws.Start(newSystem(t), ws.Config{
			Sockets: []ws.Socket{{Path: "/socket", Channels: ws.Routes{numbers}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	reader := httptest.NewServer(endpoint(2))
	t.Cleanup(reader.Close)
	client, err := wsclient.Dial(t.Context(), wsclient.Config{URL: reader.URL + "/socket", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(context.Background()) })
	channel := client.Channel(pressTopic, nil)
	channel.On("n", func(m wsclient.Message) {
		var n number
		if err := m.Payload.Decode(&n); err != nil {
			t.Error(err)
		}
		p.got <- n.N
	})
	channel.OnRecovery(func(r wsclient.Recovery) {
		if !r.Complete {
			t.Error("the client is told that it has missed something")
		}
	})
	if _, err := channel.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	go p.run(endpoint(0))
	return p
}

func (p *press) run(e *ws.Endpoint) {
	pace := time.NewTicker(5 * time.Millisecond)
	defer pace.Stop()
	n, unsure := 0, false // the next one may have been recorded
	for {
		select {
		case <-p.stop:
			if !unsure {
				p.done <- n
				return
			}
		case <-pace.C:
		}
		// One that was not acknowledged is broadcast again, and is the same one if it was recorded.
		unsure = e.Broadcast(pressTopic, "n", number{n + 1}, ws.Idempotent(fmt.Sprint(n+1))) != nil
		if !unsure {
			n++
		}
	}
}

// finish checks that each number has come to the client once, in order, and is read from whichever
// server is asked.
func (p *press) finish(t *testing.T) {
	t.Helper()
	close(p.stop)
	last := await(t, p.done)
	for want := range last {
		if n := await(t, p.got); n != want+1 {
			t.Fatalf("the client has got %d behind %d, of %d", n, want, last)
		}
	}
	for server := range p.servers.servers {
		h := p.servers.history(t, server)
		span, err := h.Since(t.Context(), pressTopic, 0, last+1)
		records := span.Records
		for span.More && err == nil {
			span, err = h.Since(t.Context(), pressTopic, span.Top, last+1)
			records = append(records, span.Records...)
		}
		if err != nil || len(records) != last {
			t.Errorf("server %d has %d records of %d (%v)", server, len(records), last, err)
		}
		for i, r := range records {
			if !strings.Contains(string(r.Data), fmt.Sprintf(`{"n":%d}`, i+1)) {
				t.Fatalf("record %d of server %d: %s", i+1, server, r.Data)
			}
		}
	}
}
