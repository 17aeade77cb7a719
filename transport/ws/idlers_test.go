package ws

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// What goes is, of the idle logs that are empty by now, the one that has been so for longest, and if
// these are few, of all: whatever came and went before.
func TestIdlersAgreeWithAModel(t *testing.T) {
	for seed := range uint64(50) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 14))
			var i idlers
			var order, busy []*recorder // order: the idle ones, the one longest so first
			begun := func() *recorder { return &recorder{read: r.IntN(4) > 0} }
			isEmpty := func(r *recorder) bool { return !r.read || !r.used.Load() }
			for range 30 {
				busy = append(busy, begun())
			}
			for range 2000 {
				switch n := r.IntN(10); {
				case n < 4 && len(busy) > 0: // it loses its last user
					k := r.IntN(len(busy))
					i.add(busy[k])
					order = append(order, busy[k])
					busy = slices.Delete(busy, k, k+1)
				case n < 6 && len(order) > 0: // it has a user again, or its time is over
					k := r.IntN(len(order))
					i.remove(order[k])
					busy = append(busy, order[k])
					order = slices.Delete(order, k, k+1)
				case n < 7 && len(order) > 0: // something is broadcast while it is idle
					filled := order[r.IntN(len(order))]
					filled.used.Store(true)
					if filled.read {
						i.fill(filled)
					}
				case n < 8 && len(order) > 0:
					want, empty, most := 0, 0, r.IntN(60)
					for _, r := range order {
						if isEmpty(r) {
							empty++
						}
					}
					if empty > most/8 {
						want = slices.IndexFunc(order, isEmpty)
					}
					if i.dispensable(most) != order[want] {
						t.Fatal("another one would go")
					}
					i.remove(order[want])
					order, busy = slices.Delete(order, want, want+1), append(busy, begun())
				}
				if len(order) == 0 {
					if i.longest() != nil || i.dispensable(0) != nil {
						t.Fatal("there is one that is idle")
					}
				} else if i.longest() != order[0] {
					t.Fatal("another one has been idle for longest")
				}
				empty := 0
				for _, r := range order {
					if isEmpty(r) {
						empty++
					}
				}
				if i.all.Len() != len(order) || i.empty.Len() != empty {
					t.Fatalf("%d are idle, %d of them empty, want %d and %d", i.all.Len(), i.empty.Len(), len(order), empty)
				}
				for _, r := range busy {
					if r.idle != nil || r.empty != nil {
						t.Fatal("one that is not idle is on a list")
					}
				}
			}
		})
	}
}
