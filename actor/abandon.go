package actor

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Abandon gives up on an actor that has been killed, or hit by another lethal
// signal, and whose handler does not return, since Go cannot interrupt it: the
// end is announced, with reason [Killed], while the handler still runs. The actor is
// counted in [System.Abandoned] and, until its handler returns, listed in
// [System.Stuck]. What the handler does from then on is outside all guarantees; its
// Context refuses to spawn and to link.
//
// The stuck goroutine's stack is logged. Getting it stops the whole program for a
// moment, so that is done for one actor in a second, and not at all in a program with
// more than 5,000 goroutines; the others are abandoned without.
//
// It reports whether the actor was abandoned: not if it is alive or has ended.
func (p PID) Abandon() bool {
	if p.p == nil || p.p.doomed() == nil || p.p.isTold() {
		return false
	}
	return p.p.abandon(p.p.sys.dumps.take(p.p)[p.p])
}

// abandon makes p's end known in place of its runner. That may be in the middle of it.
func (p *process) abandon(stack string) bool {
	if p.flags.Or(abandoned)&abandoned != 0 {
		return false
	}
	behavior := p.shownIfObserved()
	if p.flags.Or(ended)&ended == 0 {
		p.doom.Store(killed())
	}
	p.doom.Load().claimRecord() // before anybody hears of the end
	p.sys.stuck.add(p)
	p.sys.abandoned.Add(1)
	r := p.close()
	p.abandonOwned(r, p.doom.Load().reason)
	p.tell(r, behavior)
	if p.has(starting) {
		p.sys.tellStartup(p, func(s *startup) {
			s.tell(childDoomed) // if the kill has not come to it: Init still has s, so it is not to be recycled
			s.done(p.doom.Load())
		})
	}
	attrs := append(identify("pid", PID{p}), slog.String("stack", stack))
	p.sys.log.LogAttrs(context.Background(), slog.LevelError,
		"actor abandoned: it was killed, and its handler does not return", attrs...)
	return true
}

// Stuck returns the actors below p, its children and theirs, that have been abandoned
// and whose handlers have not returned to this day; see [System.Stuck]. A supervisor's
// are those that it could not stop.
func (p PID) Stuck() []PID {
	if p.p == nil {
		return nil
	}
	return slices.DeleteFunc(p.p.sys.Stuck(), func(q PID) bool { return !p.p.isAbove(q.p) })
}

func (p *process) isAbove(q *process) bool {
	for q = q.parent; q != nil; q = q.parent {
		if p == q {
			return true
		}
	}
	return false
}

// stuck is the set of actors that have been abandoned and whose handlers have not
// returned. Abandon marks an actor before it adds it, and a runner that returns looks
// for that mark after it has left its own: so one of them sees the other.
type stuck struct {
	mu   sync.Mutex
	set  map[*process]struct{}
	none chan struct{} // closed when the set becomes empty; nil unless somebody waits
}

func (s *stuck) add(p *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.has(returned) {
		return
	}
	if s.set == nil {
		s.set = make(map[*process]struct{})
	}
	s.set[p] = struct{}{}
}

func (s *stuck) remove(p *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.set, p)
	if len(s.set) == 0 && s.none != nil {
		close(s.none)
		s.none = nil
	}
}

// wait gives those that are stuck some time to return after all.
func (s *stuck) wait(d time.Duration) {
	s.mu.Lock()
	if len(s.set) == 0 {
		s.mu.Unlock()
		return
	}
	if s.none == nil {
		s.none = make(chan struct{})
	}
	none := s.none
	s.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-none:
	case <-timer.C:
	}
}
