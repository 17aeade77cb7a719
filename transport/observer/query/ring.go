package query

// ring is a queue that drops its oldest things to stay within a number of bytes.
type ring[T any] struct {
	limit, bytes int
	size         func(T) int
	things       []T // from first on, around the end
	first, n     int
	dropped      int // before the oldest thing
}

// add appends a thing, and calls dropped with those that have to go for it.
func (r *ring[T]) add(v T, dropped func(T)) {
	r.bytes += r.size(v)
	if r.n == len(r.things) {
		r.grow()
	}
	r.things[(r.first+r.n)%len(r.things)] = v
	r.n++
	for r.bytes > r.limit && r.n > 1 {
		dropped(r.drop())
	}
}

// drop takes the oldest thing off.
func (r *ring[T]) drop() T {
	v := r.things[r.first]
	var zero T
	r.things[r.first] = zero
	r.first = (r.first + 1) % len(r.things)
	r.n--
	r.dropped++
	r.bytes -= r.size(v)
	return v
}

func (r *ring[T]) grow() {
	more := make([]T, max(16, 2*len(r.things)))
	for i := range r.n {
		more[i] = *r.at(i)
	}
	r.things, r.first = more, 0
}

// at returns the i-th oldest thing.
func (r *ring[T]) at(i int) *T { return &r.things[(r.first+i)%len(r.things)] }
