package ws

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// JoinCluster makes the endpoint one node of a cluster, whose other nodes are
// endpoints as well: Broadcast, BroadcastFrom and Disconnect reach the clients of all
// of them from now on, intercepted events included. The adapter belongs to the
// endpoint, which leaves the cluster when it is shut down. JoinCluster fails if the
// adapter cannot join, or if the endpoint is in a cluster already.
//
// A client that polls must reach the same endpoint with each request: let the
// balancer send it there by its address or a cookie.
func (e *Endpoint) JoinCluster(a pubsub.Adapter) error {
	if err := e.topics.Connect(a, broadcastCodec{e}); err != nil {
		return fmt.Errorf("ws: join cluster: %w", err)
	}
	return nil
}

// Node returns the endpoint's name in its cluster, or "" if it is in none.
func (e *Endpoint) Node() string { return e.topics.Node() }

// broadcastCodec takes broadcasts between nodes: the size of the event's name, that
// name, a byte that is 1 for a binary payload, and the payload.
type broadcastCodec struct{ endpoint *Endpoint }

var errBroadcast = errors.New("ws: malformed broadcast")

// Encode implements [pubsub.Codec].
func (broadcastCodec) Encode(_ string, b *broadcast) ([]byte, error) {
	payload := b.Payload.Bytes()
	data := make([]byte, 0, binary.MaxVarintLen64+len(b.Event)+1+len(payload))
	data = binary.AppendUvarint(data, uint64(len(b.Event)))
	data = append(data, b.Event...)
	kind := byte(0)
	if b.Payload.IsBinary() {
		kind = 1
	}
	data = append(data, kind)
	return append(data, payload...), nil
}

// Decode implements [pubsub.Codec].
func (c broadcastCodec) Decode(topic string, data []byte) (*broadcast, error) {
	size, n := binary.Uvarint(data)
	if n <= 0 || size >= uint64(len(data)-n) {
		return nil, fmt.Errorf("%w: no event", errBroadcast)
	}
	event, rest := string(data[n:n+int(size)]), data[n+int(size):]
	kind, payload := rest[0], rest[1:]
	switch kind {
	case 0:
		// It goes into the frames of clients as it is.
		if !utf8.Valid(payload) || !json.Valid(payload) {
			return nil, fmt.Errorf("%w: the payload is not JSON", errBroadcast)
		}
		return c.endpoint.newBroadcast(topic, event, RawJSON(payload))
	case 1:
		return c.endpoint.newBroadcast(topic, event, Binary(payload))
	}
	return nil, fmt.Errorf("%w: kind %d", errBroadcast, kind)
}

// BroadcastFrom is Broadcast to all but the channel or other actor from, which it
// misses. See also [Channel.BroadcastFrom].
func (e *Endpoint) BroadcastFrom(from actor.PID, topic, event string, payload any) error {
	return e.broadcast(from, topic, event, payload)
}

// LocalBroadcastFrom is BroadcastFrom to the clients that are connected to this
// endpoint only. It is Phoenix's local_broadcast_from.
func (e *Endpoint) LocalBroadcastFrom(from actor.PID, topic, event string, payload any) error {
	b, err := e.newBroadcast(topic, event, payload)
	if err != nil {
		return err
	}
	e.topics.LocalBroadcastFrom(from, topic, b)
	return nil
}
