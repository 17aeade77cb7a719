package ws

// ring is the entries of a log, by offset. The place of one that is dropped is taken by a new
// one, so that a log which is full takes no memory for a message but that of the message.
type ring struct {
	slots []entry
	head  int // the slot of the first entry
	n     int // of the entries
}

// at returns an entry, of n, until the ring changes.
func (r *ring) at(i int) *entry {
	if i += r.head; i >= len(r.slots) {
		i -= len(r.slots)
	}
	return &r.slots[i]
}

// push adds an entry at the end, and returns it.
func (r *ring) push() *entry {
	if r.n == len(r.slots) {
		r.move(r.n, func(*entry) bool { return true })
	}
	r.n++
	return r.at(r.n - 1)
}

// pop drops the first entry.
func (r *ring) pop() {
	*r.at(0) = entry{}
	if r.head++; r.head == len(r.slots) {
		r.head = 0
	}
	r.n--
}

// move moves the entries for which keep is true, of which there are n, to slots of their own.
func (r *ring) move(n int, keep func(*entry) bool) {
	moved := ring{slots: make([]entry, n+n/4+4)}
	for i := range r.n {
		if e := r.at(i); keep(e) {
			moved.slots[moved.n] = *e
			moved.n++
		}
	}
	*r = moved
}
