package ws

import (
	"cmp"
	"context"
	"errors"

	"github.com/troupe-go/troupe/actor/foreign"
	"github.com/troupe-go/troupe/transport/ws/internal/frame"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// A binary message has no room for its position, so the event phx_position follows it. The two
// travel together: a receiver costs one write, as with a text, and one place in its queue.

var noPayload = RawJSON([]byte("{}"))

// positionOf returns the event that tells a client of a position on a topic: that of a recorded
// message, or the number of a push. Without joinRef it is for all clients.
func positionOf(topic, joinRef string, position string) wire.Message {
	return wire.Message{JoinRef: joinRef, Ref: position, Topic: topic, Event: wire.EventPosition, Payload: noPayload}
}

// where returns the event that tells of the position of a recorded broadcast.
func (b *broadcast) where() wire.Message { return positionOf(b.Topic, "", b.Ref) }

// place has a broadcast be followed by its position. Nobody has a frame of it yet.
func (b *broadcast) place() {
	b.placed, b.frames = true, make([]onceFrame, 2*len(b.frames))
}

// encodings returns how many encodings a broadcast has frames for.
func (b *broadcast) encodings() int {
	if b.placed {
		return len(b.frames) / 2
	}
	return len(b.frames)
}

// placedIn returns what of a broadcast that is placed clients get which want to know of positions.
func (b *broadcast) placedIn(e *encoding) *onceFrame {
	f := b.placeOf(e)
	f.once.Do(func() { b.made(e) })
	return f
}

// placeOf returns where that is. It is there once made has been called.
func (b *broadcast) placeOf(e *encoding) *onceFrame { return &b.frames[b.encodings()+e.index] }

// encodeWithPosition makes the two frames of a broadcast that is placed, once, for the clients of
// an encoding: what it returns, and behind that the position for those that want to know of it. If
// the message cannot be made, these get the position alone; if that cannot be made, the message
// alone, and the error in placeOf says why. A serializer has no more time for both than for one.
func (b *broadcast) encodeWithPosition(e *encoding) (message frame.Sealed, err error) {
	ctx := context.Background()
	if e.foreign {
		limited, cancel := context.WithTimeoutCause(ctx, serializerPatience, foreign.ErrLate)
		defer cancel()
		ctx = limited
	}
	where, placed := b.where(), b.placeOf(e)
	message, err = e.encodeApart(ctx, b.Message, sizeOf(where)+overhead)
	var position frame.Sealed
	if placed.err = err; errors.Unwrap(err) != foreign.ErrLate { // errors.Is would ask the serializer's own error
		position, placed.err = e.encodeApart(ctx, where, 0)
	}
	placed.frame = message.With(position)
	return message, err
}

// placedFrame returns a broadcast that is placed with its position behind it. It fails if one of
// them cannot be made.
func (b *broadcast) placedFrame(e *encoding) (frame.Sealed, error) {
	f := b.placedIn(e)
	return f.frame, cmp.Or(b.made(e).err, f.err)
}

// recordedFrameOf is frameOf on a recorded topic, where tracks says whether the client wants to
// know of positions.
func (c *Channel) recordedFrameOf(l *line, b *broadcast, tracks bool) (frame.Sealed, bool) {
	if !b.placed || !tracks {
		return c.frameOf(l, b)
	}
	e := l.encoding.Load()
	f := b.placedIn(e)
	if f.frame.Messages() == 2 {
		return f.frame, true
	}
	if message := b.made(e); message.err != nil {
		c.undelivered(l, message, b.Event)
	}
	if f.err != nil {
		c.undelivered(l, f, wire.EventPosition)
	}
	return f.frame, f.frame.Messages() > 0
}
