package otel

import (
	"fmt"
	"reflect"
	"sync"
	"testing"
)

// A metric has never more series than its limit, however many sets of labels it is asked for,
// and by however many goroutines. What has no room is counted under "other", and the labels
// whose values are known beforehand stay as they are.
func TestSeriesAreBounded(t *testing.T) {
	const limit, goroutines, sets = 50, 4, 1000
	for _, d := range catalog {
		t.Run(d.name, func(t *testing.T) {
			table := newTable(d, limit)
			var group sync.WaitGroup
			for range goroutines {
				group.Go(func() {
					for i := range sets {
						table.get(made(d, i)).n.Add(1)
					}
				})
			}
			group.Wait()
			n, sum, rest := 0, int64(0), int64(0)
			table.each(func(s *series) {
				n++
				sum += s.n.Load()
				if hasOther(d, s) {
					rest += s.n.Load()
				}
			})
			if n > limit {
				t.Errorf("%d series, want at most %d", n, limit)
			}
			if sum != goroutines*sets {
				t.Errorf("counted %d, want %d", sum, goroutines*sets)
			}
			if table.reserve() > 0 && rest < sum/2 {
				t.Errorf("%d of %d are other, want most", rest, sum)
			}
		})
	}
}

// made returns the labels number i of a metric: those that are open are ever new.
func made(d *definition, i int) key {
	var k key
	n := 0
	for _, l := range d.labels {
		switch {
		case l == byBehavior:
			k.behavior = reflect.ArrayOf(i, reflect.TypeFor[int]())
			continue
		case l.isOpen():
			k.values[n] = fmt.Sprint("made up ", i)
		default:
			k.values[n] = fmt.Sprint("known ", i%l.most)
		}
		n++
	}
	return k
}

// hasOther reports whether the open labels of a series are "other", and no others are.
func hasOther(d *definition, s *series) bool {
	for _, l := range d.labels {
		if v, _ := s.set.Value(l.key); (v.AsString() == other) != l.isOpen() {
			return false
		}
	}
	return len(d.labels) > 0
}

// No metric needs more room for what is beyond than there always is.
func TestMetricsFitTheLeastLimit(t *testing.T) {
	names := make(map[string]bool)
	for _, d := range catalog {
		if r := newTable(d, minLimit).reserve(); r >= minLimit {
			t.Errorf("%s may have %d series beyond any limit, which is %d at least", d.name, r, minLimit)
		}
		if names[d.name] {
			t.Errorf("%s is there twice", d.name)
		}
		names[d.name] = true
	}
}

// What two packages call the same is one series.
func TestTypesOfOneNameAreOneSeries(t *testing.T) {
	a := func() reflect.Type { type same struct{ _ int }; return reflect.TypeFor[same]() }()
	b := func() reflect.Type { type same struct{ _ string }; return reflect.TypeFor[same]() }()
	table := newTable(actorSpawned, minLimit)
	table.get(key{behavior: a}).n.Add(1)
	table.get(key{behavior: b}).n.Add(1)
	n := 0
	table.each(func(s *series) {
		if n++; s.n.Load() != 2 {
			t.Errorf("%v has %d, want 2", s.set, s.n.Load())
		}
	})
	if n != 1 {
		t.Errorf("%d series, want 1", n)
	}
}
