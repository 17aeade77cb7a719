package supervisor_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/troupe-go/troupe/supervisor"
)

// node is an actor of a random tree, and what the rules say must have become of it.
// It knows the rules only: it shares no code with the supervisors.
type node struct {
	id       string
	parent   *node // nil for the root
	children []*node

	// What it is.
	supervisor bool
	dynamic    bool // a supervisor that is started without its children
	strategy   supervisor.Strategy
	auto       supervisor.AutoShutdown
	intensity  int
	period     time.Duration
	restart    supervisor.Restart
	notable    bool // Significant
	traps      bool // a worker that traps exits

	// What must have become of it.
	alive    bool
	known    bool        // its supervisor has its description
	starts   int         // how often it has been started
	restarts []time.Time // that it, as a supervisor, has paid for
	next     []outcome   // of its next starts; then all go well
}

// outcome is how a start goes.
type outcome uint8

const (
	goesWell outcome = iota
	fails
	panics
	panicsInInit // the spawn fails and the link carries an exit as well
	ignores
	numOutcomes
)

// grow makes a random tree below n, with at most room nodes. It returns what is
// left of that.
func (n *node) grow(rnd *rand.Rand, depth, room int) int {
	n.supervisor = true
	if n.parent != nil && rnd.IntN(4) == 0 {
		n.dynamic = true
	} else {
		n.strategy = supervisor.Strategy(rnd.IntN(3))
		n.auto = supervisor.AutoShutdown(max(0, rnd.IntN(6)-3)) // Never, mostly
	}
	n.intensity = rnd.IntN(6)
	n.period = time.Duration(1+rnd.IntN(4)) * time.Second
	fanOut := 1 + rnd.IntN(7)
	for i := 0; i < fanOut && room > 0; i++ {
		c := &node{
			id:     fmt.Sprintf("%s.%d", n.id, i),
			parent: n,
			traps:  rnd.IntN(2) == 0,
		}
		if rnd.IntN(2) == 0 {
			c.restart = supervisor.Restart(rnd.IntN(3))
		}
		c.notable = n.auto != supervisor.Never && c.restart != supervisor.Permanent && rnd.IntN(2) == 0
		n.children = append(n.children, c)
		room--
		if depth > 1 && rnd.IntN(8) < 5 {
			room = c.grow(rnd, depth-1, room)
		}
	}
	return room
}

// all calls f for n and everything below it.
func (n *node) all(f func(*node)) {
	f(n)
	for _, c := range n.children {
		c.all(f)
	}
}

// start is a start of n. It reports false if it must have failed.
func (n *node) start() bool {
	how := goesWell
	if len(n.next) > 0 {
		how, n.next = n.next[0], n.next[1:]
	}
	switch how {
	case ignores: // SUP-8, DYN-4
		n.known = n.restart != supervisor.Temporary && !n.parent.dynamic
		return true
	case fails, panics, panicsInInit: // SUP-7
		return false
	}
	n.restarts = nil
	for _, c := range n.children {
		c.known = !n.dynamic
	}
	for _, c := range n.children { // SUP-10
		if c.known && !c.start() {
			n.stop() // SUP-11
			return false
		}
	}
	n.alive = true
	n.starts++
	return true
}

// stop is the end of n with all below it, by its supervisor or along with it.
func (n *node) stop() {
	n.all(func(n *node) { n.alive = false })
}

// stopped is stop by its supervisor, which goes on: SUP-24, SUP-62, DYN-3.
func (n *node) stopped() {
	n.stop()
	n.known = n.known && n.restart != supervisor.Temporary && !n.parent.dynamic
}

// ended is an end of n that nobody asked for.
func (n *node) ended(clean bool, now time.Time) {
	n.stop()
	p := n.parent
	if p == nil {
		return
	}
	switch { // SUP-20
	case n.restart == supervisor.Permanent, n.restart == supervisor.Transient && !clean:
		p.round(n, now)
		return
	case n.restart == supervisor.Temporary, p.dynamic: // DYN-6
		n.known = false
	}
	if n.notable && p.mustEnd() {
		p.ended(true, now)
	}
}

// mustEnd says whether n ends now that a significant child has: SUP-50, SUP-51.
func (n *node) mustEnd() bool {
	if n.auto == supervisor.AllSignificant {
		for _, c := range n.children {
			if c.notable && c.alive {
				return false
			}
		}
	}
	return n.auto != supervisor.Never
}

// round is what n does about a child that has to be restarted, until it succeeds
// or n has had enough.
func (n *node) round(failed *node, now time.Time) {
	for failed != nil {
		var recent []time.Time
		for _, t := range n.restarts {
			if now.Sub(t) <= n.period { // SUP-30
				recent = append(recent, t)
			}
		}
		n.restarts = append(recent, now)
		if len(n.restarts) > n.intensity {
			n.ended(true, now) // SUP-31, SUP-35, SUP-36
			return
		}
		group := []*node{failed} // SUP-21
		for i, c := range n.children {
			if n.strategy == supervisor.OneForAll || n.strategy == supervisor.RestForOne && c == failed {
				group = n.children[i:] // SUP-22, SUP-23
				break
			}
		}
		failed = nil
		for _, c := range group {
			if c.alive {
				c.stopped()
			}
		}
		for _, c := range group { // SUP-24, SUP-25
			if c.known && c.restart != supervisor.Temporary && !c.start() {
				failed = c // SUP-40, SUP-41
				break
			}
		}
	}
}
