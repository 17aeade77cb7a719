package ws_test

import (
	"bytes"
	"io"
	"math"
	"net"
	"runtime"
	"slices"
	"testing"

	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/transport/ws/internal/rawclient"
)

// What a connection and a message cost does not depend on how busy the machine is,
// so it is tested here; how long they take is measured in docs/bench.

// bareConnect is connect without a client's library, whose cost would count.
func (s *server) bareConnect(t testing.TB, buf []byte) net.Conn {
	t.Helper()
	nc := bareDial(t, s.addr, buf)
	t.Cleanup(func() { nc.Close() })
	return nc
}

// bareDial returns a connection that is to be closed.
func bareDial(t testing.TB, addr string, buf []byte) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(nc, "GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nHost: "+addr+
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	awaitEnd(t, nc, "\r\n\r\n", buf)
	return nc
}

// roundTrip sends a frame and reads the answer, of which it knows only the end.
func roundTrip(t testing.TB, nc net.Conn, frame, buf []byte) {
	t.Helper()
	if _, err := nc.Write(frame); err != nil {
		t.Fatal(err)
	}
	awaitEnd(t, nc, "}}]", buf)
}

// awaitEnd reads until what has come ends so.
func awaitEnd(t testing.TB, nc net.Conn, end string, buf []byte) {
	t.Helper()
	for n := 0; !bytes.HasSuffix(buf[:n], []byte(end)); {
		m, err := nc.Read(buf[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += m
	}
}

func TestEchoAllocatesLittle(t *testing.T) {
	if long.Race {
		t.Skip("the race detector allocates")
	}
	const most = 11 // it is 7, and 9 when parked
	buf := make([]byte, 4096)
	nc := serve(t, rooms(nil)).bareConnect(t, buf)
	roundTrip(t, nc, rawclient.Text(`["1","1","room:1","phx_join",{}]`), buf)
	frame := rawclient.Text(`["1","2","room:1","echo",{"text":"hello"}]`)
	allocs := testing.AllocsPerRun(500, func() { roundTrip(t, nc, frame, buf) })
	t.Logf("%v allocations for each echo", allocs)
	if allocs > most {
		t.Errorf("%v allocations for each echo, want at most %d", allocs, most)
	}
}

// It is encoded once, and written to each.
func TestABroadcastAllocatesNothingForAReceiver(t *testing.T) {
	if long.Race {
		t.Skip("the race detector allocates")
	}
	s := serve(t, rooms(nil))
	buf := make([]byte, 4096)
	join := rawclient.Text(`["1","1","room:1","phx_join",{}]`)
	shout := rawclient.Text(`["1","2","room:1","shout",{"text":"hello"}]`)
	var all []net.Conn
	allocs := func(receivers int) float64 {
		for len(all) < receivers {
			all = append(all, s.bareConnect(t, buf))
			roundTrip(t, all[len(all)-1], join, buf)
		}
		return testing.AllocsPerRun(200, func() {
			roundTrip(t, all[0], shout, buf)
			for _, nc := range all[1:] {
				awaitEnd(t, nc, `"}]`, buf)
			}
		})
	}
	few, many := allocs(10), allocs(110)
	t.Logf("%v allocations for 10 receivers, %v for 110", few, many)
	if many-few > 10 { // less than a tenth of one for each
		t.Errorf("a broadcast makes %v allocations for 10 receivers, %v for 110", few, many)
	}
}

func TestIdleConnectionsTakeLittleMemory(t *testing.T) {
	if long.Race {
		t.Skip("the race detector takes memory")
	}
	const n = 1000
	// In bytes, live, with a joined channel and the client's end of the connection,
	// which has half a KB.
	most := 6000 // it is 5930, of which 2000 are the reader's stack
	if parked {
		most = 3600 // it is 3040
	}
	s := serve(t, rooms(nil))
	buf := make([]byte, 4096)
	join := rawclient.Text(`["1","1","room:1","phx_join",{}]`)
	roundTrip(t, s.bareConnect(t, buf), join, buf)
	// What the runtime keeps for itself grows in one round or another: the least counts.
	each, rounds := math.MaxInt, 0
	for ; rounds < 5 && each > most; rounds++ {
		before := inUse()
		for range n {
			roundTrip(t, s.bareConnect(t, buf), join, buf)
		}
		each = min(each, int(inUse()-before)/n)
	}
	t.Logf("%d B for each idle connection", each)
	if each > most {
		t.Errorf("%d B for each idle connection, want at most %d", each, most)
	}
	if s.Stats().Connections != rounds*n+1 {
		t.Error("connections were lost")
	}
}

// inUse is the live heap and the stacks.
func inUse() uint64 {
	runtime.GC() // empties the pools
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// Connections that have ended leave nothing behind, whatever they were doing.
func TestEndedConnectionsTakeNoMemory(t *testing.T) {
	if long.Race {
		t.Skip("the race detector takes memory")
	}
	const rounds, clients = 5, 200
	s := serve(t, rooms(nil))
	buf := make([]byte, 4096)
	round := func(t *testing.T) { // a test, which keeps nothing when it is over
		conns := make([]net.Conn, clients)
		for i := range conns {
			conns[i] = s.bareConnect(t, buf)
			conns[i].Write(slices.Concat(rawclient.Frame(rawclient.OpText, `[null,"1",`), rawclient.Frame(rawclient.Fin|rawclient.OpPing, "p")))
			awaitEnd(t, conns[i], "p", buf) // so it has been read
		}
		for _, nc := range conns {
			roundTrip(t, nc, rawclient.Frame(rawclient.Fin, `"phoenix","heartbeat",{}]`), buf)
		}
		for i, nc := range conns {
			if i%10 == 0 {
				nc.Write(rawclient.Frame(rawclient.OpText, "half a message"))
			}
			nc.Close()
		}
		eventually(t, "no connection", func() bool { return s.Stats().Connections == 0 })
	}
	t.Run("first", round)
	before := inUse()
	for range rounds {
		t.Run("next", round)
		inUse() // as pools are emptied meanwhile
	}
	each := (int(inUse()) - int(before)) / (rounds * clients)
	t.Logf("%d B for each connection that has ended", each)
	if each > 500 {
		t.Errorf("%d B for each connection that has ended", each)
	}
}
