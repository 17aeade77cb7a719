package wsclient

import "github.com/troupe-go/troupe/transport/ws/internal/wire"

// message is one protocol message, either way. An empty ref is none.
type message struct {
	joinRef, ref string
	topic, event string
	status       string // of a reply
	payload      Payload
}

func (m message) encode() ([]byte, error) {
	return wire.Message{
		JoinRef: m.joinRef, Ref: m.ref,
		Topic: m.topic, Event: m.event,
		Data: m.payload.data, Binary: m.payload.binary,
	}.Encode()
}

// decode reads what the server sent. The message refers to data.
func decode(data []byte, binary bool) (message, error) {
	m, err := wire.Decode(data, binary)
	return message{m.JoinRef, m.Ref, m.Topic, m.Event, m.Status, Payload{m.Data, m.Binary}}, err
}
