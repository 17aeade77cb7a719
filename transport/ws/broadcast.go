package ws

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/internal/frame"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// eventDisconnect, broadcast to a socket ID, ends the connections of that ID.
const eventDisconnect = "disconnect"

// broadcast is a message to all subscribers of a topic. It is encoded once for
// each encoding in use, however many connections it goes to.
type broadcast struct {
	wire.Message
	frames []onceFrame // one for each of the endpoint's encodings
}

type onceFrame struct {
	once  sync.Once
	frame frame.Sealed
	err   error
	told  atomic.Bool
}

func (e *Endpoint) newBroadcast(topic, event string, payload any) (*broadcast, error) {
	p, err := wire.Object(payload)
	if err != nil {
		return nil, fmt.Errorf("ws: broadcast %q on %q: %w", event, topic, err)
	}
	return &broadcast{
		Message: wire.Message{Topic: topic, Event: event, Payload: p},
		frames:  make([]onceFrame, len(e.encodings)),
	}, nil
}

// frame returns the broadcast for the clients of an encoding.
func (b *broadcast) frame(e *encoding) (frame.Sealed, error) {
	f := &b.frames[e.index]
	f.once.Do(func() { f.frame, f.err = e.encodeApart(b.Message) })
	return f.frame, f.err
}

// serializerPatience is how long a serializer may take for a broadcast. It is called
// once for all receivers, on the broadcaster's goroutine.
const serializerPatience = time.Second

// encodeApart is encode where a serializer that fails, in whatever way, must cost its
// own clients only, and neither the broadcaster nor those of the others.
func (e *encoding) encodeApart(m wire.Message) (frame.Sealed, error) {
	switch e.Serializer.(type) {
	case wire.V1, wire.V2: // return, and do not panic
		return e.encode(m)
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), serializerPatience, errHanging)
	defer cancel()
	made := make(chan frame.Sealed, 1) // not a variable, which one that is late would still write
	err := actor.Guard(ctx, func() error {
		f, err := e.encode(m)
		made <- f
		return err
	})
	if err != nil {
		return frame.Sealed{}, fmt.Errorf("%T: %w", e.Serializer, err)
	}
	return <-made, nil
}

// untold reports whether it has not been logged yet that there is no frame for an
// encoding: that is done once, and not for each receiver.
func (b *broadcast) untold(e *encoding) bool {
	return b.frames[e.index].told.CompareAndSwap(false, true)
}
