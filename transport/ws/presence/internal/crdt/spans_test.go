package crdt

import (
	"math/rand/v2"
	"testing"
)

// randomSpans returns a set of numbers up to 20, and the same as a plain set.
func randomSpans(r *rand.Rand) (s Spans, plain [22]bool) {
	for range r.IntN(5) {
		from := 1 + r.Uint64N(20)
		to := min(from+r.Uint64N(6), 20)
		s = s.Union(Spans{{from, to}})
		for n := from; n <= to; n++ {
			plain[n] = true
		}
	}
	return s, plain
}

func TestSpansAreSetsOfNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		a, inA := randomSpans(r)
		b, inB := randomSpans(r)
		from, to := 1+r.Uint64N(20), 1+r.Uint64N(20)
		covers := true
		for n := range uint64(len(inA)) {
			for _, x := range []struct {
				name string
				got  Spans
				want bool
			}{
				{"a", a, inA[n]},
				{"a ∪ b", a.Union(b), inA[n] || inB[n]},
				{"a − b", a.Minus(b), inA[n] && !inB[n]},
				{"a within", a.Within(from, to), inA[n] && from <= n && n <= to},
			} {
				if x.got.Has(n) != x.want {
					t.Fatalf("a=%v b=%v from %d to %d: %s = %v has %d: %v", a, b, from, to, x.name, x.got, n, !x.want)
				}
				for i := range x.got {
					if i > 0 && x.got[i].From <= x.got[i-1].To+1 {
						t.Fatalf("%s = %v has spans that touch", x.name, x.got)
					}
				}
			}
			covers = covers && (n == 0 || inA[n])
			if a.Covers(n) != covers {
				t.Fatalf("%v covers %d: %v", a, n, !covers)
			}
		}
	}
}
