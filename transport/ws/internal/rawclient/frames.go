package rawclient

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"strings"
	"sync"
)

// The first byte of a frame has one of these opcodes.
const (
	OpContinuation = 0x0
	OpText         = 0x1
	OpBinary       = 0x2
	OpClose        = 0x8
	OpPing         = 0x9
	OpPong         = 0xa
)

// The first byte of a frame may have these bits.
const (
	Fin  = 0x80 // the message ends with the frame
	RSV1 = 0x40 // the message is compressed
)

// Frame returns a masked frame that begins with the byte first.
func Frame(first byte, payload string) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	b = append(b, key[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^key[i%4])
	}
	return b
}

// Text returns a text in one frame.
func Text(text string) []byte { return Frame(Fin|OpText, text) }

// Closing returns a close frame.
func Closing(code int, reason string) []byte {
	return Frame(Fin|OpClose, string([]byte{byte(code >> 8), byte(code)})+reason)
}

// deflaters are compressors, which take long to make.
var deflaters = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, flate.BestSpeed) // fails for other levels only
	return w
}}

// deflateTail ends a compressed message, for package flate.
const deflateTail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"

// Message returns a message in as many frames as there are parts, compressed or not.
func Message(opcode byte, deflated bool, parts ...string) (b []byte) {
	first := opcode
	if deflated {
		first |= RSV1
		parts = deflate(parts)
	}
	for i, part := range parts {
		if i == len(parts)-1 {
			first |= Fin
		}
		b = append(b, Frame(first, part)...)
		first = OpContinuation
	}
	return b
}

// deflate compresses a message and cuts it into as many parts.
func deflate(parts []string) []string {
	var all bytes.Buffer
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(&all)
	for _, part := range parts {
		w.Write([]byte(part)) // into memory: neither can fail
	}
	w.Flush()
	return Split(strings.TrimSuffix(all.String(), deflateTail[:4]), len(parts))
}

// Split cuts a text into n parts of about the same length.
func Split(text string, n int) []string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = text[len(text)*i/n : len(text)*(i+1)/n]
	}
	return parts
}
