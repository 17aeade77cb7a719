package pubsub

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
)

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

// Bytes is a codec for messages that are bytes already. They must not be changed once they
// have been broadcast.
type Bytes struct{}

// Encode implements [Codec].
func (Bytes) Encode(_ string, msg []byte) ([]byte, error) { return msg, nil }

// Decode implements [Codec].
func (Bytes) Decode(_ string, data []byte) ([]byte, error) { return data, nil }

// marshals are what package json calls methods of.
var marshals = []reflect.Type{
	reflect.TypeFor[json.Marshaler](), reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[interface{ IsZero() bool }](),
}

// isPlain reports whether package json calls no method of a value of type t: neither t nor what
// it is made of, which within has already, has one that it knows of or may have.
func isPlain(t reflect.Type, within []reflect.Type) bool {
	if slices.Contains(within, t) {
		return true
	}
	for _, m := range marshals {
		if t.Implements(m) || reflect.PointerTo(t).Implements(m) {
			return false
		}
	}
	within = append(within, t)
	switch t.Kind() {
	case reflect.Interface:
		return false // whatever is in it
	case reflect.Map:
		return isPlain(t.Key(), within) && isPlain(t.Elem(), within)
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return isPlain(t.Elem(), within)
	case reflect.Struct:
		for i := range t.NumField() {
			if !isPlain(t.Field(i).Type, within) {
				return false
			}
		}
	}
	return true
}
