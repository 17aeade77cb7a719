package crdt

import (
	"cmp"
	"slices"
)

// Span is the numbers from From to To, both included.
type Span struct{ From, To uint64 }

// Spans is a set of numbers: spans in order, with gaps between them. It is never
// changed in place.
type Spans []Span

// UpTo returns the numbers from 1 to n.
func UpTo(n uint64) Spans {
	if n == 0 {
		return nil
	}
	return Spans{{1, n}}
}

// Has reports whether n is in the set.
func (s Spans) Has(n uint64) bool {
	i, found := slices.BinarySearchFunc(s, n, func(x Span, n uint64) int { return cmp.Compare(x.To, n) })
	return found || i < len(s) && s[i].From <= n
}

// Covers reports whether all numbers from 1 to n are in the set.
func (s Spans) Covers(n uint64) bool {
	return n == 0 || len(s) > 0 && s[0].From == 1 && s[0].To >= n
}

// Union returns the numbers that are in one of the sets.
func (s Spans) Union(o Spans) Spans {
	all := slices.Concat(s, o)
	slices.SortFunc(all, func(a, b Span) int { return cmp.Compare(a.From, b.From) })
	union := all[:0]
	for _, x := range all {
		if last := len(union) - 1; last >= 0 && x.From <= union[last].To+1 {
			union[last].To = max(union[last].To, x.To)
		} else {
			union = append(union, x)
		}
	}
	return slices.Clip(union)
}

// Minus returns the numbers of s that are not in o.
func (s Spans) Minus(o Spans) (rest Spans) {
	for _, x := range s {
		for _, y := range o {
			if y.To < x.From {
				continue
			}
			if y.From > x.To {
				break
			}
			if x.From < y.From {
				rest = append(rest, Span{x.From, y.From - 1})
			}
			x.From = y.To + 1
		}
		if x.From <= x.To {
			rest = append(rest, x)
		}
	}
	return rest
}

// Within returns the numbers of s from from to to.
func (s Spans) Within(from, to uint64) (part Spans) {
	for _, x := range s {
		if x = (Span{max(x.From, from), min(x.To, to)}); x.From <= x.To {
			part = append(part, x)
		}
	}
	return part
}
