package nats

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// dialed gets the connections of a client.
type dialed chan net.Conn

// Dial implements [nats.CustomDialer].
func (d dialed) Dial(network, address string) (net.Conn, error) {
	c, err := net.Dial(network, address)
	if err == nil {
		d <- c
	}
	return c, err
}

// What is appended when the connection is lost fails then: there will be no answer.
func TestAppendEndsWithItsConnection(t *testing.T) {
	s := startServerWith(t, &server.Options{Port: server.RANDOM_PORT})
	wires := make(dialed, 1)
	conn := connect(t, s, nats.ReconnectWait(time.Millisecond), nats.SetCustomDialer(wires))
	h := &History{Conn: conn}
	taken, silent := make(chan *nats.Msg, 1), connect(t, s) // it does not answer
	_, err := silent.ChanSubscribe(h.put("a"), taken)
	if err := errors.Join(err, silent.Flush()); err != nil {
		t.Fatal(err)
	}
	appending := func() chan error {
		ended := make(chan error, 1)
		go func() { ended <- h.Append(t.Context(), "a", "", nil) }()
		await(t, taken)
		return ended
	}
	for range 2 { // also when it is lost again
		ended := appending()
		_ = await(t, wires).Close()
		if err := await(t, ended); !errors.Is(err, nats.ErrDisconnected) {
			t.Errorf("append: %v, want to be told that the connection was lost", err)
		}
	}
	ended := appending()
	conn.Close()
	if err := await(t, ended); !errors.Is(err, nats.ErrConnectionClosed) && !errors.Is(err, nats.ErrDisconnected) {
		t.Errorf("append on a connection that is closed: %v", err)
	}
}

// What is appended while there is no connection is sent when there is one.
func TestAppendWaitsForAConnection(t *testing.T) {
	s := startLasting(t)
	conn := connect(t, s.Server, nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))
	h := &History{Conn: conn}
	if err := h.Append(t.Context(), "a", "", nil); err != nil {
		t.Fatal(err)
	}
	lost := conn.StatusChanged(nats.RECONNECTING)
	defer conn.RemoveStatusListener(lost)
	s.stop()
	await(t, lost)
	ended := make(chan error, 1)
	go func() { ended <- h.Append(t.Context(), "a", "", nil) }()
	for n := 0; n == 0; runtime.Gosched() {
		n, _ = conn.Buffered()
	}
	s.start()
	if err := await(t, ended); err != nil {
		t.Error(err)
	}
	if span, err := h.Since(t.Context(), "a", 0, 10); err != nil || len(span.Records) != 2 {
		t.Errorf("%+v, %v, want two records", span, err)
	}
}

// startForgetful starts a server that has what is asked of JetStream answered by another one, but for the first
// request of a kind.
func startForgetful(t *testing.T, subject string) *server.Server {
	t.Helper()
	front, back := startServerWith(t, &server.Options{Port: server.RANDOM_PORT}), connect(t, startServer(t))
	relay, forgotten := connect(t, front), false
	_, err := relay.Subscribe(">", func(m *nats.Msg) {
		switch {
		case m.Reply == "":
		case m.Subject == subject && !forgotten:
			forgotten = true
		default:
			asked, answers := m.Reply, back.NewInbox()
			_, err := back.Subscribe(answers, func(answer *nats.Msg) {
				answer.Subject = asked
				if err := relay.PublishMsg(answer); err != nil {
					t.Error(err)
				}
			})
			m.Reply = answers
			if err := errors.Join(err, back.PublishMsg(m)); err != nil {
				t.Error(err)
			}
		}
	})
	if err := errors.Join(err, relay.Flush()); err != nil {
		t.Fatal(err)
	}
	return front
}

// What a server does not answer is asked for again: one that has just been started answers but one
// of two connections that are the first to ask.
func TestHistoryIsAskedAgain(t *testing.T) {
	t.Parallel()
	for _, subject := range []string{"$JS.API.STREAM.INFO.", "$JS.API.STREAM.CREATE.", "$JS.API.DIRECT.GET."} {
		t.Run(subject, func(t *testing.T) {
			t.Parallel()
			h := &History{Conn: connect(t, startForgetful(t, subject+defaultHistory), nats.NoEcho())}
			for i := range 3 {
				if err := h.Append(t.Context(), "a", "", fmt.Append(nil, i)); err != nil {
					t.Fatal(err)
				}
			}
			if span, err := h.Since(t.Context(), "a", 0, 10); err != nil || len(span.Records) != 3 {
				t.Errorf("%+v, %v, want three records", span, err)
			}
		})
	}
}
