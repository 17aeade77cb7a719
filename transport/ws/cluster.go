package ws

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/troupe-go/troupe/transport/ws/wire"
)

// clusterName is what the endpoints of a cluster are called in it.
const clusterName = "troupe.ws"

// joinCluster connects the endpoint to those of the other nodes, if there are any.
func (e *Endpoint) joinCluster() error {
	if e.cfg.Cluster == nil {
		return nil
	}
	return e.topics.Connect(e.cfg.Cluster, clusterName, broadcastCodec{e})
}

// Node returns the name of this node in its cluster, or "" if it is in none.
func (e *Endpoint) Node() string {
	if e.cfg.Cluster == nil {
		return ""
	}
	return e.cfg.Cluster.Node()
}

// broadcastCodec takes broadcasts between nodes: the size of the event's name, that name, a
// byte of flags, the size of the key and the key if it has one, and the payload.
type broadcastCodec struct{ endpoint *Endpoint }

var errBroadcast = errors.New("malformed broadcast")

// Encode implements [pubsub.Codec].
func (broadcastCodec) Encode(_ string, b *broadcast) ([]byte, error) {
	payload := b.Payload.Bytes()
	data := make([]byte, 0, binary.MaxVarintLen64+len(b.Event)+1+len(payload))
	data = binary.AppendUvarint(data, uint64(len(b.Event)))
	data = append(data, b.Event...)
	flags := byte(0)
	if b.Payload.IsBinary() {
		flags |= flagBinary
	}
	if b.unrecorded {
		flags |= flagUnrecorded
	}
	if b.keyed {
		flags |= flagKeyed
	}
	data = append(data, flags)
	if b.keyed {
		data = append(binary.AppendUvarint(data, uint64(len(b.key))), b.key...)
	}
	return append(data, payload...), nil
}

// The flags of a broadcast between nodes. Nodes of versions before 2026-11-26 know
// flagBinary only, and do not take a broadcast that has another one.
const (
	flagBinary byte = 1 << iota
	flagUnrecorded
	flagKeyed
)

// Decode implements [pubsub.Codec].
func (c broadcastCodec) Decode(topic string, data []byte) (*broadcast, error) {
	b, err := c.parse(topic, data)
	if err == nil {
		c.endpoint.broadcasts.Add(1)
	}
	return b, err
}

func (c broadcastCodec) parse(topic string, data []byte) (*broadcast, error) {
	event, rest, ok := cutSized(data)
	if !ok || len(rest) == 0 {
		return nil, fmt.Errorf("%w: no event", errBroadcast)
	}
	flags, body := rest[0], rest[1:]
	key := ""
	if flags&flagKeyed != 0 {
		if key, body, ok = cutSized(body); !ok || len(key) > maxKey {
			return nil, fmt.Errorf("%w: no key", errBroadcast)
		}
	}
	payload := Binary(body)
	switch {
	case flags >= flagKeyed<<1:
		return nil, fmt.Errorf("%w: flags %x", errBroadcast, flags)
	case flags&flagBinary != 0:
	case !utf8.Valid(body) || !json.Valid(body): // it goes into the frames of clients as it is
		return nil, fmt.Errorf("%w: the payload is not JSON", errBroadcast)
	default:
		payload = RawJSON(body)
	}
	payload, err := sendable(event, payload)
	if err != nil {
		return nil, fmt.Errorf("%w: event %q: %w", errBroadcast, event, err)
	}
	b := c.endpoint.sharedAs(wire.Message{Topic: topic, Event: event, Payload: payload})
	b.unrecorded, b.keyed, b.key = flags&flagUnrecorded != 0, flags&flagKeyed != 0, key
	return b, nil
}

// cutSized cuts off a text behind its size.
func cutSized(data []byte) (text string, rest []byte, ok bool) {
	size, n := binary.Uvarint(data)
	if n <= 0 || size > uint64(len(data)-n) {
		return "", nil, false
	}
	return string(data[n : n+int(size)]), data[n+int(size):], true
}
