package actor

import "iter"

// smallMap is a map that keeps its first entry in place: most actors have one
// link, one monitor, one timer or one pending call, and a Go map for each would
// cost more than the rest of the actor. The zero K is no valid key.
type smallMap[K comparable, V any] struct {
	key  K
	val  V
	more map[K]V
}

func (m *smallMap[K, V]) get(k K) (v V, ok bool) {
	if m.key == k {
		return m.val, true
	}
	v, ok = m.more[k]
	return v, ok
}

func (m *smallMap[K, V]) set(k K, v V) {
	var none K
	if m.key == k || m.key == none {
		if _, there := m.more[k]; !there {
			m.key, m.val = k, v
			return
		}
	}
	if m.more == nil {
		m.more = make(map[K]V)
	}
	m.more[k] = v
}

func (m *smallMap[K, V]) delete(k K) {
	if m.key == k {
		var none K
		var zero V
		m.key, m.val = none, zero
		return
	}
	delete(m.more, k)
	if len(m.more) == 0 {
		m.more = nil // a map never shrinks
	}
}

func (m *smallMap[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		var none K
		if m.key != none && !yield(m.key, m.val) {
			return
		}
		for k, v := range m.more {
			if !yield(k, v) {
				return
			}
		}
	}
}
