package actor

import (
	"math"
	"math/rand/v2"
)

// sampling is where a runner is between two handlings that are sampled. From one to the next
// there are g turns, and g is any number from 1 to 2n-1 with the same chance, so n on average.
// A runner that begins is anywhere between two: it draws what is left of such a gap for
// somebody that comes at a random time. So the chance of each handling is one in n, be it the
// only one of its runner or the last of a burst, and actors need no memory of runners before.
type sampling struct {
	// yield and left are how many turns there are to a yield, and to the next handling that is
	// sampled.
	yield, left int32
	seed        uint64
}

const (
	never  = math.MaxInt32
	rarest = 1 << 30 // the greatest n
)

// begin is the first draw of a runner.
func (s *sampling) begin(list *instruments) int32 {
	if list == nil || list.oneIn == 0 {
		return never
	}
	s.seed = rand.Uint64()
	// What is left is j with a chance of 2n-1-j in n(2n-1), for j from 0 to 2n-2. The j of k and
	// of 2n-1-k have 2n-1 such chances together: k is drawn, and then which of the two.
	n := uint64(list.oneIn)
	k := s.seed >> 32 * n >> 32
	if longest := 2*n - 1; s.seed&math.MaxUint32*longest>>32 >= longest-k {
		return int32(longest - k)
	}
	return int32(k)
}

// next draws how many turns there are from a sampled handling to the next.
func (s *sampling) next(list *instruments) int32 {
	if list == nil || list.oneIn == 0 {
		return never
	}
	s.seed = s.seed*6364136223846793005 + 1442695040888963407 // of Knuth's MMIX; high bits are random
	return int32(s.seed>>32*(2*uint64(list.oneIn)-1)>>32) + 1
}
