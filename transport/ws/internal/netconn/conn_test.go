package netconn

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/transport/ws/internal/rawclient"
)

// There may be a million of them, so none of these bytes comes for nothing.
func TestConnectionsAreSmall(t *testing.T) {
	if got := unsafe.Sizeof(Conn{}); unsafe.Sizeof(uintptr(0)) == 8 && got > 176 {
		t.Errorf("a Conn has %d bytes, want 176", got)
	}
}

// The zero Host works, also when it has been closed.
func TestHostIsUsedAnew(t *testing.T) {
	host := new(Host)
	for range 3 {
		for _, m := range modes {
			t.Run(m.name, func(t *testing.T) {
				c := (&server{mode: m, host: host}).start(t).connect(t)
				c.Write(text("a")(m))
				c.expect("text:a")
			})
		}
		host.Close()
	}
}

// While nothing comes, a parked connection has no goroutine; it wakes whenever something
// does.
func TestParkedConnectionsHoldNoGoroutine(t *testing.T) {
	if !canPark {
		t.Skip("connections do not park here")
	}
	const n = 50
	m := mode{park: true}
	s := (&server{mode: m}).start(t)
	before := runtime.NumGoroutine()
	clients := make([]*client, n)
	for i := range clients {
		clients[i] = s.connect(t)
	}
	for range 3 {
		for _, c := range clients {
			c.Write(text("a")(m))
			c.expect("text:a")
		}
		for limit := time.Now().Add(patience); runtime.NumGoroutine() > before+n/2; runtime.Gosched() {
			if time.Now().After(limit) {
				t.Fatalf("%d goroutines, and %d before", runtime.NumGoroutine(), before)
			}
		}
	}
}

// Messages are read whole and in order, however the network cuts them, and none is left
// behind in a buffer when the connection parks.
func TestAllIsReadThatComes(t *testing.T) {
	inAllModes(t, func(t *testing.T, m mode) {
		var all []byte
		var want []string
		for i := range 200 {
			all = append(all, text(fmt.Sprint(i))(m)...)
			want = append(want, fmt.Sprint("text:", i))
		}
		s := (&server{mode: m}).start(t)
		for _, size := range []int{1, 7, 4096, len(all)} {
			c := s.connect(t)
			for data := range slices.Chunk(all, size) {
				c.Write(data)
			}
			c.expect(want...)
		}
	})
}

// The event of the end may come along with that of the last message.
func TestTheEndBehindTheLastMessageIsHeard(t *testing.T) {
	inAllModes(t, func(t *testing.T, m mode) {
		r := newRecord()
		s := (&server{mode: m, sink: r.of}).start(t)
		rounds := long.Rounds(25, 100)
		for range rounds {
			c := s.connect(t)
			c.Write(text("a")(m))
			c.Conn.(interface{ CloseWrite() error }).CloseWrite()
			<-r.lost
			c.Close()
			<-r.closed
		}
		if got := r.taken(); len(got) != rounds {
			t.Errorf("%d messages", len(got))
		}
	})
}

// A client that does not read gets no more than the queue holds: it is told so once, and
// all that follows is lost, or just what does not fit.
func TestSendToAClientThatDoesNotRead(t *testing.T) {
	inAllModes(t, func(t *testing.T, m mode) {
		for _, drop := range []bool{false, true} {
			t.Run(fmt.Sprint("DropNewest ", drop), func(t *testing.T) {
				r, config := newRecord(), m.config()
				config.MaxQueue, config.DropNewest, config.Compress = 64<<10, drop, false
				started := make(chan struct{}, 1)
				s := &server{mode: m, config: config, sink: r.of}
				s.accepted = func(*Conn) { started <- struct{}{} }
				c := s.start(t).connect(t)
				<-started
				f, size := sealed(r.conn, []byte(strings.Repeat("x", 32<<10)), false), 32<<10
				if !drop { // two that travel together
					half := sealed(r.conn, []byte(strings.Repeat("x", 16<<10)), false)
					f, size = half.With(half), 16<<10
				}
				var outcomes []error // of those that were not sent
				sent := 0
				for len(outcomes) < 5 {
					if err := r.conn.Send(f); err != nil {
						outcomes = append(outcomes, err)
					} else if sent++; sent == 2000 { // 64 MiB, more than the kernel buffers
						t.Fatal("there is room for all")
					}
				}
				want := []error{ErrFull, ErrClosed, ErrClosed, ErrClosed, ErrClosed}
				if drop {
					want = slices.Repeat([]error{ErrFull}, 5)
				}
				if !slices.Equal(outcomes, want) {
					t.Errorf("outcomes %v, want %v", outcomes, want)
				}
				for range sent * f.Messages() { // whole ones
					if first, got, err := c.ReadFrame(); first != rawclient.Fin|rawclient.OpText || len(got) != size || err != nil {
						t.Fatalf("first byte %#x, %d bytes, %v", first, len(got), err)
					}
				}
				r.conn.Close()
				c.expect("close:1000")
			})
		}
	})
}

// A message may be larger than the queue, if nothing else waits.
func TestSendOneMessageThatIsLargerThanTheQueue(t *testing.T) {
	inAllModes(t, func(t *testing.T, m mode) {
		config := m.config()
		config.MaxQueue = 1
		c := (&server{mode: m, config: config}).start(t).connect(t)
		large := strings.Repeat("0123456789abcdef", 1<<16)
		go c.Write(text(large)(m))
		if got, err := c.ReadText(); got != "text:"+large {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
}

// OUT-8: a client that takes nothing of what waits for it is given up, also if the queue
// is not full and nothing comes from it.
func TestClientThatTakesNothingIsGivenUp(t *testing.T) {
	inAllModes(t, func(t *testing.T, m mode) {
		r, config := newRecord(), m.config()
		config.WriteTimeout, config.Compress = 500*time.Millisecond, false
		started := make(chan struct{}, 1)
		s := &server{mode: m, config: config, sink: r.of}
		s.accepted = func(*Conn) { started <- struct{}{} }
		s.start(t).connect(t)
		<-started
		f := sealed(r.conn, make([]byte, 32<<20), true) // more than the kernel buffers
		if err := r.conn.Send(f); err != nil {
			t.Fatal(err)
		}
		if err := <-r.lost; err == nil || isTimeout(err) {
			t.Errorf("lost by %v", err)
		}
		if err := r.conn.Send(f); err != ErrClosed {
			t.Errorf("then %v", err)
		}
		<-r.closed
	})
}

// A connection that cannot be made is told of as one that is lost and closed.
func TestFailedAccept(t *testing.T) {
	aborted := func(w http.ResponseWriter) http.ResponseWriter { return panicking{w} }
	for name, x := range map[string]struct {
		lines   string
		handler func(http.ResponseWriter) http.ResponseWriter
		status  int
		want    error
	}{
		"a bad handshake":      {"Sec-WebSocket-Key: again\r\n", nil, http.StatusBadRequest, nil},
		"no connection":        {"", func(w http.ResponseWriter) http.ResponseWriter { return opaque{w} }, http.StatusNotImplemented, ErrNoHijack},
		"a panic of a wrapper": {"", aborted, 0, errAborted},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRecord()
			s := (&server{sink: r.of, handler: x.handler}).start(t)
			_, resp, err := rawclient.Request(s.dial(t), "/", x.lines, nil)
			if x.status == 0 && err == nil || x.status != 0 && (err != nil || resp.StatusCode != x.status) {
				t.Errorf("answered %v, %v", resp, err)
			}
			if err := <-r.lost; err == nil || x.want != nil && !errors.Is(err, x.want) {
				t.Errorf("lost by %v, want %v", err, x.want)
			}
			<-r.closed
		})
	}
}

// opaque is a wrapper that hides the connection.
type opaque struct{ http.ResponseWriter }

// panicking is a wrapper that panics when its connection is taken over.
type panicking struct{ http.ResponseWriter }

func (p panicking) Unwrap() http.ResponseWriter { panic(http.ErrAbortHandler) }
