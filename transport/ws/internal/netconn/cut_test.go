package netconn

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/transport/ws/internal/rawclient"
)

// A message of which a part is missing is not delivered, wherever it is cut and
// however the connection ends there. One that is whole is delivered, whole.
func TestCutMessageIsNotDelivered(t *testing.T) {
	large := strings.Repeat("0123456789", 900) // in several reads
	inAllModes(t, func(t *testing.T, m mode) {
		r := newRecord()
		s := (&server{mode: m, sink: r.of}).start(t)
		head := text("first")(m)
		run := func(sent frames, end int, want string, halfway bool) {
			t.Helper()
			all := sent(m)
			c := s.connect(t)
			c.Write(slices.Concat(head, all[:end]))
			if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && halfway {
				half.CloseWrite()
			} else {
				c.Close()
			}
			<-r.lost
			c.Close()
			<-r.closed
			expected := []string{"text:first"}
			if end == len(all) {
				expected = append(expected, want)
			}
			if got := r.taken(); !slices.Equal(got, expected) {
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
		s := (&server{mode: m}).start(t)
		var clients sync.WaitGroup
		over := make(chan struct{})
		for range 4 { // the innocent
			c := s.connect(t)
			clients.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-over:
						return
					default:
					}
					message := fmt.Sprint(i)
					c.SetDeadline(time.Now().Add(patience))
					c.Write(text(message[:1], message[1:])(m))
					if got, err := c.ReadText(); got != "text:"+message || err != nil {
						t.Errorf("message %d of an innocent: %q, %v", i, got, err)
						return
					}
				}
			})
		}
		var dropouts sync.WaitGroup
		for range 4 {
			dropouts.Go(func() {
				for i := range long.Rounds(10, 30) {
					c := s.connect(t)
					half := [][]byte{first("a")(m), rawclient.Frame(rawclient.Fin|0x9, "ping")[:8], text("text")(m)[:3], bin("x", "y")(m)[:9]}
					c.Write(half[i%len(half)])
					if tcp, ok := c.Conn.(*net.TCPConn); ok && i%3 == 0 {
						tcp.SetLinger(0) // a reset
					}
					c.Close()
				}
			})
		}
		dropouts.Wait()
		close(over)
		clients.Wait()
	})
}
