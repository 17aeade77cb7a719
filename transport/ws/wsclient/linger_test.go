package wsclient_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

// lodger is a channel that lingers, and pushes how often its client has come.
type lodger struct {
	came int
	all  chan<- *ws.Channel
}

func (l *lodger) Join(c *ws.Channel, _ string, _ ws.Payload) (any, error) {
	l.all <- c
	return map[string]int{"came": l.came}, nil
}

func (l *lodger) Resumed(_ *ws.Channel, r ws.Resumption) (any, error) {
	l.came++
	return map[string]any{"came": l.came, "missed": r.Missed, "complete": r.Complete}, nil
}

// A client whose connection is lost comes back to its channel by itself, and has then got each
// push once.
func TestAClientResumesByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := make(chan *ws.Channel, 1)
		route := ws.Topic("room:*", func() *lodger { return &lodger{all: all} }, nil)
		route.Linger = time.Minute
		s, _ := serve(t, true, ws.Socket{Path: "/socket", Channels: ws.Routes{route}})
		var conn net.Conn
		c := s.dial(t, func(o *wsclient.Config) {
			dial := s.http.Transport.(*http.Transport).DialContext
			transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (nc net.Conn, err error) {
				nc, err = dial(ctx, network, addr)
				conn = nc
				return nc, err
			}}
			t.Cleanup(transport.CloseIdleConnections)
			o.HTTPClient = &http.Client{Transport: transport}
			o.ReconnectDelay = func(int) time.Duration { return time.Second }
		})
		room := c.Channel("room:a", nil)
		got, joins := make(chan string, 100), make(chan wsclient.Payload, 10)
		room.On("pushed", func(m wsclient.Message) { got <- string(m.Payload.Bytes()) })
		room.OnJoin(func(p wsclient.Payload) { joins <- p })
		mustJoin(t, room)
		lodger := <-all
		soon(t, joins)
		for n := range 3 {
			conn.Close()
			synctest.Wait()
			lodger.Push("pushed", map[string]int{"n": n})
			var answer struct {
				Came, Missed int
				Complete     bool
			}
			if err := soon(t, joins).Decode(&answer); err != nil || answer.Came != n+1 || answer.Missed != 1 || !answer.Complete {
				t.Errorf("answered %+v, %v", answer, err)
			}
			expectJSON(t, ws.RawJSON([]byte(soon(t, got))), map[int]string{0: `{"n":0}`, 1: `{"n":1}`, 2: `{"n":2}`}[n])
		}
		if len(got) > 0 {
			t.Errorf("got %s as well", <-got)
		}
	})
}

// deaf is a connection whose other end can send into the void.
type deaf struct {
	net.Conn
	hears atomic.Bool
}

func (d *deaf) Read(b []byte) (int, error) {
	for {
		n, err := d.Conn.Read(b)
		if err != nil || d.hears.Load() {
			return n, err
		}
	}
}

// A client with a function for OnResume gets also what was pushed over its first connection after
// that was lost; it is told whether its channel was there.
func TestAClientThatIsToldOfResumesCountsFromTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := make(chan *ws.Channel, 2)
		route := ws.Topic("room:*", func() *lodger { return &lodger{all: all} }, nil)
		route.Linger = time.Minute
		s, endpoint := serve(t, true, ws.Socket{Path: "/socket", Channels: ws.Routes{route}})
		var conn *deaf
		c := s.dial(t, func(o *wsclient.Config) {
			dial := s.http.Transport.(*http.Transport).DialContext
			transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				nc, err := dial(ctx, network, addr)
				conn = &deaf{Conn: nc}
				conn.hears.Store(true)
				return conn, err
			}}
			t.Cleanup(transport.CloseIdleConnections)
			o.HTTPClient = &http.Client{Transport: transport}
			o.ReconnectDelay = func(int) time.Duration { return time.Second }
		})
		room := c.Channel("room:a", nil)
		heard := make(chan string, 100)
		room.On("pushed", func(m wsclient.Message) { heard <- string(m.Payload.Bytes()) })
		room.OnResume(func(resumed bool) { heard <- fmt.Sprint("resumed ", resumed) })
		expect := func(want ...string) {
			t.Helper()
			for _, w := range want {
				if s := soon(t, heard); s != w {
					t.Errorf("got %s, want %s", s, w)
				}
			}
		}
		mustJoin(t, room)
		lodger := <-all
		lodger.Push("pushed", map[string]int{"n": 0})
		expect(`{"n":0}`)
		for n := 1; n < 4; n += 2 {
			conn.hears.Store(false)
			lodger.Push("pushed", map[string]int{"n": n})
			synctest.Wait()
			conn.Close()
			synctest.Wait()
			lodger.Push("pushed", map[string]int{"n": n + 1})
			expect("resumed true", fmt.Sprintf(`{"n":%d}`, n), fmt.Sprintf(`{"n":%d}`, n+1))
		}
		lodger.PID().Exit(errors.New("over")) // and the client joins anew
		expect("resumed false")
		(<-all).Push("pushed", map[string]int{"n": 9})
		expect(`{"n":9}`)
		if n := endpoint.Stats().Resumes; n != 2 || len(heard) > 0 {
			t.Errorf("%d resumes, and %d were told besides", n, len(heard))
		}
	})
}
