package frame

import (
	"encoding/binary"
	"math/bits"
)

// unmask writes src to dst, which is as long, without its mask. It returns the key
// as it is for the byte that comes next.
func unmask(dst, src []byte, key uint32) uint32 {
	dst = dst[:len(src)]
	key64 := uint64(key)<<32 | uint64(key)
	for len(src) >= 8 {
		binary.LittleEndian.PutUint64(dst, binary.LittleEndian.Uint64(src)^key64)
		dst, src = dst[8:], src[8:]
	}
	for i := range src {
		dst[i] = src[i] ^ byte(key)
		key = bits.RotateLeft32(key, -8)
	}
	return key
}
