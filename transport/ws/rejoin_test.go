package ws_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/troupe-go/troupe/transport/ws"
)

// stayer is a handler whose Terminate and Join tell when they run.
type stayer struct {
	steps   chan string
	release chan struct{}
}

func (s *stayer) Join(c *ws.Channel, _ string, _ ws.Payload) (any, error) {
	_, err := c.ReplyRef()
	s.steps <- fmt.Sprint("join, ", errors.Is(err, ws.ErrNoRef), errors.Is(c.Broadcast("x", nil), ws.ErrNotJoined))
	return nil, nil
}

func (s *stayer) HandleIn(*ws.Channel, string, ws.Payload) (ws.Reply, error) {
	return ws.NoReply, nil
}

func (s *stayer) Terminate(*ws.Channel, error) {
	s.steps <- "terminate"
	<-s.release
	s.steps <- "terminated"
}

// JOIN-10: the old channel has ended, Terminate included, when the new one joins.
// JOIN-7, MSG-7: in Join there is nothing to broadcast to, and nothing to refer to.
func TestRejoinWaitsForTerminate(t *testing.T) {
	steps, release := make(chan string, 10), make(chan struct{})
	s := serve(t, ws.Socket{Path: "/socket", Channels: ws.Routes{
		ws.Topic("room:*", func() *stayer { return &stayer{steps, release} }, nil),
	}})
	c := s.connect(t)
	c.join("room:a")
	c.send(`["2","2","room:a","phx_join",{}]`)
	c.heartbeat() // the join is under way
	release <- struct{}{}
	c.expect(`["1","1","room:a","phx_close",{}]`, `["2","2","room:a","phx_reply",{"status":"ok","response":{}}]`)
	for _, want := range []string{"join, true true", "terminate", "terminated", "join, true true"} {
		if got := <-steps; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	close(release)
}
