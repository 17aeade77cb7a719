package frame

import (
	"encoding/binary"
	"iter"
	"slices"
)

// Sealed is a message ready for the wire, or several that travel together: whole frames,
// made once and written as they are to however many sockets. It is never changed.
type Sealed struct {
	bytes    []byte
	messages int // that bytes has, each one frame
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
	return Sealed{buf[start:], 1}
}

// With returns the message with others behind it, to travel together: so they take one write
// and one place in a queue. The room that f's buffer has left is theirs, so With is called on a
// message once, by what has made it.
func (f Sealed) With(others ...Sealed) Sealed {
	size := 0
	for _, o := range others {
		size += len(o.bytes)
	}
	f.bytes = slices.Grow(f.bytes, size)
	for _, o := range others {
		f.bytes = append(f.bytes, o.bytes...)
		f.messages += o.messages
	}
	return f
}

// Bytes returns the whole frames, which are not to be changed.
func (f Sealed) Bytes() []byte { return f.bytes }

// Len returns how many bytes the whole frames have.
func (f Sealed) Len() int { return len(f.bytes) }

// Messages returns how many there are: none in the zero Sealed.
func (f Sealed) Messages() int { return f.messages }

// Each returns the messages one by one, in order.
func (f Sealed) Each() iter.Seq[Sealed] {
	return func(yield func(Sealed) bool) {
		for rest := f.bytes; len(rest) > 0; {
			header, size := sealedSizes(rest)
			end := header + size
			if !yield(Sealed{rest[:end:end], 1}) {
				return
			}
			rest = rest[end:]
		}
	}
}

// Payload returns the first message without its header.
func (f Sealed) Payload() []byte {
	header, size := sealedSizes(f.bytes)
	return f.bytes[header : header+size]
}

// sealedSizes returns the length of the header that b begins with, as seal makes it, and of
// the payload behind it.
func sealedSizes(b []byte) (header, payload int) {
	switch n := b[1]; n {
	case 126:
		return 4, int(binary.BigEndian.Uint16(b[2:]))
	case 127:
		return 10, int(binary.BigEndian.Uint64(b[2:]))
	default:
		return 2, int(n)
	}
}

// Binary reports whether the first message is binary, and not a text.
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
