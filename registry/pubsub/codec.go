package pubsub

import "encoding/json"

// Codec turns messages into bytes for the way between nodes, and back. Erlang's
// nodes need none: they all know the same terms. Its methods may be called from
// any goroutine.
//
// All nodes must agree, also while a new version of the program takes the place
// of the old one, node by node.
type Codec[T any] interface {
	// Encode returns the bytes for msg, which must not be changed any more.
	Encode(topic string, msg T) ([]byte, error)

	// Decode returns a message of its own. It may keep data in it, but must not
	// change it. On error nobody gets the message, and the error is logged.
	Decode(topic string, data []byte) (T, error)
}

// OriginCodec is a [Codec] that is told which node a message came from, so that one that
// names its sender can be checked. Its DecodeFrom is called in place of Decode.
type OriginCodec[T any] interface {
	Codec[T]

	// DecodeFrom is Decode with the name of the node that has sent the data.
	DecodeFrom(node, topic string, data []byte) (T, error)
}

// JSON is a codec for what package json can marshal and unmarshal.
type JSON[T any] struct{}

// Encode implements [Codec].
func (JSON[T]) Encode(_ string, msg T) ([]byte, error) { return json.Marshal(msg) }

// Decode implements [Codec].
func (JSON[T]) Decode(_ string, data []byte) (msg T, err error) {
	err = json.Unmarshal(data, &msg)
	return msg, err
}
