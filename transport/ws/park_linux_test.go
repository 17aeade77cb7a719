package ws_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/internal/rawclient"
)

// parked tells that this is the run of all tests in which connections park.
var parked = os.Getenv(parkKey) != ""

const parkKey = "TROUPE_WS_TEST_PARK"

// Whether connections park makes no difference to clients: all tests pass again. In a short
// round those do that have most to do with what comes from a connection and goes to it.
func TestAllTestsPassWithParking(t *testing.T) {
	if parked {
		t.SkipNow()
	}
	args := []string{"-test.shuffle=on"}
	if long.Rounds(0, 1) == 0 {
		// In memory nothing parks: the dearest of those tests is left out.
		args = append(args, "-test.run=Clos|Connect|Idle|Park|Ping|Slow|Drain|Upgrade|Handshake|HeldBack", "-test.skip=HeldBackByBytes")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), parkKey+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// parking is a socket whose connections park.
func parking() ws.Socket {
	s := rooms(nil)
	s.Park = true
	return s
}

func TestParkedConnectionsHoldNoGoroutine(t *testing.T) {
	const n = 50
	s := serve(t, parking())
	before := runtime.NumGoroutine()
	clients := make([]*client, n)
	for i := range clients {
		clients[i] = s.connect(t)
		clients[i].join("room:1")
	}
	few := func() bool { return runtime.NumGoroutine() < before+n/2 } // the lot has one
	eventually(t, "few goroutines", few)
	for _, c := range clients {
		c.heartbeat()
	}
	eventually(t, "few goroutines again", few)
}

// CONN-8: by the sweep.
func TestParkedConnectionsTimeOut(t *testing.T) {
	socket := parking()
	socket.IdleTimeout = 50 * time.Millisecond
	s := serve(t, socket)
	c := s.connect(t)
	c.expectClose(websocket.StatusGoingAway)
	eventually(t, "no connection", func() bool { return s.Stats().Connections == 0 })
}

// The epoll event of the end may come along with that of the last message.
func TestParkedConnectionHearsTheEndBehindTheLastMessage(t *testing.T) {
	s := serve(t, parking())
	for range 100 {
		c := s.connect(t)
		c.nc.Write(rawclient.Text(`[null,"1","phoenix","heartbeat",{}]`))
		c.nc.(*net.TCPConn).CloseWrite()
	}
	eventually(t, "no connection", func() bool { return s.Stats().Connections == 0 })
}

// Messages are read whole and in order, however the network cuts them, and none
// is left behind in a buffer when the connection parks.
func TestParkedConnectionReadsAllThatComes(t *testing.T) {
	const n = 200
	var frames bytes.Buffer
	for i := range n {
		frames.Write(rawclient.Text(fmt.Sprintf(`["1","%d","room:1","count",{}]`, i)))
	}
	large := strings.Repeat("x", 20_000)
	for _, size := range []int{1, 7, 4096, frames.Len()} {
		t.Run(fmt.Sprint(size, " bytes"), func(t *testing.T) {
			c := serve(t, parking()).connect(t)
			c.join("room:1")
			for data := range slices.Chunk(frames.Bytes(), size) {
				c.nc.Write(data)
			}
			for i := range n {
				c.expect(fmt.Sprintf(`["1","%d","room:1","phx_reply",{"status":"ok","response":{"n":%d}}]`, i, i+1))
			}
			c.send(fmt.Sprintf(`["1","a","room:1","echo",{"text":%q}]`, large))
			c.expect(fmt.Sprintf(`["1","a","room:1","phx_reply",{"status":"ok","response":{"text":%q}}]`, large))
			c.heartbeat()
		})
	}
}
