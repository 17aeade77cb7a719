package xchacha

import (
	"encoding/binary"
	"math/bits"
)

// chacha is the state of ChaCha20: four constant words, eight of the key, and four of the
// block counter and the nonce.
type chacha [16]uint32

func newChacha(key *[KeySize]byte, last [4]uint32) (s chacha) {
	s[0], s[1], s[2], s[3] = 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 // "expand 32-byte k"
	for i := range 8 {
		s[4+i] = binary.LittleEndian.Uint32(key[4*i:])
	}
	copy(s[12:], last[:])
	return s
}

// rounds returns the state after twenty rounds.
func (s chacha) rounds() chacha {
	for range 10 {
		s.quarter(0, 4, 8, 12)
		s.quarter(1, 5, 9, 13)
		s.quarter(2, 6, 10, 14)
		s.quarter(3, 7, 11, 15)
		s.quarter(0, 5, 10, 15)
		s.quarter(1, 6, 11, 12)
		s.quarter(2, 7, 8, 13)
		s.quarter(3, 4, 9, 14)
	}
	return s
}

func (s *chacha) quarter(a, b, c, d int) {
	s[a] += s[b]
	s[d] = bits.RotateLeft32(s[d]^s[a], 16)
	s[c] += s[d]
	s[b] = bits.RotateLeft32(s[b]^s[c], 12)
	s[a] += s[b]
	s[d] = bits.RotateLeft32(s[d]^s[a], 8)
	s[c] += s[d]
	s[b] = bits.RotateLeft32(s[b]^s[c], 7)
}

// block returns the key stream of the present block, and goes on to the next.
func (s *chacha) block() (stream [64]byte) {
	mixed := s.rounds()
	for i, word := range mixed {
		binary.LittleEndian.PutUint32(stream[4*i:], word+s[i])
	}
	s[12]++
	return stream
}

// xor returns the data combined with the key stream, from the present block on.
func (s *chacha) xor(data []byte) []byte {
	out := make([]byte, 0, len(data))
	for len(data) > 0 {
		stream := s.block()
		n := min(len(data), len(stream))
		for i := range n {
			out = append(out, data[i]^stream[i])
		}
		data = data[n:]
	}
	return out
}

// subkey is HChaCha20: the key that belongs to the first 16 bytes of a long nonce.
func subkey(key *[KeySize]byte, nonce []byte) (sub [KeySize]byte) {
	var last [4]uint32
	for i := range last {
		last[i] = binary.LittleEndian.Uint32(nonce[4*i:])
	}
	mixed := newChacha(key, last).rounds()
	for i := range 4 {
		binary.LittleEndian.PutUint32(sub[4*i:], mixed[i])
		binary.LittleEndian.PutUint32(sub[16+4*i:], mixed[12+i])
	}
	return sub
}
