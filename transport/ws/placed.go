package ws

import (
	"github.com/troupe-go/troupe/transport/ws/internal/frame"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// A binary message has no room for its position, so the event phx_position follows it. The two
// travel together: a receiver costs one write, as with a text, and one place in its queue.

var noPayload = RawJSON([]byte("{}"))

// where returns the event that tells of the position of a recorded broadcast.
func (b *broadcast) where() wire.Message {
	return wire.Message{Topic: b.Topic, Event: wire.EventPosition, Ref: b.Ref, Payload: noPayload}
}

// place has a broadcast be followed by its position. Nobody has a frame of it yet.
func (b *broadcast) place() {
	b.placed, b.frames = true, make([]onceFrame, 2*len(b.frames))
}

// placedFrame returns a broadcast that is placed with its position behind it, for the clients of
// an encoding. If one of them cannot be made it is the other one alone, besides the error.
func (b *broadcast) placedFrame(e *encoding) (frame.Sealed, error) {
	f := &b.frames[len(b.frames)/2+e.index]
	f.once.Do(func() {
		where := b.where()
		f.frame, f.err = e.encodeApart(b.Message, sizeOf(where)+overhead)
		position, err := e.encodeApart(where, 0)
		if f.err == nil {
			f.err = err
		}
		f.frame = f.frame.With(position)
	})
	return f.frame, f.err
}

// recordedFrameOf is frameOf on a recorded topic, where tracks says whether the client wants to
// know of positions.
func (c *Channel) recordedFrameOf(l *line, b *broadcast, tracks bool) (frame.Sealed, bool) {
	if !b.placed || !tracks {
		return c.frameOf(l, b)
	}
	encoding := l.encoding.Load()
	f, err := b.placedFrame(encoding)
	if err != nil {
		c.undelivered(l, encoding, b, err)
	}
	return f, f.Messages() > 0
}
