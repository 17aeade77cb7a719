package ws

import (
	"encoding/json"

	"github.com/troupe-go/troupe/transport/ws/internal/jsontext"
)

// The events that the protocol itself uses.
const (
	eventJoin      = "phx_join"
	eventLeave     = "phx_leave"
	eventReply     = "phx_reply"
	eventClose     = "phx_close"
	eventError     = "phx_error"
	eventHeartbeat = "heartbeat"

	// Broadcast to a socket ID, it ends the connections.
	eventDisconnect = "disconnect"

	topicPhoenix = "phoenix"
)

// Message is one message of the protocol, either way, as a [Serializer] sees it.
type Message struct {
	// JoinRef and Ref are the client's references in JSON, so that each comes back
	// as it was: `"1"` as "1" and `1` as 1. Empty is null.
	JoinRef, Ref string

	Topic, Event string
	Payload      Payload
}

// size is the length of all parts.
func (m Message) size() int {
	return len(m.JoinRef) + len(m.Ref) + len(m.Topic) + len(m.Event) + len(m.Payload.data)
}

// refText returns a reference as a binary frame carries it: without quotes.
func refText(ref string) string {
	var s string
	if json.Unmarshal([]byte(ref), &s) == nil {
		return s
	}
	return ref
}

// refOf returns the reference that text stands for in a binary frame.
func refOf(text string) string {
	if text == "" {
		return ""
	}
	return string(jsontext.AppendString(nil, text))
}
