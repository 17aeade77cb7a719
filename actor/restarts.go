package actor

// SetRestarts notes how often the actor's supervisor has restarted it, for [Info]. It is for
// packages that supervise: call it for each incarnation but the first.
func (p PID) SetRestarts(n int) {
	if p.p == nil {
		return
	}
	p.p.noteRare(func(x *rareRelations) { x.restarts = n })
}

// Restarts returns how often the actor's supervisor has restarted it: this is the
// incarnation after so many.
func (p PID) Restarts() (n int) {
	if p.p == nil {
		return 0
	}
	forget(p.p, func(r *relations) {
		if r.rare != nil {
			n = r.rare.restarts
		}
	})
	return n
}
