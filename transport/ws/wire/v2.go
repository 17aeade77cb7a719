package wire

import (
	"fmt"
	"unicode/utf8"

	"github.com/troupe-go/troupe/transport/ws/internal/jsontext"
)

// V2 is the [Serializer] of version 2.0.0 of the protocol: a JSON array
// [join_ref, ref, topic, event, payload], or a binary frame.
type V2 struct{}

// Version implements [Serializer].
func (V2) Version() string { return "2.0.0" }

// Decode implements [Serializer].
func (V2) Decode(data []byte, binary bool) (m Message, err error) {
	switch {
	case binary:
		m, err = decodeFromClient(data)
	case !utf8.Valid(data):
		err = fmt.Errorf("%w: not UTF-8", ErrMalformed)
	default:
		m, err = decodeArray(data)
	}
	if m.Event == EventJoin && m.JoinRef == "" {
		m.JoinRef = m.Ref
	}
	return m, err
}

// decodeArray reads a message in JSON, from either side.
func decodeArray(data []byte) (Message, error) {
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
	return m, nil
}

// decodeFromClient reads a client's binary push.
func decodeFromClient(data []byte) (m Message, err error) {
	if len(data) == 0 || data[0] != kindPush {
		return Message{}, fmt.Errorf("%w: not a binary push", ErrMalformed)
	}
	rest, err := splitBinary(data[1:], []*string{&m.JoinRef, &m.Ref, &m.Topic, &m.Event})
	if err != nil {
		return Message{}, err
	}
	m.JoinRef, m.Ref = Ref(m.JoinRef), Ref(m.Ref)
	m.Payload = Binary(rest)
	return m, nil
}

// Append implements [Serializer].
func (V2) Append(buf []byte, m Message) ([]byte, bool, error) {
	if m.Payload.binary {
		if m.JoinRef == "" {
			return appendBinary(buf, kindBroadcast, m.Payload.data, m.Topic, m.Event)
		}
		return appendBinary(buf, kindPush, m.Payload.data, RefText(m.JoinRef), m.Topic, m.Event)
	}
	buf = appendHead(buf, m.JoinRef, m.Ref, m.Topic, m.Event)
	buf = append(buf, m.Payload.Bytes()...)
	return append(buf, ']'), false, nil
}

// AppendReply implements [Serializer].
func (V2) AppendReply(buf []byte, m Message, status string) ([]byte, bool, error) {
	if m.Payload.binary {
		return appendBinary(buf, kindReply, m.Payload.data, RefText(m.JoinRef), RefText(m.Ref), m.Topic, status)
	}
	buf = appendHead(buf, m.JoinRef, m.Ref, m.Topic, EventReply)
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
