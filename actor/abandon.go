package actor

import (
	"bytes"
	"fmt"
	"regexp"
	"runtime"
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
	if p.flags.Or(ended)&ended == 0 {
		p.doom.Store(doomKilled)
	}
	p.sys.stuck.add(p)
	p.sys.abandoned.Add(1)
	r := p.close()
	p.abandonOwned(r, p.doom.Load().reason)
	p.tell(r)
	if p.has(starting) {
		p.sys.tellStartup(p, func(s *startup) {
			s.tell(childDoomed) // if the kill has not come to it: Init still has s, so it is not to be recycled
			s.done(doomKilled)
		})
	}
	pid := PID{p}
	p.sys.log.Error("actor abandoned: it was killed, and its handler does not return",
		"pid", pid, "name", pid.Name(), "stack", stack)
	return true
}

// isTold reports whether everybody has been told that p has ended.
func (p *process) isTold() bool {
	r := p.rel.Load()
	if r == nil || r == gone {
		return r == gone
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.told
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

// dumper gets the stacks of stuck goroutines, which stops the world for some 5 µs for
// each goroutine that there is.
type dumper struct {
	mu   sync.Mutex
	last time.Time
}

const (
	dumpEvery     = time.Second
	maxGoroutines = 5000 // that may be there
)

// take returns the stacks of the goroutines that run the given actors. Those that
// cannot be told apart are left out, and all are if it is too soon or would take too
// long.
func (d *dumper) take(of ...*process) map[*process]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.last.IsZero() && time.Since(d.last) < dumpEvery || runtime.NumGoroutine() > maxGoroutines {
		return nil
	}
	stacks := runnerStacks(of...)
	d.last = time.Now()
	return stacks
}

func runnerStacks(of ...*process) map[*process]string {
	buf := make([]byte, max(1<<20, runtime.NumGoroutine()<<11))
	n := runtime.Stack(buf, true)
	for n == len(buf) && n < 1<<26 {
		buf = make([]byte, 4*n)
		n = runtime.Stack(buf, true)
	}
	// The address alone would not do: it may well turn up elsewhere, for one in
	// the stack of the goroutine that abandons the actor.
	byFrame := make(map[string]*process, len(of))
	for _, p := range of {
		byFrame[fmt.Sprintf("%p", p)] = p
	}
	stacks := make(map[*process]string, len(of))
	for stack := range bytes.SplitSeq(buf[:n], []byte("\n\n")) {
		if m := runnerFrame.FindSubmatch(stack); m != nil && byFrame[string(m[1])] != nil {
			stacks[byFrame[string(m[1])]] = string(stack)
		}
	}
	return stacks
}

var runnerFrame = regexp.MustCompile(`(?m)^\S*/actor\.serve\((0x[0-9a-f]+)\b`)
