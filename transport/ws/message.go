package ws

import "encoding/json"

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

// ref is a message reference in its JSON form: a client's ref comes back as it
// was, "1" as "1" and 1 as 1. The empty ref is JSON's null.
type ref string

// text returns the ref as a binary frame carries it: without quotes.
func (r ref) text() string {
	var s string
	if json.Unmarshal([]byte(r), &s) == nil {
		return s
	}
	return string(r)
}

// refOf returns the ref that text stands for in a binary frame.
func refOf(text string) ref {
	if text == "" {
		return ""
	}
	return ref(appendString(nil, text))
}

// message is one protocol message, either way.
type message struct {
	joinRef, ref ref
	topic, event string
	payload      Payload
}

// reply is the answer to a message.
type reply struct {
	joinRef, ref ref
	topic        string
	status       string
	response     Payload
}
