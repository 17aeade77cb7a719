package ws_test

import (
	"net"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/internal/rawclient"
)

// A channel that lingers takes what an idle one does, or less: it has no connection.
func TestChannelsThatLingerTakeLittleMemory(t *testing.T) {
	if long.Race {
		t.Skip("the race detector takes memory")
	}
	n := long.Rounds(500, 10_000)
	const most = 6000 // in bytes: see TestIdleConnectionsTakeLittleMemory
	room := ws.Topic("room:*", func() guest { return guest{} }, nil)
	room.Linger = time.Hour
	s := serve(t, ws.Socket{Path: "/socket", Channels: ws.Routes{room}, MaxLingering: n + 1})
	buf := make([]byte, 4096)
	join := rawclient.Text(`["1","1","room:1","phx_join",{}]`)
	joins := func() net.Conn {
		nc := s.bareConnect(t, buf)
		if _, err := nc.Write(join); err != nil {
			t.Fatal(err)
		}
		awaitEnd(t, nc, `false}}]`, buf)
		return nc
	}
	lingering := func(n int) {
		t.Helper()
		eventually(t, "all linger", func() bool { return s.Stats().Lingering == n })
	}
	joins().Close()
	lingering(1)
	before := inUse()
	for i := range n {
		joins().Close()
		if i%50 == 0 { // so that no more connections are open than the system has room for
			lingering(i + 2)
		}
	}
	lingering(n + 1)
	each := int(inUse()-before) / n
	t.Logf("%d B for each channel that lingers", each)
	if each > most {
		t.Errorf("%d B for each channel that lingers, want at most %d", each, most)
	}
}
