package nats

import (
	"net"
	"sync/atomic"

	"github.com/nats-io/nats.go"
)

// gate has a connection read on only when what it has read is in a node's queues: so one read
// at most is on its way there, and nothing is dropped for want of room before it is counted
// in bytes. It is a [nats.CustomDialer].
type gate struct {
	nats.CustomDialer
	in atomic.Pointer[inbound] // nil: the gate is open
}

// Dial implements [nats.CustomDialer].
func (g *gate) Dial(network, address string) (net.Conn, error) {
	c, err := g.CustomDialer.Dial(network, address)
	if err != nil {
		return nil, err
	}
	return gated{c, g}, nil
}

type gated struct {
	net.Conn
	gate *gate
}

func (c gated) Read(b []byte) (int, error) {
	c.gate.wait()
	return c.Conn.Read(b)
}

// wait waits for the goroutine that sorts, which waits for nobody. It is the connection's only
// reader that waits, so nothing more comes meanwhile.
func (g *gate) wait() {
	in := g.in.Load()
	for in != nil && len(in.intake) > 0 {
		select {
		case <-in.drained:
		case <-in.life.Done():
			return
		}
	}
}
