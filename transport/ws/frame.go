package ws

import "encoding/binary"

// frame is an encoded message, ready for the wire: a whole WebSocket frame, made
// once and written as it is to however many sockets. It is never changed.
type frame struct {
	bytes  []byte
	header int // length of the WebSocket header that bytes starts with
}

const (
	opText   = 0x1
	opBinary = 0x2
	opClose  = 0x8
	opPong   = 0xa
	finBit   = 0x80
	rsv1Bit  = 0x40 // the message is compressed

	maxHeader = 10
)

// newFrame returns an empty buffer for the payload of a frame. Its first
// maxHeader bytes are room for the header.
func newFrame(capacity int) []byte { return make([]byte, maxHeader, maxHeader+capacity) }

// seal turns a buffer from newFrame, filled, into a frame.
func seal(buf []byte, opcode byte) frame {
	n := len(buf) - maxHeader
	var start int
	switch {
	case n < 126:
		start = maxHeader - 2
		buf[start+1] = byte(n)
	case n < 1<<16:
		start = maxHeader - 4
		buf[start+1] = 126
		binary.BigEndian.PutUint16(buf[start+2:], uint16(n))
	default:
		start = maxHeader - 10
		buf[start+1] = 127
		binary.BigEndian.PutUint64(buf[start+2:], uint64(n))
	}
	buf[start] = finBit | opcode
	return frame{buf[start:], maxHeader - start}
}

// payload returns the message without the WebSocket header.
func (f frame) payload() []byte { return f.bytes[f.header:] }

func (f frame) isBinary() bool { return f.bytes[0]&0x0f == opBinary }
