package ws

import "github.com/troupe-go/troupe/transport/ws/wire"

// Serves reports whether clients may ask to join a topic: whether a socket of the endpoint
// has a route for it. Code that publishes for others asks, so that a topic with a mistake
// in it is not a message to nobody.
func (e *Endpoint) Serves(topic string) bool {
	if topic == wire.TopicPhoenix || len(topic) > maxTopic {
		return false
	}
	for i := range e.mounts {
		if e.mounts[i].Channels.match(topic) != nil {
			return true
		}
	}
	return false
}
