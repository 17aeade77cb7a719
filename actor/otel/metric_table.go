package otel

import (
	"maps"
	"reflect"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// table has the series of one metric: one for each set of labels, and never more than
// limit. Programs make up behaviors, and clients what they like; memory, here and in all that
// collects, must not grow with that. The series beyond are one for each set of those labels
// that are not open, and there is always room for these.
type table struct {
	of    *definition
	limit int

	all  atomic.Pointer[map[key]*series] // the map never changes; adding makes another
	full atomic.Bool                     // there is room only for series beyond
	mu   sync.Mutex                      // of those that add
}

// key is a set of labels: the type of a behavior if that is one of them, and the values of
// the others in their order.
type key struct {
	behavior reflect.Type
	values   [maxValues]string
}

// maxValues is how many labels a metric has at most, without the behavior.
const maxValues = 3

// series is what is counted for one set of labels.
type series struct {
	n      atomic.Int64
	labels metric.MeasurementOption
	record []metric.RecordOption // the same, for histograms
	set    attribute.Set
}

// minLimit leaves room for what is beyond: no metric has more sets of labels that are not
// open.
const minLimit = 32

func newTable(of *definition, limit int) *table {
	t := &table{of: of, limit: limit}
	t.all.Store(&map[key]*series{})
	return t
}

// get returns the series of k.
func (t *table) get(k key) *series {
	all := *t.all.Load()
	if s := all[k]; s != nil {
		return s
	}
	if t.full.Load() {
		k = t.beyond(k)
		if s := all[k]; s != nil {
			return s
		}
	}
	return t.add(k)
}

// add makes the series of k, or of what stands for k.
func (t *table) add(k key) *series {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := *t.all.Load()
	if len(all) >= t.limit-t.reserve() {
		t.full.Store(true)
		k = t.beyond(k)
	}
	if s := all[k]; s != nil {
		return s
	}
	set := t.set(k)
	s := t.same(set)
	if s == nil {
		labels := metric.WithAttributeSet(set)
		s = &series{labels: labels, record: []metric.RecordOption{labels}, set: set}
	}
	all = maps.Clone(all)
	all[k] = s
	t.all.Store(&all)
	return s
}

// same returns a series with these labels: types of two packages may have one name.
func (t *table) same(set attribute.Set) *series {
	for _, s := range *t.all.Load() {
		if s.set.Equals(&set) {
			return s
		}
	}
	return nil
}

// reserve is how many series there can be beyond.
func (t *table) reserve() int {
	n, open := 1, false
	for _, l := range t.of.labels {
		if l.isOpen() {
			open = true
		} else {
			n *= l.most
		}
	}
	if !open {
		return 0
	}
	return n
}

// beyond returns the labels for what has no room.
func (t *table) beyond(k key) key {
	n := 0
	for _, l := range t.of.labels {
		if l == byBehavior {
			k.behavior = reflect.TypeFor[beyond]()
			continue
		}
		if l.isOpen() {
			k.values[n] = other
		}
		n++
	}
	return k
}

// beyond stands for the types of behaviors that are not told apart.
type beyond struct{}

// set returns the attributes of k.
func (t *table) set(k key) attribute.Set {
	list := make([]attribute.KeyValue, 0, len(t.of.labels))
	n := 0
	for _, l := range t.of.labels {
		value := ""
		if l == byBehavior {
			value = behaviorName(k.behavior)
		} else {
			value = cut(k.values[n], maxName)
			n++
		}
		list = append(list, l.key.String(value))
	}
	return attribute.NewSet(list...)
}

// each calls f with every series, once.
func (t *table) each(f func(*series)) {
	seen := make(map[*series]bool)
	for _, s := range *t.all.Load() {
		if !seen[s] {
			seen[s] = true
			f(s)
		}
	}
}
