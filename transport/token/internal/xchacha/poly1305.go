package xchacha

import "encoding/binary"

// poly is Poly1305 over whole blocks of 16 bytes, which is all that an AEAD needs. Numbers
// modulo 2¹³⁰-5 are five limbs of 26 bits, so that sums of products fit into 64 bits. No
// branch and no index depends on the data.
type poly struct {
	r, h [5]uint64
	pad  [4]uint64
}

const limb = 1<<26 - 1

func newPoly(key []byte) (p poly) {
	le := binary.LittleEndian.Uint32
	p.r = [5]uint64{
		uint64(le(key[0:])) & 0x3ffffff,
		uint64(le(key[3:])>>2) & 0x3ffff03,
		uint64(le(key[6:])>>4) & 0x3ffc0ff,
		uint64(le(key[9:])>>6) & 0x3f03fff,
		uint64(le(key[12:])>>8) & 0x00fffff,
	}
	for i := range p.pad {
		p.pad[i] = uint64(le(key[16+4*i:]))
	}
	return p
}

// write adds data, filled up with zeros to a whole block.
func (p *poly) write(data []byte) {
	for len(data) > 0 {
		var block [16]byte
		n := copy(block[:], data)
		p.add(&block)
		data = data[n:]
	}
}

func (p *poly) add(block *[16]byte) {
	le := binary.LittleEndian.Uint32
	h := &p.h
	h[0] += uint64(le(block[0:])) & limb
	h[1] += uint64(le(block[3:])>>2) & limb
	h[2] += uint64(le(block[6:])>>4) & limb
	h[3] += uint64(le(block[9:])>>6) & limb
	h[4] += uint64(le(block[12:])>>8) | 1<<24 // the bit after the block

	var d [5]uint64
	for i := range d {
		for j := range h {
			if k := i - j; k >= 0 {
				d[i] += h[j] * p.r[k]
			} else {
				d[i] += h[j] * 5 * p.r[k+5] // 2¹³⁰ is 5
			}
		}
	}
	for i := range 4 {
		d[i+1] += d[i] >> 26
		h[i] = d[i] & limb
	}
	h[4] = d[4] & limb
	h[0] += d[4] >> 26 * 5
	h[1] += h[0] >> 26
	h[0] &= limb
}

// tag returns the sum modulo 2¹³⁰-5, plus the second half of the key.
func (p *poly) tag() (tag [TagSize]byte) {
	h := p.h
	for i := range 10 { // twice around: each limb has 26 bits after
		carry := h[i%5] >> 26
		h[i%5] &= limb
		if i%5 == 4 {
			carry *= 5
		}
		h[(i+1)%5] += carry
	}
	// h - (2¹³⁰-5), if that is not negative
	var g [5]uint64
	carry := uint64(5)
	for i := range g {
		g[i] = h[i] + carry
		carry = g[i] >> 26
		g[i] &= limb
	}
	reduced := -carry // all ones if h ≥ 2¹³⁰-5
	for i := range h {
		h[i] = h[i]&^reduced | g[i]&reduced
	}
	words := [4]uint64{
		h[0] | h[1]<<26,
		h[1]>>6 | h[2]<<20,
		h[2]>>12 | h[3]<<14,
		h[3]>>18 | h[4]<<8,
	}
	carry = 0
	for i, w := range words {
		sum := w&(1<<32-1) + p.pad[i] + carry
		binary.LittleEndian.PutUint32(tag[4*i:], uint32(sum))
		carry = sum >> 32
	}
	return tag
}
