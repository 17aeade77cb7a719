package ws_test

import (
	"strings"

	"github.com/troupe-go/troupe/transport/ws/wire"
)

// mirror is a serializer that sends each message back as it came: to its session it is
// a heartbeat.
type mirror struct{ wire.V2 }

func (mirror) Decode(data []byte, binary bool) (wire.Message, error) {
	kind := "text"
	if binary {
		kind = "binary"
	}
	return wire.Message{Ref: kind + ":" + string(data), Topic: "phoenix", Event: "heartbeat"}, nil
}

func (mirror) AppendReply(buf []byte, m wire.Message, _ string) ([]byte, bool, error) {
	kind, data, _ := strings.Cut(m.Ref, ":")
	return append(buf, data...), kind == "binary", nil
}
