package entity

import "github.com/troupe-go/troupe/actor"

// An Init that waits, in a Find, for an entity whose own Init waits for this one would wait
// for ever. So the set knows whose Init runs, and which life each of them waits for, and
// refuses the wait that would close a circle.

// initBegins notes that the entity of l is in its Init as pid.
func (s *Set[K, M]) initBegins(pid actor.PID, l *life[K, M]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inits[pid] = l
}

func (s *Set[K, M]) initEnds(pid actor.PID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.inits, pid)
}

// waitsFor notes that the actor waits for l. If it is an entity in its Init, it returns its
// life, for [Set.waitsNoMore]. It refuses a circle.
func (s *Set[K, M]) waitsFor(pid actor.PID, l *life[K, M]) (waiter *life[K, M], err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if waiter = s.inits[pid]; waiter == nil {
		return nil, nil
	}
	for x := l; x != nil; x = x.awaits {
		if x == waiter {
			return nil, actor.ErrSelf
		}
	}
	waiter.awaits = l
	return waiter, nil
}

func (s *Set[K, M]) waitsNoMore(waiter *life[K, M]) {
	if waiter == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	waiter.awaits = nil
}
