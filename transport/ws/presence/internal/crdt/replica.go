package crdt

// replica is what a State knows of one replica.
type replica struct {
	id      ID
	seen    Spans // events
	entries series
	down    bool // its entries are not shown
}

// gone returns the entries that a delta says are gone.
func (r *replica) gone(d Delta) (gone []*Entry) {
	stays := d.Entries
	for _, e := range r.entries.in(d.Seen) { // both in the order of dots
		for len(stays) > 0 && stays[0].Dot < e.Dot {
			stays = stays[1:]
		}
		if len(stays) == 0 || stays[0].Dot != e.Dot {
			gone = append(gone, r.entries.remove(e.Dot))
		}
	}
	for _, x := range d.Removed {
		if e := r.entries.remove(x.Dot); e != nil {
			gone = append(gone, e)
		}
	}
	return gone
}

// learn notes what a delta has told.
func (r *replica) learn(d Delta) {
	seen := d.Seen
	for _, x := range d.Removed {
		if !r.seen.Has(x.Dot) && !seen.Has(x.Dot) { // rare: its addition was lost
			seen = seen.Union(Spans{{x.Dot, x.Dot}})
		}
	}
	r.seen = r.seen.Union(seen)
}
