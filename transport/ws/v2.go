package ws

import "fmt"

// v2 is version 2.0.0 of the protocol: a JSON array
// [join_ref, ref, topic, event, payload], or a binary frame.
type v2 struct{}

func (v2) index() int { return 1 }

// The kinds of binary frames.
const (
	kindPush      = 0
	kindReply     = 1
	kindBroadcast = 2
)

func (v2) decode(data []byte, binary bool) (message, error) {
	if binary {
		return decodeBinary(data)
	}
	var parts [5][]byte
	if err := splitArray(data, parts[:]); err != nil {
		return message{}, err
	}
	m := message{payload: Payload{data: parts[4]}}
	var err error
	if m.joinRef, err = rawRef(parts[0]); err != nil {
		return message{}, err
	}
	if m.ref, err = rawRef(parts[1]); err != nil {
		return message{}, err
	}
	if m.topic, err = unquote(parts[2]); err != nil {
		return message{}, err
	}
	if m.event, err = unquote(parts[3]); err != nil {
		return message{}, err
	}
	return m.normalized(), nil
}

// normalized gives a join without a join ref its ref for one.
func (m message) normalized() message {
	if m.event == eventJoin && m.joinRef == "" {
		m.joinRef = m.ref
	}
	return m
}

// decodeBinary reads a client's push: kind, four sizes, four texts, data.
func decodeBinary(data []byte) (message, error) {
	if len(data) < 5 || data[0] != kindPush {
		return message{}, fmt.Errorf("%w: not a binary push", errMalformed)
	}
	var fields [4]string
	rest := data[5:]
	for i := range fields {
		size := int(data[1+i])
		if size > len(rest) {
			return message{}, fmt.Errorf("%w: sizes overrun the binary frame", errMalformed)
		}
		fields[i], rest = string(rest[:size]), rest[size:]
	}
	return message{
		joinRef: refOf(fields[0]),
		ref:     refOf(fields[1]),
		topic:   fields[2],
		event:   fields[3],
		payload: Binary(rest),
	}.normalized(), nil
}

func (v2) encode(m message) (frame, error) {
	if m.payload.binary {
		if m.joinRef == "" {
			return encodeBinary(kindBroadcast, m.payload.data, m.topic, m.event)
		}
		return encodeBinary(kindPush, m.payload.data, m.joinRef.text(), m.topic, m.event)
	}
	payload := m.payload.Bytes()
	buf := newFrame(len(m.joinRef) + len(m.ref) + len(m.topic) + len(m.event) + len(payload) + 24)
	buf = appendHead(buf, m.joinRef, m.ref, m.topic, m.event)
	buf = append(buf, payload...)
	return seal(append(buf, ']'), opText), nil
}

func (v2) encodeReply(r reply) (frame, error) {
	if r.response.binary {
		return encodeBinary(kindReply, r.response.data, r.joinRef.text(), r.ref.text(), r.topic, r.status)
	}
	response := r.response.Bytes()
	buf := newFrame(len(r.joinRef) + len(r.ref) + len(r.topic) + len(r.status) + len(response) + 64)
	buf = appendHead(buf, r.joinRef, r.ref, r.topic, eventReply)
	buf = appendReply(buf, r.status, r.response)
	return seal(append(buf, ']'), opText), nil
}

// appendHead appends all of a message up to its payload.
func appendHead(buf []byte, joinRef, ref ref, topic, event string) []byte {
	buf = append(buf, '[')
	buf = append(appendRef(buf, joinRef), ',')
	buf = append(appendRef(buf, ref), ',')
	buf = append(appendString(buf, topic), ',')
	return append(appendString(buf, event), ',')
}

// encodeBinary makes a binary frame: kind, a size for each text, texts, data.
func encodeBinary(kind byte, data []byte, texts ...string) (frame, error) {
	size := 1 + len(texts) + len(data)
	for _, t := range texts {
		size += len(t)
	}
	buf := append(newFrame(size), kind)
	for _, t := range texts {
		if len(t) > 255 {
			return frame{}, fmt.Errorf("ws: encode: %d bytes are too many for a field of a binary message: %.40q", len(t), t)
		}
		buf = append(buf, byte(len(t)))
	}
	for _, t := range texts {
		buf = append(buf, t...)
	}
	return seal(append(buf, data...), opBinary), nil
}
