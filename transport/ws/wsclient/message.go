package wsclient

import (
	"encoding/json"

	"github.com/troupe-go/troupe/transport/ws/wire"
)

// Payload is what a message carries: JSON, not decoded, or bytes; see [wire.Payload].
type Payload = wire.Payload

// Binary returns the payload of a binary message, an ArrayBuffer of the JavaScript client.
// The caller must not change data afterwards.
func Binary(data []byte) Payload { return wire.Binary(data) }

// Message is an event that the server has sent.
type Message struct {
	Event   string
	Payload Payload

	joinRef string // of the join that the channel was in when it came
}

// Incoming is a message of the server's as it came, for Config.OnMessage. It may be kept,
// but not changed: a channel's functions get the same Payload.
type Incoming struct {
	Topic, Event string
	JoinRef, Ref string // empty if it has none
	Status       string // of a reply
	Payload      Payload
}

// outgoing returns v as the payload of a push or a join. Text of [wire.RawJSON] is checked:
// a server ends the connection of a client that sends what is not JSON.
func outgoing(v any) (Payload, error) {
	if p, ok := v.(Payload); ok && !p.IsBinary() {
		v = json.RawMessage(p.Bytes())
	}
	return wire.Object(v)
}
