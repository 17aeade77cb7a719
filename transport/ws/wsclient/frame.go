package wsclient

import (
	"encoding/json"
	"errors"
	"fmt"
)

// The events that the protocol itself uses.
const (
	eventJoin      = "phx_join"
	eventLeave     = "phx_leave"
	eventReply     = "phx_reply"
	eventClose     = "phx_close"
	eventError     = "phx_error"
	eventHeartbeat = "heartbeat"

	topicPhoenix = "phoenix"
)

// message is one protocol message, either way. An empty ref is none.
type message struct {
	joinRef, ref string
	topic, event string
	status       string // of a reply
	payload      Payload
}

// errMalformed says that what came is not of the protocol.
var errMalformed = errors.New("malformed message")

// The kinds of binary messages.
const (
	kindPush      = 0
	kindReply     = 1
	kindBroadcast = 2
)

// maxField is the longest text, in bytes, that a binary message has room for.
const maxField = 255

// encode returns a message as the text or the bytes to send.
func (m message) encode() (data []byte, err error) {
	if m.payload.binary {
		return m.encodeBinary()
	}
	buf := make([]byte, 0, len(m.joinRef)+len(m.ref)+len(m.topic)+len(m.event)+len(m.payload.data)+24)
	buf = append(buf, '[')
	for _, ref := range []string{m.joinRef, m.ref} {
		if ref == "" {
			buf = append(buf, "null,"...)
			continue
		}
		buf = append(append(append(buf, '"'), ref...), `",`...) // refs are ours: digits
	}
	for _, text := range []string{m.topic, m.event} {
		quoted, _ := json.Marshal(text) // cannot fail for a string
		buf = append(append(buf, quoted...), ',')
	}
	return append(append(buf, m.payload.Bytes()...), ']'), nil
}

// encodeBinary makes a client's push: kind, four sizes, four texts, data.
func (m message) encodeBinary() ([]byte, error) {
	texts := [...]string{m.joinRef, m.ref, m.topic, m.event}
	size := 1 + len(texts) + len(m.payload.data)
	for _, t := range texts {
		if len(t) > maxField {
			return nil, fmt.Errorf("%d bytes are too many for a field of a binary message: %.40q", len(t), t)
		}
		size += len(t)
	}
	buf := append(make([]byte, 0, size), kindPush)
	for _, t := range texts {
		buf = append(buf, byte(len(t)))
	}
	for _, t := range texts {
		buf = append(buf, t...)
	}
	return append(buf, m.payload.data...), nil
}

// decode reads what a server sent. The message refers to data.
func decode(data []byte, binary bool) (message, error) {
	if binary {
		return decodeBinary(data)
	}
	var parts [5]json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil {
		return message{}, fmt.Errorf("%w: %w", errMalformed, err)
	}
	if parts[4] == nil {
		return message{}, fmt.Errorf("%w: fewer than 5 elements", errMalformed)
	}
	var m message
	for i, field := range []*string{&m.joinRef, &m.ref, &m.topic, &m.event} {
		if err := decodeText(parts[i], field, i < 2); err != nil {
			return message{}, err
		}
	}
	m.payload = Payload{data: parts[4]}
	if m.event != eventReply {
		return m, nil
	}
	var reply struct {
		Status   *string         `json:"status"`
		Response json.RawMessage `json:"response"`
	}
	if err := json.Unmarshal(parts[4], &reply); err != nil || reply.Status == nil {
		return message{}, fmt.Errorf("%w: not a reply: %.40s", errMalformed, parts[4])
	}
	m.status, m.payload = *reply.Status, Payload{data: reply.Response}
	return m, nil
}

// decodeText decodes a string and, if it is a ref, null; or a number, which no
// server makes of our refs, but which is no reason to stumble.
func decodeText(raw json.RawMessage, into *string, isRef bool) error {
	switch c := raw[0]; {
	case c == '"':
		return json.Unmarshal(raw, into)
	case isRef && c == 'n':
		return nil
	case isRef && (c == '-' || c >= '0' && c <= '9'):
		*into = string(raw)
		return nil
	}
	return fmt.Errorf("%w: %.40s is not a string", errMalformed, raw)
}

// decodeBinary reads a server's binary message. Its pushes, unlike a client's, have
// no ref.
func decodeBinary(data []byte) (message, error) {
	if len(data) == 0 {
		return message{}, fmt.Errorf("%w: empty", errMalformed)
	}
	m := message{}
	var fields []*string
	switch data[0] {
	case kindPush:
		fields = []*string{&m.joinRef, &m.topic, &m.event}
	case kindReply:
		m.event = eventReply
		fields = []*string{&m.joinRef, &m.ref, &m.topic, &m.status}
	case kindBroadcast:
		fields = []*string{&m.topic, &m.event}
	default:
		return message{}, fmt.Errorf("%w: binary kind %d", errMalformed, data[0])
	}
	head := 1 + len(fields)
	if len(data) < head {
		return message{}, fmt.Errorf("%w: binary message cut short", errMalformed)
	}
	sizes, rest := data[1:head], data[head:]
	for i, field := range fields {
		size := int(sizes[i])
		if size > len(rest) {
			return message{}, fmt.Errorf("%w: sizes overrun the binary message", errMalformed)
		}
		*field, rest = string(rest[:size]), rest[size:]
	}
	m.payload = Binary(rest)
	return m, nil
}
