package wire

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Client is the client's half of [V2]: it writes what a server reads, and reads what a
// server writes.
type Client struct{}

// Received is a message as a client receives it.
type Received struct {
	Message
	Status string // of a reply, whose Payload is the response; "" of all other messages
}

// Append appends a message for a server to buf, and reports whether it goes into a binary
// frame. It fails if a text is longer than [MaxField] and the payload is binary.
func (Client) Append(buf []byte, m Message) (data []byte, binary bool, err error) {
	if m.Payload.binary {
		return appendBinary(buf, kindPush, m.Payload.data, RefText(m.JoinRef), RefText(m.Ref), m.Topic, m.Event)
	}
	return V2{}.Append(buf, m) // JSON is the same in both directions
}

// Decode reads what a server has sent in a text frame or in a binary one. References are
// strings, as [Ref] makes them, even if a server makes numbers of them. The message keeps
// data. The error wraps [ErrMalformed].
func (Client) Decode(data []byte, binary bool) (Received, error) {
	if binary {
		return decodeFromServer(data)
	}
	m, err := decodeArray(data)
	if err != nil {
		return Received{}, err
	}
	m.JoinRef, m.Ref = asString(m.JoinRef), asString(m.Ref)
	if m.Event != EventReply {
		return Received{Message: m}, nil
	}
	var reply struct {
		Status   *string         `json:"status"`
		Response json.RawMessage `json:"response"`
	}
	if err := json.Unmarshal(m.Payload.data, &reply); err != nil || reply.Status == nil {
		return Received{}, fmt.Errorf("%w: not a reply: %.40s", ErrMalformed, m.Payload.data)
	}
	m.Payload = Payload{data: reply.Response}
	return Received{m, *reply.Status}, nil
}

// asString returns a reference as Ref makes it.
func asString(ref string) string {
	if ref == "" || ref[0] == '"' && !strings.Contains(ref, `\`) {
		return ref
	}
	return Ref(RefText(ref))
}

// decodeFromServer reads a server's binary message. Its pushes, unlike a client's, have no
// ref.
func decodeFromServer(data []byte) (m Received, err error) {
	if len(data) == 0 {
		return Received{}, fmt.Errorf("%w: empty", ErrMalformed)
	}
	var fields []*string
	switch data[0] {
	case kindPush:
		fields = []*string{&m.JoinRef, &m.Topic, &m.Event}
	case kindReply:
		m.Event = EventReply
		fields = []*string{&m.JoinRef, &m.Ref, &m.Topic, &m.Status}
	case kindBroadcast:
		fields = []*string{&m.Topic, &m.Event}
	default:
		return Received{}, fmt.Errorf("%w: binary kind %d", ErrMalformed, data[0])
	}
	rest, err := splitBinary(data[1:], fields)
	if err != nil {
		return Received{}, err
	}
	m.JoinRef, m.Ref = Ref(m.JoinRef), Ref(m.Ref)
	m.Payload = Binary(rest)
	return m, nil
}
