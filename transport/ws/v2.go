package ws

import (
	"fmt"

	"github.com/troupe-go/troupe/transport/ws/internal/jsontext"
)

// V2 is the [Serializer] of version 2.0.0 of the protocol: a JSON array
// [join_ref, ref, topic, event, payload], or a binary frame.
type V2 struct{}

// The kinds of binary frames.
const (
	kindPush      = 0
	kindReply     = 1
	kindBroadcast = 2
)

// Version implements [Serializer].
func (V2) Version() string { return "2.0.0" }

// Decode implements [Serializer].
func (V2) Decode(data []byte, binary bool) (Message, error) {
	if binary {
		return decodeBinary(data)
	}
	var parts [5][]byte
	if err := splitArray(data, parts[:]); err != nil {
		return Message{}, err
	}
	m := Message{Payload: Payload{data: parts[4]}}
	var err error
	if m.JoinRef, err = rawRef(parts[0]); err != nil {
		return Message{}, err
	}
	if m.Ref, err = rawRef(parts[1]); err != nil {
		return Message{}, err
	}
	if m.Topic, err = unquote(parts[2]); err != nil {
		return Message{}, err
	}
	if m.Event, err = unquote(parts[3]); err != nil {
		return Message{}, err
	}
	return m.normalized(), nil
}

// normalized gives a join without a join ref its ref for one.
func (m Message) normalized() Message {
	if m.Event == eventJoin && m.JoinRef == "" {
		m.JoinRef = m.Ref
	}
	return m
}

// decodeBinary reads a client's push: kind, four sizes, four texts, data.
func decodeBinary(data []byte) (Message, error) {
	if len(data) < 5 || data[0] != kindPush {
		return Message{}, fmt.Errorf("%w: not a binary push", errMalformed)
	}
	var fields [4]string
	rest := data[5:]
	for i := range fields {
		size := int(data[1+i])
		if size > len(rest) {
			return Message{}, fmt.Errorf("%w: sizes overrun the binary frame", errMalformed)
		}
		fields[i], rest = string(rest[:size]), rest[size:]
	}
	return Message{
		JoinRef: refOf(fields[0]),
		Ref:     refOf(fields[1]),
		Topic:   fields[2],
		Event:   fields[3],
		Payload: Binary(rest),
	}.normalized(), nil
}

// Append implements [Serializer].
func (V2) Append(buf []byte, m Message) ([]byte, bool, error) {
	if m.Payload.binary {
		if m.JoinRef == "" {
			return appendBinary(buf, kindBroadcast, m.Payload.data, m.Topic, m.Event)
		}
		return appendBinary(buf, kindPush, m.Payload.data, refText(m.JoinRef), m.Topic, m.Event)
	}
	buf = appendHead(buf, m.JoinRef, m.Ref, m.Topic, m.Event)
	buf = append(buf, m.Payload.Bytes()...)
	return append(buf, ']'), false, nil
}

// AppendReply implements [Serializer].
func (V2) AppendReply(buf []byte, m Message, status string) ([]byte, bool, error) {
	if m.Payload.binary {
		return appendBinary(buf, kindReply, m.Payload.data, refText(m.JoinRef), refText(m.Ref), m.Topic, status)
	}
	buf = appendHead(buf, m.JoinRef, m.Ref, m.Topic, eventReply)
	buf = appendReply(buf, status, m.Payload)
	return append(buf, ']'), false, nil
}

// appendHead appends all of a message up to its payload.
func appendHead(buf []byte, joinRef, ref, topic, event string) []byte {
	buf = append(buf, '[')
	buf = append(appendRef(buf, joinRef), ',')
	buf = append(appendRef(buf, ref), ',')
	buf = append(jsontext.AppendString(buf, topic), ',')
	return append(jsontext.AppendString(buf, event), ',')
}

// appendBinary appends a binary message: kind, a size for each text, texts, data.
func appendBinary(buf []byte, kind byte, data []byte, texts ...string) ([]byte, bool, error) {
	buf = append(buf, kind)
	for _, t := range texts {
		if len(t) > 255 {
			return nil, false, fmt.Errorf("ws: encode: %d bytes are too many for a field of a binary message: %.40q", len(t), t)
		}
		buf = append(buf, byte(len(t)))
	}
	for _, t := range texts {
		buf = append(buf, t...)
	}
	return append(buf, data...), true, nil
}
