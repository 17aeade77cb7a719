package ws

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// errMalformed says that a frame is not of the protocol. It ends its connection.
var errMalformed = errors.New("ws: malformed message")

// A serializer turns messages into frames and back, for one version of the
// protocol.
type serializer interface {
	// index numbers the serializers, from 0.
	index() int
	// decode reads an incoming message. What it returns refers to data.
	decode(data []byte, binary bool) (message, error)
	// encode makes the frame of a message. One with an empty joinRef and ref is
	// a broadcast.
	encode(message) (frame, error)
	// encodeReply makes the frame of a reply.
	encodeReply(reply) (frame, error)
}

// serializers are all there are; each has its index as its place.
var serializers = [...]serializer{v1{}, v2{}}

// serializerFor returns the serializer for the version that a client asks for:
// ~> 1.0.0 or ~> 2.0.0.
func serializerFor(vsn string) (serializer, error) {
	parts := strings.Split(vsn, ".")
	if len(parts) == 3 {
		if _, err := strconv.ParseUint(parts[2], 10, 32); err == nil {
			switch parts[0] + "." + parts[1] {
			case "1.0":
				return v1{}, nil
			case "2.0":
				return v2{}, nil
			}
		}
	}
	return nil, fmt.Errorf("ws: no serializer for version %q", vsn)
}
