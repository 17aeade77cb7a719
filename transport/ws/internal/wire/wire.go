// Package wire is the client's side of version 2 of the Channels protocol: what a
// client sends, and what it is sent.
package wire

import (
	"encoding/json"
	"errors"
	"fmt"
)

// The events that the protocol itself uses.
const (
	EventJoin      = "phx_join"
	EventLeave     = "phx_leave"
	EventReply     = "phx_reply"
	EventClose     = "phx_close"
	EventError     = "phx_error"
	EventHeartbeat = "heartbeat"

	TopicPhoenix = "phoenix"
)

// Message is one protocol message, either way. An empty ref is none.
type Message struct {
	JoinRef, Ref string
	Topic, Event string
	Status       string // of a reply
	Data         []byte // the payload; nil and not Binary: {}
	Binary       bool   // Data is bytes and not JSON
}

// JSON returns the payload's text.
func (m Message) JSON() []byte {
	if m.Data == nil {
		return []byte("{}")
	}
	return m.Data
}

// ErrMalformed says that what came is not of the protocol.
var ErrMalformed = errors.New("malformed message")

// The kinds of binary messages.
const (
	kindPush      = 0
	kindReply     = 1
	kindBroadcast = 2
)

// MaxField is the longest text, in bytes, that a binary message has room for.
const MaxField = 255

// Encode returns a message as the text or the bytes to send.
func (m Message) Encode() (data []byte, err error) {
	if m.Binary {
		return m.encodeBinary()
	}
	buf := make([]byte, 0, len(m.JoinRef)+len(m.Ref)+len(m.Topic)+len(m.Event)+len(m.Data)+24)
	buf = append(buf, '[')
	for _, ref := range []string{m.JoinRef, m.Ref} {
		if ref == "" {
			buf = append(buf, "null,"...)
			continue
		}
		buf = append(append(append(buf, '"'), ref...), `",`...) // refs are ours: digits
	}
	for _, text := range []string{m.Topic, m.Event} {
		quoted, _ := json.Marshal(text) // cannot fail for a string
		buf = append(append(buf, quoted...), ',')
	}
	return append(append(buf, m.JSON()...), ']'), nil
}

// encodeBinary makes a client's push: kind, four sizes, four texts, data.
func (m Message) encodeBinary() ([]byte, error) {
	texts := [...]string{m.JoinRef, m.Ref, m.Topic, m.Event}
	size := 1 + len(texts) + len(m.Data)
	for _, t := range texts {
		if len(t) > MaxField {
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
	return append(buf, m.Data...), nil
}

// Decode reads what a server sent. The message refers to data.
func Decode(data []byte, binary bool) (Message, error) {
	if binary {
		return decodeBinary(data)
	}
	var parts [5]json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if parts[4] == nil {
		return Message{}, fmt.Errorf("%w: fewer than 5 elements", ErrMalformed)
	}
	var m Message
	for i, field := range []*string{&m.JoinRef, &m.Ref, &m.Topic, &m.Event} {
		if err := decodeText(parts[i], field, i < 2); err != nil {
			return Message{}, err
		}
	}
	m.Data = parts[4]
	if m.Event != EventReply {
		return m, nil
	}
	var reply struct {
		Status   *string         `json:"status"`
		Response json.RawMessage `json:"response"`
	}
	if err := json.Unmarshal(parts[4], &reply); err != nil || reply.Status == nil {
		return Message{}, fmt.Errorf("%w: not a reply: %.40s", ErrMalformed, parts[4])
	}
	m.Status, m.Data = *reply.Status, reply.Response
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
	return fmt.Errorf("%w: %.40s is not a string", ErrMalformed, raw)
}

// decodeBinary reads a server's binary message. Its pushes, unlike a client's, have
// no ref.
func decodeBinary(data []byte) (Message, error) {
	if len(data) == 0 {
		return Message{}, fmt.Errorf("%w: empty", ErrMalformed)
	}
	m := Message{}
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
		return Message{}, fmt.Errorf("%w: binary kind %d", ErrMalformed, data[0])
	}
	head := 1 + len(fields)
	if len(data) < head {
		return Message{}, fmt.Errorf("%w: binary message cut short", ErrMalformed)
	}
	sizes, rest := data[1:head], data[head:]
	for i, field := range fields {
		size := int(sizes[i])
		if size > len(rest) {
			return Message{}, fmt.Errorf("%w: sizes overrun the binary message", ErrMalformed)
		}
		*field, rest = string(rest[:size]), rest[size:]
	}
	m.Data, m.Binary = rest, true
	return m, nil
}
