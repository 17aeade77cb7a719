package ws_test

import (
	"net"
	"testing"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
)

// An endpoint that is killed takes along its connections, and the place where they parked.
func TestRestartsLeaveNoDescriptors(t *testing.T) {
	endpoint := ws.New(ws.Config{Sockets: []ws.Socket{parking()}})
	spec := often
	spec.Children = []supervisor.Child{endpoint.Child()}
	sys := newSystem()
	if _, err := supervisor.Start(sys, spec); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := serveEndpoint(t, sys, l, plain, endpoint)
	s.addr = l.Addr().String()
	round := func() {
		clients := make([]*client, 10)
		for i := range clients {
			clients[i] = s.connect(t)
			clients[i].join("room:a")
		}
		killed := s.PID()
		killed.Exit(actor.Kill)
		for _, c := range clients {
			c.expectClose(websocket.StatusServiceRestart)
			c.conn.CloseNow()
		}
		eventually(t, "it is up again", func() bool { return s.PID() != killed && s.PID().Alive() })
		eventually(t, "nobody is connected", func() bool { return s.Stats().Connections == 0 })
	}
	round() // opens what stays
	before := descriptors()
	for range 5 {
		round()
	}
	eventually(t, "no descriptor more than before", func() bool { return descriptors() <= before })
}
