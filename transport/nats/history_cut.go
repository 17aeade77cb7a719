package nats

import (
	"context"

	"github.com/nats-io/nats.go"
)

// untilCut returns a context that also ends, by nats.ErrDisconnected, when the connection is lost
// over which an answer is to come: nats.go waits for that as long as it may. A request that was made
// without a connection is sent when there is one, so it waits until that one is lost.
func untilCut(ctx context.Context, conn *nats.Conn) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	changes := conn.StatusChanged(nats.CONNECTED, nats.RECONNECTING, nats.CLOSED)
	// What has changed before the connection is looked at says nothing of what comes after that.
	connected := conn.IsConnected()
	for len(changes) > 0 {
		<-changes
		connected = conn.IsConnected()
	}
	go func() {
		for status := range changes {
			switch {
			case status == nats.CONNECTED:
				connected = true
			case connected || status == nats.CLOSED:
				cancel(nats.ErrDisconnected)
			}
		}
	}()
	return ctx, func() {
		cancel(nil)
		conn.RemoveStatusListener(changes)
	}
}
