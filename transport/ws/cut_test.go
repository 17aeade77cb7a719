package ws_test

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// delivery is a serializer that keeps what the server was sent.
type delivery struct {
	mirror
	mu       sync.Mutex
	messages []string
}

func (d *delivery) Decode(data []byte, binary bool) (wire.Message, error) {
	m, err := d.mirror.Decode(data, binary)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.messages = append(d.messages, m.Ref)
	return m, err
}

// taken returns what has come since the last call.
func (d *delivery) taken() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	got := d.messages
	d.messages = nil
	return got
}

// recorded is a socket that keeps what it is sent, and tells of ends.
func recorded() (ws.Socket, *delivery, chan ws.Disconnected) {
	ended := make(chan ws.Disconnected, 1)
	d := new(delivery)
	return ws.Socket{Path: "/socket", Serializers: []wire.Serializer{d}, Observe: func(e ws.Event) {
		if e, ok := e.(ws.Disconnected); ok {
			ended <- e
		}
	}}, d, ended
}

// A message of which a part is missing is not delivered, wherever it is cut and
// however the connection ends there. One that is whole is delivered, whole.
func TestCutMessageIsNotDelivered(t *testing.T) {
	large := strings.Repeat("0123456789", 900) // in several reads
	inAllModes(t, func(t *testing.T, m mode) {
		socket, got, ended := recorded()
		s := m.serve(t, socket)
		head := text("first")(m)
		run := func(sent frames, end int, want string, halfway bool) {
			t.Helper()
			all := sent(m)
			c := m.connect(t, s)
			c.nc.Write(slices.Concat(head, all[:end]))
			if half, ok := c.nc.(interface{ CloseWrite() error }); ok && halfway {
				half.CloseWrite()
			} else {
				c.nc.Close()
			}
			<-ended
			c.nc.Close()
			expected := []string{"text:first"}
			if end == len(all) {
				expected = append(expected, want)
			}
			if got := got.taken(); !slices.Equal(got, expected) {
				t.Fatalf("cut after %d of %d bytes: delivered %.80q", end, len(all), got)
			}
		}
		for _, sent := range []frames{text("Hello κόσμε"), text("Hello", "", " κόσμε")} {
			for end := range len(sent(m)) + 1 {
				run(sent, end, "text:Hello κόσμε", end%2 == 0)
			}
		}
		for i, sent := range []frames{bin(large), bin(large[:500], large[500:]), bin(large[:5000], large[5000:8000], large[8000:])} {
			n := len(sent(m))
			for _, end := range []int{n / 20, n / 2, n * 9 / 10, n - 1, n} {
				run(sent, end, "binary:"+large, i == 0)
			}
			if !m.deflate { // at the end of a frame, and of a buffer
				for _, end := range []int{4096, 4104, 5008, 508} {
					run(sent, end, "", i == 0)
				}
			}
		}
	})
}

// Clients that drop out in the middle of anything, in any mode, are nothing to others.
func TestDroppingOutHurtsNobodyElse(t *testing.T) {
	inAllModes(t, func(t *testing.T, m mode) {
		s := m.serve(t, ws.Socket{Path: "/socket", Serializers: []wire.Serializer{mirror{}}})
		var clients sync.WaitGroup
		over := make(chan struct{})
		for range 4 { // the innocent
			c := m.connect(t, s)
			clients.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-over:
						return
					default:
					}
					message := fmt.Sprint(i)
					c.nc.SetDeadline(time.Now().Add(patience))
					c.nc.Write(text(message[:1], message[1:])(m))
					if got, err := c.readText(); got != "text:"+message || err != nil {
						t.Errorf("message %d of an innocent: %q, %v", i, got, err)
						return
					}
				}
			})
		}
		var dropouts sync.WaitGroup
		for range 4 {
			dropouts.Go(func() {
				for i := range 30 {
					c := m.connect(t, s)
					half := [][]byte{first("a")(m), maskedFrame(fin|0x9, "ping")[:8], text("text")(m)[:3], bin("x", "y")(m)[:9]}
					c.nc.Write(half[i%len(half)])
					if tcp, ok := c.nc.(*net.TCPConn); ok && i%3 == 0 {
						tcp.SetLinger(0) // a reset
					}
					c.nc.Close()
				}
			})
		}
		dropouts.Wait()
		close(over)
		clients.Wait()
	})
}
