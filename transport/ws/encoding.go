package ws

import (
	"slices"

	"github.com/troupe-go/troupe/actor/foreign"
	"github.com/troupe-go/troupe/transport/ws/internal/frame"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// encoding is a serializer as an endpoint uses it: for clients that take
// compressed messages, or for those that do not.
type encoding struct {
	wire.Serializer
	version string // of the serializer
	foreign bool   // that is users' code: ours returns, does not panic, and has no buffers of its own
	deflate bool
	index   int // the place of its frames in a broadcast
	calls   foreign.Calls
}

// overhead is more than a serializer of ours adds to the parts of a message.
const overhead = 80

// sizeOf is the length of all parts of a message.
func sizeOf(m wire.Message) int {
	return len(m.JoinRef) + len(m.Ref) + len(m.Topic) + len(m.Event) + len(m.Payload.Bytes())
}

// encode makes the frame of a message.
func (e *encoding) encode(m wire.Message) (frame.Sealed, error) { return e.encodeInto(m, 0) }

// encodeInto makes the frame of a message in a buffer that has room to spare for others.
func (e *encoding) encodeInto(m wire.Message, spare int) (frame.Sealed, error) {
	return e.seal(e.Append(frame.Buffer(sizeOf(m)+overhead+spare), m))
}

// encodeReply makes the frame of a reply.
func (e *encoding) encodeReply(m wire.Message, status string) (frame.Sealed, error) {
	return e.seal(e.AppendReply(frame.Buffer(sizeOf(m)+overhead), m, status))
}

func (e *encoding) seal(buf []byte, binary bool, err error) (frame.Sealed, error) {
	if err != nil {
		return frame.Sealed{}, err
	}
	if e.foreign { // what is behind it may be the next message
		buf = slices.Clip(buf)
	}
	if e.deflate {
		return frame.Deflate(buf, binary), nil
	}
	return frame.Seal(buf, binary), nil
}

// encodings are all that the sockets of an endpoint use. Sockets with the same serializer
// share an encoding, and so the frames of broadcasts.
type encodings []*encoding

func (es *encodings) get(s wire.Serializer, deflate bool) *encoding {
	for _, e := range *es {
		if e.Serializer == s && e.deflate == deflate {
			return e
		}
	}
	e := &encoding{Serializer: s, version: s.Version(), foreign: true, deflate: deflate, index: len(*es)}
	switch s.(type) {
	case wire.V1, wire.V2:
		e.foreign = false
	}
	e.calls.Limit, e.calls.Most = serializerPatience, mostHanging
	*es = append(*es, e)
	return e
}
