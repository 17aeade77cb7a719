package frame

import (
	"bytes"
	"compress/flate"
	"io"
	"sync"
)

// tail is what a sender of a compressed message leaves out, an empty block, and one
// more that is the last: so a reader of it finds an end, and what it has not found
// by then is missing.
const tail = "\x00\x00\xff\xff" + "\x01\x00\x00\xff\xff"

// window is how far back compressed data may refer.
const window = 32 << 10

// maxStreams is how many blocks of a message may be marked as the last one. A sender
// may mark one whenever it flushes, with others after it, but few do, and each costs
// a start with a window.
const maxStreams = 64

// inflaters recycles decompressors, of 40 KB each. Only one that has come to the end
// of its data goes back.
var inflaters = sync.Pool{New: func() any { return flate.NewReader(nil) }}

// inflate decompresses a message, of limit bytes at most.
func inflate(deflated []byte, limit int) ([]byte, error) {
	if len(deflated) == 0 { // not even the head of a block; senders mean what it says
		return nil, nil
	}
	in := bytes.NewReader(append(deflated, tail...)) // an io.ByteReader is not read too far
	z := inflaters.Get().(io.Reader)
	out := make([]byte, 0, min(limit+1, 3*len(deflated)+64))
	for range maxStreams {
		z.(flate.Resetter).Reset(in, out[max(0, len(out)-window):]) // never fails
		var err error
		if out, err = appendAll(out, z, limit); err != nil {
			return nil, err
		}
		if in.Len() == 0 || in.Len() == len(tail) {
			inflaters.Put(z)
			return fit(out), nil
		}
	}
	return nil, errDeflate
}

// appendAll appends what z has, if that makes no more than limit bytes.
func appendAll(out []byte, z io.Reader, limit int) ([]byte, error) {
	for {
		if len(out) == cap(out) {
			out = append(out, 0)[:len(out)]
		}
		n, err := z.Read(out[len(out):min(cap(out), limit+1)])
		out = out[:len(out)+n]
		switch {
		case len(out) > limit:
			return nil, errTooBig
		case err == io.EOF:
			return out, nil
		case err != nil:
			return nil, errDeflate
		}
	}
}

// fit returns the data in a slice that is not much larger, since it may live long.
func fit(data []byte) []byte {
	if cap(data)-len(data) > len(data)/4+64 {
		return bytes.Clone(data)
	}
	return data
}

// maxDeflated is how large a message of limit bytes may be when it is compressed.
// What does not shrink grows, by a seventh at the very most, and by an empty block
// for each part that the sender flushes.
func maxDeflated(limit int) int { return limit + limit/4 + 1024 }
