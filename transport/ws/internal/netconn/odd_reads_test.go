package netconn

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/transport/ws/internal/rawclient"
)

// oddConn is a connection that reads as an [io.Reader] may: nothing without an error, less
// than there is, and its end along with the last bytes. It writes as usual.
type oddConn struct {
	net.Conn
	mu  sync.Mutex // net/http reads in the background, too
	rnd *rand.Rand
}

func (c *oddConn) choose(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rnd.IntN(n)
}

func (c *oddConn) Read(p []byte) (int, error) {
	if c.choose(3) == 0 {
		return 0, nil
	}
	n, err := c.Conn.Read(p[:min(len(p), 1+c.choose(1+c.choose(200)))])
	if err != nil || c.choose(4) > 0 {
		return n, err
	}
	// What comes next may be the end.
	c.SetReadDeadline(time.Now().Add(time.Millisecond))
	defer c.SetReadDeadline(time.Time{})
	more, err := c.Conn.Read(p[n:min(len(p), n+1)])
	if isTimeout(err) {
		err = nil
	}
	return n + more, err
}

// Whatever a reader may do, at any step: all messages come, whole and in order, and so
// does the end.
func TestOddReads(t *testing.T) {
	large := strings.Repeat("0123456789", 1000)
	for _, m := range []mode{{name: "default"}, {name: "parked", park: true}, {name: "compressed", deflate: true}, {name: "TLS", tls: true}} {
		t.Run(m.name, func(t *testing.T) {
			r := newRecord()
			s := &server{mode: m, sink: r.of}
			var next atomic.Uint64
			s.wrap = func(nc net.Conn) net.Conn {
				return &oddConn{Conn: nc, rnd: rand.New(rand.NewPCG(next.Add(1)-1, 5))}
			}
			s.start(t)
			all := slices.Concat(text("a", "b")(m), ping("p")(m), bin(large)(m), text("", "c", "")(m), bin(large[:300], large[300:])(m))
			want := []string{"text:ab", "binary:" + large, "text:c", "binary:" + large}
			for seed := range uint64(long.Rounds(20, 60)) {
				rnd := rand.New(rand.NewPCG(seed, 6))
				ending := [][]byte{rawclient.Closing(1000, "bye"), rawclient.Closing(1000, "bye")[:4], nil}[rnd.IntN(3)]
				sent := append(slices.Clone(all), ending...)
				early := rnd.IntN(len(sent) + 1)
				c := s.connect(t, sent[:early]...)
				go func() { // it may be closed while the rest is written
					c.Write(sent[early:])
					if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
						half.CloseWrite()
					}
				}()
				c.expect("pong:p")
				err := <-r.lost
				if got, ok := errors.AsType[CloseError](err); ok != (len(ending) > 4) || isTimeout(err) {
					t.Fatalf("seed %d: lost by %v, %v", seed, got, err)
				}
				if got := r.taken(); !slices.Equal(got, want) {
					t.Fatalf("seed %d: %d messages, %.100q", seed, len(got), got)
				}
				io.Copy(io.Discard, c)
				c.Close()
				<-r.closed
			}
		})
	}
}

// A client that is being closed may answer in any way that a reader allows.
func TestOddReadsWhileClosing(t *testing.T) {
	for seed := range uint64(100) {
		m, r := mode{}, newRecord()
		wrap := func(nc net.Conn) net.Conn { return &oddConn{Conn: nc, rnd: rand.New(rand.NewPCG(seed, 7))} }
		t.Run("", func(t *testing.T) {
			c := (&server{mode: m, wrap: wrap, sink: r.of}).start(t).connect(t, first("a")(m)...)
			r.conn.Close()
			c.expect("close:1000")
			c.Write(slices.Concat(last("b")(m), text("c")(m), ping("p")(m), closing(1000, "")(m)))
			c.expectEnd()
			<-r.closed
			if got := r.taken(); got != nil || len(r.lost) > 0 {
				t.Errorf("seed %d: received %q, lost %d", seed, got, len(r.lost))
			}
		})
	}
}

// stuckConn answers reads with nothing, for ever, when it has been read to some point.
type stuckConn struct {
	net.Conn
	left int
	end  error // comes once, along with the last bytes, if it is not nil
}

func (c *stuckConn) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, nil
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	if c.left -= n; c.left == 0 && err == nil {
		err = c.end
	}
	return n, err
}

var errOnce = errors.New("it says so once")

// A reader that brings nothing and no error is given up, and does not spin for ever. An
// error that comes along with data, and once, is not overlooked.
func TestStuckReads(t *testing.T) {
	const handshake = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
	message := rawclient.Text(strings.Repeat("x", 10_000))
	for name, x := range map[string]struct {
		after     int // bytes of the message
		end, want error
		got       []string
	}{
		"in a message":                  {5000, nil, io.ErrNoProgress, nil},
		"after a message":               {len(message), nil, io.ErrNoProgress, []string{"text:" + strings.Repeat("x", 10_000)}},
		"an error in a message":         {5000, errOnce, errOnce, nil},
		"an error along with a message": {len(message), errOnce, errOnce, []string{"text:" + strings.Repeat("x", 10_000)}},
		"an end along with a message":   {len(message), io.EOF, io.EOF, []string{"text:" + strings.Repeat("x", 10_000)}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRecord()
				s := &server{mode: mode{pipe: true}, sink: r.of}
				s.wrap = func(nc net.Conn) net.Conn { return &stuckConn{nc, len(handshake) + x.after, x.end} }
				nc := s.start(t).dial(t)
				go nc.Write(slices.Concat([]byte(handshake), message))
				go io.Copy(io.Discard, nc)
				if err := <-r.lost; !errors.Is(err, x.want) {
					t.Errorf("lost by %v, want %v", err, x.want)
				}
				<-r.closed
				if got := r.taken(); !slices.Equal(got, x.got) {
					t.Errorf("received %.80q", got)
				}
			})
		})
	}
}

// embedding is a connection of a server's own, which embeds one of package net's and
// reads otherwise.
type embedding struct {
	*net.TCPConn
	first bytes.Reader
}

func (e *embedding) Read(p []byte) (int, error) {
	if e.first.Len() > 0 {
		return e.first.Read(p)
	}
	return e.TCPConn.Read(p)
}

// A connection is read by its own methods if it is not one of package net's.
func TestConnectionOfOnesOwn(t *testing.T) {
	message := strings.Repeat("x", 5000) // more than net/http reads at once
	s := &server{}
	s.wrap = func(nc net.Conn) net.Conn {
		e := &embedding{TCPConn: nc.(*net.TCPConn)}
		e.first.Reset(slices.Concat([]byte("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"), rawclient.Text(message)))
		return e
	}
	c := s.start(t).answered(t)
	c.expect("text:" + message)
}
