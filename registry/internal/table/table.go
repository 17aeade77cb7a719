// Package table has a map that gives memory back.
package table

// Map is a Go map that shrinks as it empties: a Go map keeps the room that it
// once needed, for which a million connections that have left would be paid for
// ever. The zero Map is empty. It has no lock.
type Map[K comparable, V any] struct {
	m    map[K]V
	peak int // the largest length since the map was made
}

// A map is made anew when it is down to one part in shrinkAt of its peak. What
// that costs has been paid for by the deletes that led there.
const (
	shrinkAt = 8
	minPeak  = 16 // less is not worth it, the less so where keys come and go all the time
)

// Get returns the value for k, or V's zero value.
func (t *Map[K, V]) Get(k K) V { return t.m[k] }

// Len returns the number of keys.
func (t *Map[K, V]) Len() int { return len(t.m) }

// Set puts v under k.
func (t *Map[K, V]) Set(k K, v V) {
	if t.m == nil {
		t.m = make(map[K]V)
	}
	t.m[k] = v
	t.peak = max(t.peak, len(t.m))
}

// Delete takes k off the map.
func (t *Map[K, V]) Delete(k K) {
	delete(t.m, k)
	if n := len(t.m); t.peak >= minPeak && n <= t.peak/shrinkAt {
		m := make(map[K]V, n)
		for k, v := range t.m {
			m[k] = v
		}
		t.m, t.peak = m, n
	}
}

// All calls yield for each key and value until it returns false.
func (t *Map[K, V]) All(yield func(K, V) bool) {
	for k, v := range t.m {
		if !yield(k, v) {
			return
		}
	}
}
