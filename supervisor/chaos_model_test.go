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
	traps      bool // a worker that traps exits
	described       // at first

	// partitions is how many of its children, all alike, a supervisor of partitions
	// starts with; 0 in others.
	partitions int

	// What must have become of it.
	alive    bool
	known    bool        // its supervisor has its description
	now      described   // what that says
	size     int         // how many of its partitions are in use
	starts   int         // how often it has been started
	restarts []time.Time // that it, as a supervisor, has paid for
	next     []outcome   // of its next starts; then all go well
}

// described is what a description can be changed to say.
type described struct {
	restart supervisor.Restart
	notable bool // Significant
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
		n.auto = supervisor.AutoShutdown(max(0, rnd.IntN(6)-3)) // never, mostly
	}
	n.intensity = rnd.IntN(6)
	n.period = time.Duration(1+rnd.IntN(4)) * time.Second
	fanOut := 1 + rnd.IntN(7)
	if !n.dynamic && n.parent != nil && rnd.IntN(4) == 0 {
		n.partitions = 1 + rnd.IntN(fanOut)
	}
	alike := n.partitions > 0 && depth > 1 && rnd.IntN(2) == 0 // dynamic supervisors, not workers
	for i := 0; i < fanOut && room > 0; i++ {
		c := n.child(rnd, i)
		room--
		switch {
		case alike:
			room = c.growDynamic(rnd, room)
		case n.partitions == 0 && depth > 1 && rnd.IntN(8) < 5:
			room = c.grow(rnd, depth-1, room)
		}
	}
	n.partitions = min(n.partitions, len(n.children))
	return room
}

// growDynamic makes n a dynamic supervisor of some workers.
func (n *node) growDynamic(rnd *rand.Rand, room int) int {
	n.supervisor, n.dynamic = true, true
	n.intensity, n.period = rnd.IntN(6), time.Second
	for i := 0; i < 3 && room > 0; i++ {
		n.child(rnd, i)
		room--
	}
	return room
}

// child adds a child to n.
func (n *node) child(rnd *rand.Rand, i int) *node {
	c := &node{
		id:     fmt.Sprintf("%s.%d", n.id, i),
		parent: n,
		traps:  rnd.IntN(2) == 0,
	}
	if n.partitions > 0 {
		c.id = fmt.Sprintf("%s/%d", n.id, i)
	}
	c.described = randomly(rnd, n)
	c.now = c.described
	n.children = append(n.children, c)
	return c
}

// randomly describes a child of n.
func randomly(rnd *rand.Rand, n *node) (d described) {
	if rnd.IntN(2) == 0 {
		d.restart = supervisor.Restart(rnd.IntN(3))
	}
	d.notable = n.auto != supervisor.AutoShutdown(0) && d.restart != supervisor.Permanent && rnd.IntN(2) == 0
	return d
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
		n.known = n.now.restart != supervisor.Temporary && !n.parent.dynamic
		return true
	case fails, panics, panicsInInit: // SUP-7
		return false
	}
	n.restarts = nil
	n.size = n.partitions
	for i, c := range n.children {
		c.known = !n.dynamic && (n.partitions == 0 || i < n.size)
		c.now = c.described // SUP-67, PSUP-3: this one knows of no request
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
	n.known = n.known && n.now.restart != supervisor.Temporary && !n.parent.dynamic
}

// resize is PSUP-3 for n, a supervisor of partitions. It reports false if it must have
// failed.
func (n *node) resize(size int) bool {
	old := n.size
	drop := func(from int) {
		for _, c := range n.children[from:] {
			c.stop()
			c.known = false
		}
	}
	for i := old; i < size; i++ {
		c := n.children[i]
		c.known, c.now = true, c.described
		if !c.start() {
			drop(old)
			return false
		}
	}
	drop(size)
	n.size = size
	return true
}

// ended is an end of n that was not asked for.
func (n *node) ended(clean bool, now time.Time) {
	n.stop()
	p := n.parent
	if p == nil {
		return
	}
	switch { // SUP-20
	case n.now.restart == supervisor.Permanent, n.now.restart == supervisor.Transient && !clean:
		p.round(n, now)
		return
	case n.now.restart == supervisor.Temporary, p.dynamic: // DYN-6
		n.known = false
	}
	if n.now.notable && p.mustEnd() {
		p.ended(true, now)
	}
}

// mustEnd says whether n ends now that a significant child has: SUP-50, SUP-51.
func (n *node) mustEnd() bool {
	if n.auto == supervisor.AllSignificant {
		for _, c := range n.children {
			if c.now.notable && c.alive {
				return false
			}
		}
	}
	return n.auto != supervisor.AutoShutdown(0)
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
			if c.known && c.now.restart != supervisor.Temporary && !c.start() {
				failed = c // SUP-40, SUP-41
				break
			}
		}
	}
}
