package actor

const KillGrace = killGrace

// Asked returns how many requests the actor has to answer, besides the call that it keeps,
// and how many of its own it waits for, with AskTo.
func Asked(p PID) (callers, asking int) {
	forget(p.p, func(r *relations) {
		for range r.calls.others.all() {
			callers++
		}
		if r.rare != nil {
			for range r.rare.asking.all() {
				asking++
			}
		}
	})
	return callers, asking
}
