package pool

// fifo is a queue in a ring, which grows and shrinks with what is in it. The zero fifo is
// empty.
type fifo[T any] struct {
	ring []T // its length is a power of two, or 0
	head int // of the first
	n    int // how many there are
}

const smallestRing = 16

func (q *fifo[T]) at(i int) *T { return &q.ring[(q.head+i)&(len(q.ring)-1)] }

func (q *fifo[T]) push(v T) {
	if q.n == len(q.ring) {
		q.resize(max(2*q.n, smallestRing))
	}
	q.n++
	*q.at(q.n - 1) = v
}

// pop removes the first, of which there must be one.
func (q *fifo[T]) pop() T {
	var zero T
	first := q.at(0)
	v := *first
	*first = zero
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.n--
	if q.n < len(q.ring)/8 && len(q.ring) > smallestRing {
		q.resize(len(q.ring) / 4)
	}
	return v
}

// keep removes all for which f reports false, and says how many those are.
func (q *fifo[T]) keep(f func(T) bool) (removed int) {
	var zero T
	kept := 0
	for i := range q.n {
		v := *q.at(i)
		*q.at(i) = zero
		if f(v) {
			*q.at(kept) = v
			kept++
		}
	}
	removed, q.n = q.n-kept, kept
	return removed
}

func (q *fifo[T]) resize(size int) {
	ring := make([]T, size)
	for i := range q.n {
		ring[i] = *q.at(i)
	}
	q.ring, q.head = ring, 0
}
