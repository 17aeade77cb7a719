package ws

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// broadcast is a message to all subscribers of a topic. It is encoded once for
// each encoding in use, however many connections it goes to.
type broadcast struct {
	Message
	frames []onceFrame // one for each of the endpoint's encodings
}

type onceFrame struct {
	once  sync.Once
	frame frame
	err   error
	told  atomic.Bool
}

func (e *Endpoint) newBroadcast(topic, event string, payload any) (*broadcast, error) {
	p, err := outgoing(payload)
	if err != nil {
		return nil, fmt.Errorf("broadcast %q on %q: %w", event, topic, err)
	}
	return &broadcast{
		Message: Message{Topic: topic, Event: event, Payload: p},
		frames:  make([]onceFrame, len(e.encodings)),
	}, nil
}

// frame returns the broadcast for the clients of an encoding.
func (b *broadcast) frame(e *encoding) (frame, error) {
	f := &b.frames[e.index]
	f.once.Do(func() {
		f.err = errUnencoded
		// Contained, or only the first receiver would hear of it, and the others be
		// sent a frame that is none.
		defer func() {
			if v := recover(); v != nil {
				f.err = fmt.Errorf("ws: the serializer panicked: %v", v)
			}
		}()
		f.frame, f.err = e.encode(b.Message)
	})
	return f.frame, f.err
}

// untold reports whether it has not been logged yet that there is no frame for an
// encoding: that is done once, and not for each receiver.
func (b *broadcast) untold(e *encoding) bool {
	return b.frames[e.index].told.CompareAndSwap(false, true)
}

// errUnencoded stands for a serializer that does not return.
var errUnencoded = errors.New("ws: the serializer does not return")
