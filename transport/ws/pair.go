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

// pair has a broadcast be followed by its position: the two are a pair from now on. Nobody has a
// frame of it yet.
func (b *broadcast) pair() {
	b.paired, b.frames = true, make([]onceFrame, 2*len(b.frames))
}

// encodings returns how many encodings a broadcast has frames for.
func (b *broadcast) encodings() int {
	if b.paired {
		return len(b.frames) / 2
	}
	return len(b.frames)
}

// madePair is made for clients that want to know of positions: it returns where the frame of a pair
// is, which is made once.
func (b *broadcast) madePair(e *encoding) *onceFrame {
	f := b.pairSlot(e)
	f.once.Do(func() { b.made(e) })
	return f
}

// pairSlot returns where the frame of a pair is. It is whole once made has been called.
func (b *broadcast) pairSlot(e *encoding) *onceFrame { return &b.frames[b.encodings()+e.index] }

// encodeWithPosition makes the two frames of a pair, once, for the clients of an encoding: what it
// returns, and in pairSlot the same with the position behind it, for those that want to know of
// that. If the message cannot be made, these get the position alone; if that cannot be made, the
// message alone, and the error in pairSlot says why. A serializer has no more time for both than
// for one.
func (b *broadcast) encodeWithPosition(e *encoding) (message frame.Sealed, err error) {
	ctx := context.Background()
	if e.foreign {
		limited, cancel := context.WithTimeoutCause(ctx, serializerPatience, foreign.ErrLate)
		defer cancel()
		ctx = limited
	}
	where, pair := b.where(), b.pairSlot(e)
	message, err = e.encodeApart(ctx, b.Message, sizeOf(where)+overhead)
	var position frame.Sealed
	if pair.err = err; errors.Unwrap(err) != foreign.ErrLate { // errors.Is would ask the serializer's own error
		position, pair.err = e.encodeApart(ctx, where, 0)
	}
	pair.frame = message.With(position)
	return message, err
}

// pairFrame is frame for clients that want to know of positions. It fails if one of the pair cannot
// be made.
func (b *broadcast) pairFrame(e *encoding) (frame.Sealed, error) {
	f := b.madePair(e)
	return f.frame, cmp.Or(b.made(e).err, f.err)
}

// recordedFrameOf is frameOf on a recorded topic, where tracks says whether the client wants to
// know of positions.
func (c *Channel) recordedFrameOf(l *line, e *encoding, b *broadcast, tracks bool) (frame.Sealed, bool) {
	if !b.paired || !tracks {
		return c.frameOf(l, e, b)
	}
	f := b.madePair(e)
	if message := b.made(e); message.err != nil {
		c.undelivered(l, message, b.Event)
	}
	if f.err != nil {
		c.undelivered(l, f, wire.EventPosition)
	}
	return f.frame, f.frame.Messages() > 0
}
