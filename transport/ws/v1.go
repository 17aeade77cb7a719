package ws

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// v1 is version 1.0.0 of the protocol: a JSON object, and no binary payloads.
type v1 struct{}

// errNoBinary says that a binary payload cannot go to a client of version 1.
var errNoBinary = errors.New("ws: version 1 of the protocol has no binary payloads")

func (v1) index() int { return 0 }

func (v1) decode(data []byte, binary bool) (message, error) {
	if binary {
		return message{}, fmt.Errorf("%w: %w", errMalformed, errNoBinary)
	}
	if !utf8.Valid(data) {
		return message{}, fmt.Errorf("%w: not UTF-8", errMalformed)
	}
	var in map[string]json.RawMessage
	if err := json.Unmarshal(data, &in); err != nil {
		return message{}, fmt.Errorf("%w: %w", errMalformed, err)
	}
	for _, key := range []string{"topic", "event", "payload", "ref"} {
		if _, there := in[key]; !there {
			return message{}, fmt.Errorf("%w: no %q", errMalformed, key)
		}
	}
	m := message{payload: Payload{data: in["payload"]}}
	var err error
	if m.topic, err = unquote(in["topic"]); err != nil {
		return message{}, err
	}
	if m.event, err = unquote(in["event"]); err != nil {
		return message{}, err
	}
	if m.ref, err = rawRef(in["ref"]); err != nil {
		return message{}, err
	}
	if joinRef, there := in["join_ref"]; there {
		if m.joinRef, err = rawRef(joinRef); err != nil {
			return message{}, err
		}
	}
	return m, nil
}

func (v1) encode(m message) (frame, error) {
	if m.payload.binary {
		return frame{}, errNoBinary
	}
	buf := appendObject(newFrame(len(m.topic)+len(m.event)+len(m.payload.data)+64), m.topic, m.event, m.ref)
	buf = append(buf, m.payload.Bytes()...)
	return seal(append(buf, '}'), opText), nil
}

func (v1) encodeReply(r reply) (frame, error) {
	if r.response.binary {
		return frame{}, errNoBinary
	}
	buf := appendObject(newFrame(len(r.topic)+len(r.response.data)+96), r.topic, eventReply, r.ref)
	buf = appendReply(buf, r.status, r.response)
	return seal(append(buf, '}'), opText), nil
}

// appendObject appends all of a message up to its payload.
func appendObject(buf []byte, topic, event string, ref ref) []byte {
	buf = append(buf, `{"topic":`...)
	buf = appendString(buf, topic)
	buf = append(buf, `,"event":`...)
	buf = appendString(buf, event)
	buf = append(buf, `,"ref":`...)
	buf = appendRef(buf, ref)
	return append(buf, `,"payload":`...)
}
