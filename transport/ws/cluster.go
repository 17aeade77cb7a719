package ws

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
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

// broadcastCodec takes broadcasts between nodes: the size of the event's name, that
// name, a byte that is 1 for a binary payload, and the payload.
type broadcastCodec struct{ endpoint *Endpoint }

var errBroadcast = errors.New("malformed broadcast")

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
