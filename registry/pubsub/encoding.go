package pubsub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/troupe-go/troupe/actor/foreign"
)

// Encoding turns values of any type into bytes, and back. It is the default of a cluster, see
// [Cluster.SetEncoding]: a [Codec] is for the values of one use. Its methods may be called from
// any goroutine.
type Encoding interface {
	// Name is what the encoding is called between nodes, of up to 64 bytes. It goes along with
	// what is encoded, so that a node with another one refuses that. "json" is that of package
	// json.
	Name() string

	// Marshal returns the bytes for v, which must not be changed any more.
	Marshal(v any) ([]byte, error)

	// Unmarshal has v be what the bytes stand for. If the values are pointers, as messages of
	// protobuf are, v is such a pointer, to a new zero value; otherwise it points to a value. It
	// may keep data, but must not change it.
	Unmarshal(data []byte, v any) error
}

// ErrEncoding says that something is in another encoding than its receiver reads.
var ErrEncoding = errors.New("in another encoding")

// jsonName is the name of the encoding that is not named between nodes: they all had it before
// there were others.
const jsonName = "json"

type jsonEncoding struct{}

func (jsonEncoding) Name() string                       { return jsonName }
func (jsonEncoding) Marshal(v any) ([]byte, error)      { return json.Marshal(v) }
func (jsonEncoding) Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }

// CodecOf returns the codec that an encoding is for one type. It is [JSON] if e is nil.
func CodecOf[T any](e Encoding) Codec[T] {
	if e == nil || e == (Encoding)(jsonEncoding{}) {
		return JSON[T]{}
	}
	return encoded[T]{e}
}

// NamedCodec is a [Codec] with a name that goes along with what it encodes, where a package
// takes values between nodes: calls, groups and singletons do. Others have no name, and are
// taken for those of all nodes.
type NamedCodec[T any] interface {
	Codec[T]

	// Name is as that of an [Encoding]. What a codec with a longer one encodes is not sent.
	Name() string
}

type encoded[T any] struct{ Encoding }

// Encode implements [Codec].
func (c encoded[T]) Encode(_ string, v T) ([]byte, error) { return c.Marshal(v) }

// Decode implements [Codec].
func (c encoded[T]) Decode(_ string, data []byte) (v T, err error) {
	if t := reflect.TypeFor[T](); t.Kind() == reflect.Pointer {
		v = reflect.New(t.Elem()).Interface().(T)
		return v, c.Unmarshal(data, v)
	}
	err = c.Unmarshal(data, &v)
	return v, err
}

// NameOf returns the name that goes along with what c encodes; "" if it has none, and for JSON.
// It fails with an error that wraps [ErrEncoding] if the name has more than 64 bytes. It calls
// c's Name, which is users' code, in place.
func NameOf[T any](c Codec[T]) (string, error) {
	n, ok := c.(NamedCodec[T])
	if !ok {
		return "", nil
	}
	name := n.Name()
	switch {
	case name == jsonName:
		return "", nil
	case len(name) > maxEncodingName:
		return "", fmt.Errorf("the codec's name has %d bytes, want at most %d: %w", len(name), maxEncodingName, ErrEncoding)
	}
	return name, nil
}

// DecodeNamed decodes what came along with a name. It fails with an error that wraps
// [ErrEncoding] if that is not the codec's.
func DecodeNamed[T any](c Codec[T], name, topic string, data []byte) (v T, err error) {
	want, err := NameOf(c)
	switch {
	case err != nil:
		return v, err
	case name != want:
		return v, fmt.Errorf("%s, and not %s: %w", spelled(name), spelled(want), ErrEncoding)
	}
	return c.Decode(topic, data)
}

func spelled(name string) string {
	if name == "" {
		return "JSON or a codec without a name"
	}
	return fmt.Sprintf("%.*q", maxEncodingName, name)
}

// maxEncodingName is how many bytes the name of an encoding may have, and that of a codec.
const maxEncodingName = 64

// SetEncoding has typed calls, groups and singletons on this cluster encode their values so,
// where they have no [Codec] of their own: JSON if it is not called. All nodes have the same
// one; a node refuses what is in another one. It is for before anything uses the cluster. It
// fails if e is nil, or has no name, or one that is too long, and if its Name panics or takes more
// than a second.
func (c *Cluster) SetEncoding(e Encoding) error {
	if isNil(e) {
		return errors.New("pubsub: set the encoding of a cluster: it is nil")
	}
	calls := foreign.Calls{Limit: sendFor, Most: 1}
	name, err := foreign.Value(context.Background(), &calls, func(context.Context) (string, error) { return e.Name(), nil })
	switch {
	case err != nil:
		return fmt.Errorf("pubsub: set the encoding of a cluster: its name: %w", err)
	case name == "" || len(name) > maxEncodingName:
		return fmt.Errorf("pubsub: set the encoding of a cluster: its name has %d bytes, want 1 to %d", len(name), maxEncodingName)
	}
	c.encoding.Store(&named{e, name})
	return nil
}

// named is an encoding whose name does not change.
type named struct {
	Encoding
	name string
}

// Name implements [Encoding].
func (n *named) Name() string { return n.name }

// Encoding returns the default of what this cluster's nodes send each other.
func (c *Cluster) Encoding() Encoding {
	if e := c.encoding.Load(); e != nil {
		return e
	}
	return jsonEncoding{}
}

// Encoding returns that of the cluster to which the PubSub is connected; JSON if there is none.
func (ps *PubSub[T]) Encoding() Encoding {
	if l := ps.link.Load(); l != nil {
		return l.cluster.Encoding()
	}
	return jsonEncoding{}
}
