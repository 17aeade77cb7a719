package frame

import "encoding/binary"

// Sealed is a message ready for the wire: a whole frame, made once and written as it is
// to however many sockets. It is never changed.
type Sealed struct {
	bytes  []byte
	header int // length of the header that bytes starts with
}

const (
	finBit  = 0x80
	rsv1Bit = 0x40 // the message is compressed

	sealRoom = 10 // the largest header of a frame that is not masked
)

// Buffer returns an empty buffer to append the payload of a frame to. Its
// first bytes are room for the header.
func Buffer(capacity int) []byte { return make([]byte, sealRoom, sealRoom+capacity) }

// Seal turns a buffer from [Buffer], filled, into the frame of a binary message or of a
// text.
func Seal(buf []byte, binary bool) Sealed { return seal(buf, opcode(binary)) }

func opcode(binary bool) byte {
	if binary {
		return opBinary
	}
	return opText
}

func seal(buf []byte, first byte) Sealed {
	n := len(buf) - sealRoom
	var start int
	switch {
	case n < 126:
		start = sealRoom - 2
		buf[start+1] = byte(n)
	case n < 1<<16:
		start = sealRoom - 4
		buf[start+1] = 126
		binary.BigEndian.PutUint16(buf[start+2:], uint16(n))
	default:
		start = sealRoom - 10
		buf[start+1] = 127
		binary.BigEndian.PutUint64(buf[start+2:], uint64(n))
	}
	buf[start] = finBit | first
	return Sealed{buf[start:], sealRoom - start}
}

// Bytes returns the whole frame, which is not to be changed.
func (f Sealed) Bytes() []byte { return f.bytes }

// Len returns how many bytes the whole frame has.
func (f Sealed) Len() int { return len(f.bytes) }

// Payload returns the message without its header.
func (f Sealed) Payload() []byte { return f.bytes[f.header:] }

// Binary reports whether the message is binary, and not a text.
func (f Sealed) Binary() bool { return f.bytes[0]&0x0f == opBinary }

// Control returns a control frame. Its payload has 125 bytes at most.
func Control(kind Kind, payload []byte) []byte {
	op := byte(opClose)
	switch kind {
	case Ping:
		op = opPing
	case Pong:
		op = opPong
	}
	return append([]byte{finBit | op, byte(len(payload))}, payload...)
}
