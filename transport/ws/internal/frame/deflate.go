package frame

import (
	"bytes"
	"compress/flate"
	"sync"
)

// Compressed messages, by the permessage-deflate extension without context
// takeover: each message is compressed by itself, so that the frame of a broadcast
// serves all its receivers here as well.

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

// Deflate is [Seal] for a client that takes compressed messages. The frame is compressed
// if that makes it shorter.
func Deflate(buf []byte, binary bool) Sealed {
	payload := buf[sealRoom:]
	if len(payload) < deflateThreshold {
		return Seal(buf, binary)
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
		return Seal(buf, binary)
	}
	return seal(append(Buffer(len(short)), short...), rsv1Bit|opcode(binary))
}
