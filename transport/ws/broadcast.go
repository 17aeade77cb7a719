package ws

import "sync"

// broadcast is a message to all subscribers of a topic. It is encoded once for
// each serializer in use, however many connections it goes to.
type broadcast struct {
	message
	encoded [len(serializers)]struct {
		once  sync.Once
		frame frame
		err   error
	}
}

func newBroadcast(topic, event string, payload any) (*broadcast, error) {
	p, err := outgoing(payload)
	if err != nil {
		return nil, err
	}
	return &broadcast{message: message{topic: topic, event: event, payload: p}}, nil
}

func (b *broadcast) frame(s serializer) (frame, error) {
	e := &b.encoded[s.index()]
	e.once.Do(func() { e.frame, e.err = s.encode(b.message) })
	return e.frame, e.err
}
