package wire

import (
	"encoding/json"

	"github.com/troupe-go/troupe/transport/ws/internal/jsontext"
)

// Message is one message of the protocol, in either direction.
//
// Phoenix: Phoenix.Socket.Message, Phoenix.Socket.Broadcast.
type Message struct {
	// JoinRef and Ref are references as JSON, so that each goes back to the client as it
	// came: `"1"` as "1" and `1` as 1. Empty is null. [Ref] makes one from text.
	JoinRef, Ref string

	Topic, Event string
	Payload      Payload
}

// Ref returns a reference whose text is given, such as a number that a client counts up;
// for "" that is none.
func Ref(text string) string {
	if text == "" {
		return ""
	}
	return string(jsontext.AppendString(nil, text))
}

// RefText returns the text of a reference, without quotes. Binary messages carry that.
func RefText(ref string) string {
	var s string
	if json.Unmarshal([]byte(ref), &s) == nil {
		return s
	}
	return ref
}
