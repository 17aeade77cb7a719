package frame

import (
	"slices"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/transport/ws/internal/rawclient"
)

// What reading costs, of one message that comes in one piece or in buffers of 4 KiB.
func BenchmarkReader(b *testing.B) {
	for _, x := range []struct {
		name string
		sent []byte
		size int
	}{
		{"50 B", rawclient.Frame(fin|opText, strings.Repeat("x", 50)), 50},
		{"4 KB", rawclient.Frame(fin|opText, strings.Repeat("x", 4000)), 4000},
		{"64 KiB", rawclient.Frame(fin|opText, strings.Repeat("x", 1<<16)), 1 << 16},
		{"64 KiB in 100 fragments", rawclient.Message(opText, false, rawclient.Split(strings.Repeat("x", 1<<16), 100)...), 1 << 16},
		{"10 KB compressed", rawclient.Message(opText, true, long), len(long)},
	} {
		b.Run(x.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(x.size))
			pieces := slices.Collect(slices.Chunk(x.sent, 4096))
			var r Reader
			for b.Loop() {
				if got := feed(b, &r, pieces); got != x.size {
					b.Fatal(got)
				}
			}
		})
	}
}

// feed reads pieces and returns how long the last message was.
func feed(b *testing.B, r *Reader, pieces [][]byte) (size int) {
	for _, p := range pieces {
		for {
			f, rest, err := r.Next(p, limits)
			if err != nil {
				b.Fatal(err)
			}
			if f.Kind == Nothing {
				break
			}
			p, size = rest, len(f.Payload)
		}
	}
	return size
}

// deflateBits is a stream of DEFLATE, bit by bit, the lowest of a value first.
type deflateBits struct {
	bytes []byte
	n     int
}

func (b *deflateBits) add(value, n int) {
	for i := range n {
		if b.n%8 == 0 {
			b.bytes = append(b.bytes, 0)
		}
		b.bytes[b.n/8] |= byte(value>>i&1) << (b.n % 8)
		b.n++
	}
}

// emptyBlock adds a block that has codes of its own and no data, in as few bits as
// that takes.
func (b *deflateBits) emptyBlock() {
	b.add(0b100, 3) // not the last, dynamic codes
	b.add(0, 5)     // 257 codes for literals
	b.add(0, 5)     // and one for distances
	b.add(18-4, 4)  // 18 codes for lengths:
	for _, length := range []int{0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1} {
		b.add(length, 3) // 1 is "0" then, and 18, many zeros, "1"
	}
	b.add(1, 1)
	b.add(138-11, 7)
	b.add(1, 1)
	b.add(118-11, 7) // 256 zeros
	b.add(0, 2)      // the end of the block and the distance have one bit
	b.add(0, 1)      // the end of the block
}

// The most that a client can make the server do by a compressed message of 1 MiB.
func BenchmarkWorstInflate(b *testing.B) {
	const limit = 1 << 20
	n := maxDeflated(limit)
	var blocks deflateBits
	for len(blocks.bytes) < n-20 {
		blocks.emptyBlock()
	}
	blocks.add(0, 3)
	window := deflateParts([]string{strings.Repeat("all work and no play ", 2000)})[0] + "\x00\x00\xff\xff"
	for _, x := range []struct {
		name, sent string
		want       error
	}{
		{"good", deflateParts([]string{strings.Repeat("all work and no play ", limit/21)})[0], nil},
		{"empty stored blocks", strings.Repeat("\x00\x00\x00\xff\xff", n/5-1) + "\x00", nil},
		{"empty dynamic blocks", string(blocks.bytes), nil},
		{"last blocks", window + strings.Repeat("\x03\x00", n/3), errDeflate},
	} {
		b.Run(x.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := inflate(slices.Clone([]byte(x.sent)), limit); err != x.want {
					b.Fatal(err)
				}
			}
		})
	}
}
