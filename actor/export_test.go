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

// Sampled returns which of the first turns of a runner are sampled, one in n.
func Sampled(n, turns int) []bool {
	list := newInstruments([]*instrument{{every: n}})
	var s sampling
	which := make([]bool, turns)
	for i := int(s.begin(list)); i < turns; i += int(s.next(list)) {
		which[i] = true
	}
	return which
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
