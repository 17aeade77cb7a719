package ws_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/transport/ws"
)

// painter pushes pictures.
type painter struct{}

const pictures = 30

func (painter) Join(*ws.Channel, string, ws.Payload) (any, error) { return nil, nil }

func (painter) HandleIn(c *ws.Channel, _ string, _ ws.Payload) (ws.Reply, error) {
	for range pictures {
		if err := c.Push("pic", ws.Binary(make([]byte, 1000))); err != nil {
			return ws.NoReply, err
		}
	}
	return ws.NoReply, nil
}

// What travels together counts as the messages that it is, also where there is no room for it. The
// bytes of a push and its number are lost together.
func TestEachMessageThatIsDroppedCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		painters := ws.Topic("room:*", func() painter { return painter{} }, nil)
		painters.Linger = time.Minute
		var told atomic.Uint64
		s := serveInMemory(t, ws.Socket{
			Path: "/socket", Channels: ws.Routes{painters}, Overflow: ws.DropNewest, MaxQueue: 10_000,
			Observe: func(o ws.Observation) {
				if _, ok := o.(ws.Dropped); ok {
					told.Add(1)
				}
			},
		})
		c := s.connect(t)
		c.send(`["1","1","room:a","phx_join",{"got":null}]`)
		if _, _, err := c.read(); err != nil {
			t.Fatal(err)
		}
		c.send(`["1","2","room:a","paint",{}]`)
		synctest.Wait() // nothing is read
		stats := s.Stats()
		if stats.Dropped == 0 || stats.Dropped%2 != 0 || stats.Dropped+stats.MessagesOut != 1+2*pictures || told.Load() != stats.Dropped {
			t.Errorf("%d messages out and %d dropped, of %d; told of %d", stats.MessagesOut, stats.Dropped, 1+2*pictures, told.Load())
		}
	})
}
