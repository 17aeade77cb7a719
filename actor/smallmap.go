package actor

import (
	"iter"
	"slices"
)

// smallMap is a map that keeps its first entry in place and the next few in a
// list: most actors have one or two links, monitors, timers or pending calls, and
// a Go map for each would cost more than the rest of the actor. The zero K is no
// valid key.
type smallMap[K comparable, V any] struct {
	key  K
	val  V
	rare *rareEntries[K, V] // nil: nothing but the first entry
}

// rareEntries holds what a smallMap cannot keep in place: a list, or a map once the
// list has become too long to be searched.
type rareEntries[K comparable, V any] struct {
	list  []entry[K, V]
	index map[K]V
}

type entry[K comparable, V any] struct {
	key K
	val V
}

const longList = 8

func (m *smallMap[K, V]) get(k K) (v V, ok bool) {
	if m.key == k {
		return m.val, true
	}
	if m.rare == nil {
		return v, false
	}
	if m.rare.index != nil {
		v, ok = m.rare.index[k]
		return v, ok
	}
	if i := m.rare.find(k); i >= 0 {
		return m.rare.list[i].val, true
	}
	return v, false
}

func (o *rareEntries[K, V]) find(k K) int {
	return slices.IndexFunc(o.list, func(e entry[K, V]) bool { return e.key == k })
}

func (m *smallMap[K, V]) set(k K, v V) {
	var none K
	if m.key == k {
		m.val = v
		return
	}
	if m.key == none {
		m.deleteRare(k)
		m.key, m.val = k, v
		return
	}
	if m.rare == nil {
		m.rare = new(rareEntries[K, V])
	}
	o := m.rare
	if o.index != nil {
		o.index[k] = v
		return
	}
	if i := o.find(k); i >= 0 {
		o.list[i].val = v
		return
	}
	if len(o.list) < longList {
		o.list = append(o.list, entry[K, V]{k, v})
		return
	}
	o.index = map[K]V{k: v}
	for _, e := range o.list {
		o.index[e.key] = e.val
	}
	o.list = nil
}

func (m *smallMap[K, V]) delete(k K) {
	if m.key == k {
		var none K
		var zero V
		m.key, m.val = none, zero
		return
	}
	m.deleteRare(k)
}

func (m *smallMap[K, V]) deleteRare(k K) {
	o := m.rare
	if o == nil {
		return
	}
	if o.index != nil {
		delete(o.index, k)
		if len(o.index) == 0 {
			m.rare = nil // a map never shrinks
		}
		return
	}
	if i := o.find(k); i >= 0 {
		o.list = slices.Delete(o.list, i, i+1)
	}
}

func (m *smallMap[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		var none K
		if m.key != none && !yield(m.key, m.val) || m.rare == nil {
			return
		}
		for _, e := range m.rare.list {
			if !yield(e.key, e.val) {
				return
			}
		}
		for k, v := range m.rare.index {
			if !yield(k, v) {
				return
			}
		}
	}
}
