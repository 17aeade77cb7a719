package ws

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/troupe-go/troupe/transport/ws/internal/frame"
)

// A Serializer turns messages into the bytes of frames and back, for one version
// of the protocol. [V1] and [V2] are what official clients speak;
// Socket.Serializers takes others, for clients of your own. Its methods may be
// called from any goroutine, and its type must be comparable. It corresponds to
// Phoenix.Socket.Serializer.
type Serializer interface {
	// Version returns the version that clients ask for by the parameter vsn, such
	// as "2.0.0". It also serves those that ask for a later patch of it, "2.0.7".
	Version() string

	// Decode reads what a client sent, in a text or a binary frame. An error ends
	// the connection with code 1007. The message may keep data.
	Decode(data []byte, binary bool) (Message, error)

	// Append appends a message for a client to buf, and reports whether it goes
	// into a binary frame. One without JoinRef and Ref is a broadcast: what is made
	// of it goes to all receivers, and has to be made within a second.
	Append(buf []byte, m Message) (data []byte, binary bool, err error)

	// AppendReply appends the reply to a message: that message's JoinRef, Ref and
	// Topic, the status, and as Payload the response.
	AppendReply(buf []byte, m Message, status string) (data []byte, binary bool, err error)
}

// errMalformed says that a frame is not of the protocol. It ends its connection.
var errMalformed = errors.New("ws: malformed message")

// encoding is a serializer as an endpoint uses it: for clients that take
// compressed messages, or for those that do not.
type encoding struct {
	Serializer
	deflate bool
	index   int // the place of its frames in a broadcast
}

// overhead is more than a serializer of ours adds to the parts of a message.
const overhead = 80

// encode makes the frame of a message.
func (e *encoding) encode(m Message) (frame.Sealed, error) {
	return e.seal(e.Append(frame.Buffer(m.size()+overhead), m))
}

// encodeReply makes the frame of a reply.
func (e *encoding) encodeReply(m Message, status string) (frame.Sealed, error) {
	return e.seal(e.AppendReply(frame.Buffer(m.size()+overhead), m, status))
}

func (e *encoding) seal(buf []byte, binary bool, err error) (frame.Sealed, error) {
	if err != nil {
		return frame.Sealed{}, err
	}
	if e.deflate {
		return frame.Deflate(buf, binary), nil
	}
	return frame.Seal(buf, binary), nil
}

// encodings are all that the sockets of an endpoint use. Sockets share those of
// the same serializer, so that they also share the frames of broadcasts.
type encodings []*encoding

func (es *encodings) get(s Serializer, deflate bool) *encoding {
	for _, e := range *es {
		if e.Serializer == s && e.deflate == deflate {
			return e
		}
	}
	e := &encoding{s, deflate, len(*es)}
	*es = append(*es, e)
	return e
}

// serves reports whether a serializer of version have serves clients that ask for
// vsn: whether vsn ~> have, as long as both have three numbers.
func serves(have, vsn string) bool {
	h, hasPatch := parseVersion(have)
	v, ok := parseVersion(vsn)
	return ok && hasPatch && h[0] == v[0] && h[1] == v[1] && h[2] <= v[2]
}

func parseVersion(s string) (v [3]uint64, ok bool) {
	parts := strings.Split(s, ".")
	if len(parts) != len(v) {
		return v, false
	}
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return v, false
		}
		v[i] = n
	}
	return v, true
}

// serializerFor returns the serializer for the version that a client asks for.
func serializerFor(all []Serializer, vsn string) (Serializer, error) {
	for _, s := range all {
		if serves(s.Version(), vsn) {
			return s, nil
		}
	}
	return nil, fmt.Errorf("%w %.40q", errVersion, vsn)
}

var errVersion = errors.New("ws: no serializer for version")
