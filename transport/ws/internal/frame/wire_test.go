package frame

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"math/rand/v2"
)

// What a client sends, byte by byte.

const (
	fin  = 0x80
	rsv1 = 0x40
)

// masked returns a masked frame.
func masked(first byte, payload string) []byte {
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

// message returns a message in as many frames as there are parts, compressed or not.
func message(opcode byte, deflated bool, parts ...string) []byte {
	var b []byte
	first := opcode
	if deflated {
		first |= rsv1
		parts = deflateParts(parts)
	}
	for i, part := range parts {
		if i == len(parts)-1 {
			first |= fin
		}
		b = append(b, masked(first, part)...)
		first = opContinuation
	}
	return b
}

// deflateParts compresses a message and cuts it into as many parts.
func deflateParts(parts []string) []string {
	var all bytes.Buffer
	w, _ := flate.NewWriter(&all, flate.BestSpeed)
	for _, part := range parts {
		w.Write([]byte(part))
	}
	w.Flush()
	return split(string(bytes.TrimSuffix(all.Bytes(), []byte(tail[:4]))), len(parts))
}

// split cuts a text into n parts of about the same length.
func split(text string, n int) []string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = text[len(text)*i/n : len(text)*(i+1)/n]
	}
	return parts
}

// result is what a Reader has made of some bytes.
type result struct {
	frames []Frame // without Parts
	err    error
}

// read feeds a Reader with the pieces.
func read(l Limits, pieces ...[]byte) (res result, r *Reader) {
	r = new(Reader)
	for _, b := range pieces {
		b = bytes.Clone(b) // to be spoilt
		for rest := b; ; {
			var f Frame
			if f, rest, res.err = r.Next(rest, l); res.err != nil {
				return res, r
			}
			if f.Kind > Part {
				res.frames = append(res.frames, f)
			}
			if f.Kind == Nothing {
				break
			}
		}
		clear(b)
	}
	return res, r
}

// cut cuts b into pieces of random length.
func cut(rnd *rand.Rand, b []byte) (pieces [][]byte) {
	for len(b) > 0 {
		n := min(1+rnd.IntN(1+rnd.IntN(len(b)+8)), len(b))
		pieces = append(pieces, b[:n])
		b = b[n:]
	}
	return pieces
}
