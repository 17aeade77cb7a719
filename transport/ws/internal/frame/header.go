package frame

import (
	"encoding/binary"
	"math"
)

// The opcodes of frames.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa
)

const (
	maxHeader  = 14  // two bytes, eight of the length, four of the mask
	maxControl = 125 // bytes of payload
)

// header is the head of a frame.
type header struct {
	opcode   byte
	fin      bool
	deflated bool   // by the first reserved bit
	key      uint32 // that the payload is masked with, its first byte the lowest
	length   uint64 // of the payload
}

func (h header) control() bool { return h.opcode&0x8 != 0 }

// parseHeader reads the head of a frame from the start of b, and returns how many
// bytes it takes: 0 if they are not all there. What is wrong in the first two bytes
// is found without the others.
//
// A length need not be in its shortest form. The RFC asks that of the sender; no
// harm comes of it.
func parseHeader(b []byte) (h header, size int, err error) {
	if len(b) < 2 {
		return h, 0, nil
	}
	h.fin, h.deflated, h.opcode = b[0]&0x80 != 0, b[0]&0x40 != 0, b[0]&0x0f
	length := b[1] & 0x7f
	switch {
	case b[0]&0x30 != 0, h.deflated && (h.control() || h.opcode == opContinuation):
		return h, 0, errReservedBit
	case h.opcode > opBinary && h.opcode < opClose, h.opcode > opPong:
		return h, 0, errOpcode
	case h.control() && (!h.fin || length > maxControl):
		return h, 0, errControl
	case b[1]&0x80 == 0:
		return h, 0, errUnmasked
	}
	size = 2 + 4
	switch length {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if len(b) < size {
		return h, 0, nil
	}
	switch h.length = uint64(length); length {
	case 126:
		h.length = uint64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		if h.length = binary.BigEndian.Uint64(b[2:]); h.length > math.MaxInt64 {
			return h, 0, errLength
		}
	}
	h.key = binary.LittleEndian.Uint32(b[size-4:])
	return h, size, nil
}
