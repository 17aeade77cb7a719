package actor

import "time"

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

// Sampler is what looks at all actors for a Meter.
type Sampler = sampler

// Sample has s, or a new one if it is nil, look once, and returns it for the next time.
func (s *Sampler) Sample(sys *System) *Sampler {
	if s == nil {
		s = &sampler{sys: sys, began: time.Now(), stop: make(chan struct{})}
	}
	s.sample()
	return s
}
