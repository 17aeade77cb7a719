package frame

import (
	"bytes"
	"compress/flate"
	"math/rand/v2"

	"github.com/troupe-go/troupe/transport/ws/internal/rawclient"
)

// What a client sends, byte by byte.

const (
	fin  = rawclient.Fin
	rsv1 = rawclient.RSV1
)

// deflateParts compresses a message and cuts it into as many parts.
func deflateParts(parts []string) []string {
	var all bytes.Buffer
	w, _ := flate.NewWriter(&all, flate.BestSpeed)
	for _, part := range parts {
		w.Write([]byte(part))
	}
	w.Flush()
	return rawclient.Split(string(bytes.TrimSuffix(all.Bytes(), []byte(tail[:4]))), len(parts))
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
