package roll

import (
	"iter"
	"math"
	"slices"
)

// Page returns those that come from the place on in the order of compare, at most limit of
// them, and how many there are in all. It needs memory for no more than it passes over and
// returns, however many there are.
func Page[T any](all iter.Seq[T], from, limit int, compare func(a, b T) int) (page []T, total int) {
	from, limit = min(max(from, 0), math.MaxInt32), min(max(limit, 0), math.MaxInt32)
	wanted := from + limit
	kept := make([]T, 0, min(wanted, 512))
	for x := range all {
		total++
		if limit == 0 {
			continue
		}
		if kept = append(kept, x); len(kept) >= 2*wanted+512 {
			slices.SortFunc(kept, compare)
			clear(kept[wanted:])
			kept = kept[:wanted]
		}
	}
	slices.SortFunc(kept, compare)
	kept = kept[min(from, len(kept)):]
	return slices.Clone(kept[:min(limit, len(kept))]), total
}
