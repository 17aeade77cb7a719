package wire

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/troupe-go/troupe/transport/ws/internal/jsontext"
)

// V1 is the [Serializer] of version 1.0.0 of the protocol: a JSON object, and no
// binary payloads.
type V1 struct{}

// Version implements [Serializer].
func (V1) Version() string { return "1.0.0" }

// Decode implements [Serializer].
func (V1) Decode(data []byte, binary bool) (Message, error) {
	if binary {
		return Message{}, fmt.Errorf("%w: %w", ErrMalformed, ErrNoBinary)
	}
	if !utf8.Valid(data) {
		return Message{}, fmt.Errorf("%w: not UTF-8", ErrMalformed)
	}
	var in map[string]json.RawMessage
	if err := json.Unmarshal(data, &in); err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	for _, key := range []string{"topic", "event", "payload", "ref"} {
		if _, there := in[key]; !there {
			return Message{}, fmt.Errorf("%w: no %q", ErrMalformed, key)
		}
	}
	m := Message{Payload: Payload{data: in["payload"]}}
	var err error
	if m.Topic, err = unquote(in["topic"]); err != nil {
		return Message{}, err
	}
	if m.Event, err = unquote(in["event"]); err != nil {
		return Message{}, err
	}
	if m.Ref, err = rawRef(in["ref"]); err != nil {
		return Message{}, err
	}
	if joinRef, there := in["join_ref"]; there {
		if m.JoinRef, err = rawRef(joinRef); err != nil {
			return Message{}, err
		}
	}
	return m, nil
}

// Append implements [Serializer].
func (V1) Append(buf []byte, m Message) ([]byte, bool, error) {
	if m.Payload.binary {
		return nil, false, ErrNoBinary
	}
	buf = appendObject(buf, m.Topic, m.Event, m.Ref)
	buf = append(buf, m.Payload.Bytes()...)
	return append(buf, '}'), false, nil
}

// AppendReply implements [Serializer].
func (V1) AppendReply(buf []byte, m Message, status string) ([]byte, bool, error) {
	if m.Payload.binary {
		return nil, false, ErrNoBinary
	}
	buf = appendObject(buf, m.Topic, EventReply, m.Ref)
	buf = appendReply(buf, status, m.Payload)
	return append(buf, '}'), false, nil
}

// appendObject appends all of a message up to its payload.
func appendObject(buf []byte, topic, event, ref string) []byte {
	buf = append(buf, `{"topic":`...)
	buf = jsontext.AppendString(buf, topic)
	buf = append(buf, `,"event":`...)
	buf = jsontext.AppendString(buf, event)
	buf = append(buf, `,"ref":`...)
	buf = appendRef(buf, ref)
	return append(buf, `,"payload":`...)
}
