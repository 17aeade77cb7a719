package channels

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// maskKey masks what the clients send. Its value does not matter to anybody, as
// long as the server has to undo it.
var maskKey = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// appendText appends text as a client's frame.
func appendText(dst []byte, text string) []byte {
	dst = append(dst, 0x81)
	switch n := len(text); {
	case n < 126:
		dst = append(dst, 0x80|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, 0x80|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), uint64(n))
	}
	dst = append(dst, maskKey[:]...)
	for i := range len(text) {
		dst = append(dst, text[i]^maskKey[i&3])
	}
	return dst
}

const (
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
)

// cutFrame takes the first frame, one of a server, off data. It reports false if
// data ends before the frame does.
func cutFrame(data []byte) (opcode byte, payload, rest []byte, ok bool) {
	if len(data) < 2 {
		return 0, nil, data, false
	}
	size, at := uint64(data[1]), 2
	switch {
	case size == 126 && len(data) >= 4:
		size, at = uint64(binary.BigEndian.Uint16(data[2:])), 4
	case size == 127 && len(data) >= 10:
		size, at = binary.BigEndian.Uint64(data[2:]), 10
	case size >= 126:
		return 0, nil, data, false
	}
	if uint64(len(data)-at) < size {
		return 0, nil, data, false
	}
	end := at + int(size)
	return data[0] & 0x0f, data[at:end], data[end:], true
}

// The client messages of the protocol's version 2.

func joinMessage(ref int, topic string) string {
	return fmt.Sprintf(`["%d","%d",%q,"phx_join",{}]`, ref, ref, topic)
}

func push(joinRef int, topic, event, payload string) string {
	return fmt.Sprintf(`["%d","9",%q,%q,%s]`, joinRef, topic, event, payload)
}

const heartbeat = `[null,"8","phoenix","heartbeat",{}]`

var (
	replyEvent = []byte(`"phx_reply"`)
	replyOK    = []byte(`"status":"ok"`)
	shoutEvent = []byte(`"shout"`)
)

// isReply reports whether a message is a reply. An echoed payload does not look
// like one.
func isReply(message []byte) bool { return bytes.Contains(message, replyEvent) }

// isOK reports whether a reply is a good one.
func isOK(message []byte) bool { return bytes.Contains(message, replyOK) }

// isShout reports whether a message is the broadcast of a shout.
func isShout(message []byte) bool { return bytes.Contains(message, shoutEvent) }
