package ws

import (
	"bytes"
	"compress/flate"
	"sync"
)

// Compressed messages, by the permessage-deflate extension without context
// takeover: each message is compressed by itself, so that the frame of a broadcast
// serves all its receivers here as well. Package rfc6455 decompresses what comes in,
// and the library negotiates.

// deflateThreshold is the smallest message that is worth compressing.
const deflateThreshold = 512

// deflaters recycles compressors, which take 1.2 MB each.
var deflaters = sync.Pool{New: func() any {
	d := new(deflater)
	d.w, _ = flate.NewWriter(&d.out, flate.BestSpeed) // fails for other levels only
	return d
}}

type deflater struct {
	out bytes.Buffer
	w   *flate.Writer
}

// deflate turns a buffer from newFrame, filled, into a compressed frame, if that
// is shorter.
func deflate(buf []byte, opcode byte) frame {
	payload := buf[maxHeader:]
	if len(payload) < deflateThreshold {
		return seal(buf, opcode)
	}
	d := deflaters.Get().(*deflater)
	defer deflaters.Put(d)
	d.out.Reset()
	d.w.Reset(&d.out)
	d.w.Write(payload) // into memory: neither can fail
	d.w.Flush()
	// A flush ends with an empty block, of which the extension leaves these out.
	short := bytes.TrimSuffix(d.out.Bytes(), []byte{0x00, 0x00, 0xff, 0xff})
	if len(short) >= len(payload) {
		return seal(buf, opcode)
	}
	return seal(append(newFrame(len(short)), short...), rsv1Bit|opcode)
}
