package book

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/troupe-go/troupe/actor"
)

// The book against a list of lines, by random changes.
func TestBookDoesWhatAListOfLinesDoes(t *testing.T) {
	type line struct {
		key string
		Row
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	pids := []actor.PID{spawn(t), spawn(t), spawn(t)}
	keys := []string{"a", "b", "c", "d"}
	var b Book[string]
	var model []line
	for i := range 5000 {
		key, pid := keys[rng.IntN(len(keys))], pids[rng.IntN(len(pids))]
		mine := func(l line) bool { return l.key == key && l.PID == pid }
		at := slices.IndexFunc(model, mine)
		switch rng.IntN(10) {
		case 0:
			if b.Remove(key, pid, false) != (at >= 0) {
				t.Fatalf("step %d: remove", i)
			}
			model = slices.DeleteFunc(model, mine)
		case 1, 2, 3:
			if b.Remove(key, pid, true) != (at >= 0) {
				t.Fatalf("step %d: remove one", i)
			}
			if at >= 0 {
				model = slices.Delete(model, at, at+1)
			}
		case 4:
			old, ok := b.Set(key, pid, i)
			if ok != (at >= 0) || ok && old != model[at].Value {
				t.Fatalf("step %d: set: %v, %v", i, old, ok)
			}
			if ok {
				model[at].Value = i
			}
		case 5:
			taken := slices.IndexFunc(model, func(l line) bool { return l.key == key })
			holder, ok := b.AddUnique(key, pid, i)
			if ok != (taken < 0) || !ok && holder != model[taken].PID {
				t.Fatalf("step %d: add unique: %v, %v", i, holder, ok)
			}
			if ok {
				model = append(model, line{key, Row{pid, i}})
			}
		default:
			if !b.Add(key, pid, i) {
				t.Fatalf("step %d: add", i)
			}
			model = append(model, line{key, Row{pid, i}})
		}
		for _, key := range keys {
			var got, want []Row
			b.Each(key, func(row Row) { got = append(got, row) })
			for _, l := range model {
				if l.key == key {
					want = append(want, l.Row)
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("step %d: under %s are %v, want %v", i, key, got, want)
			}
		}
		for _, pid := range pids {
			var got, want []string
			b.EachOf(pid, func(key string) { got = append(got, key) })
			for _, l := range model {
				if l.PID == pid {
					want = append(want, l.key)
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("step %d: keys of %v are %v, want %v", i, pid, got, want)
			}
		}
		if b.Len() != len(model) {
			t.Fatalf("step %d: %d entries, want %d", i, b.Len(), len(model))
		}
	}
}
