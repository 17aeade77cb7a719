package supervisor

import (
	"time"

	"github.com/troupe-go/troupe/actor"
)

// policy makes all decisions of a Tree. It is a state machine without a clock, a
// goroutine or an effect: its actor tells it what has happened, does what it decides, and
// tells it how that went.
type policy struct {
	children
	strategy Strategy
	auto     AutoShutdown
	budget   budget
}

func newPolicy(s Spec) *policy {
	return &policy{
		children: newChildren(),
		strategy: s.Strategy,
		auto:     s.AutoShutdown,
		budget:   newBudget(s.Intensity, s.Period),
	}
}

// verdict says whether a supervisor goes on, and if not, why.
type verdict uint8

const (
	goOn           verdict = iota
	intensitySpent         // there were too many restarts
	autoShutdown           // its significant children have ended
)

// decision is what to do about a child's end or about a retry. If the verdict is to end,
// there is no round.
type decision struct {
	report  bool // the end of the child is worth a report
	verdict verdict
	round   round
	wait    time.Duration // if not 0, a retry is due after that
}

// exited decides what follows when a child has ended by itself.
func (p *policy) exited(c *child, clean bool, now time.Duration) decision {
	var d decision
	if c.spec.Restart.wanted(clean) {
		c.lost(now)
		p.ended(c, stopped)
		d = p.restartAfter(c, c.pace.ended(now), now)
	} else {
		p.ended(c, stopped)
		if c.spec.Restart == Temporary {
			p.remove(c)
		}
		if p.auto.due(&p.children, c) {
			d.verdict = autoShutdown
		}
	}
	d.report = c.spec.Restart.notable(clean)
	return d
}

// retry decides what follows when the turn of a retry has come: nothing, if the child has
// been started or terminated in between.
func (p *policy) retry(c *child, now time.Duration) decision {
	c.queued = false
	if c.phase != restarting {
		return decision{}
	}
	return p.restart(c, now)
}

// restartAfter decides on a restart that must wait: the children that depend on this one
// are stopped without delay.
func (p *policy) restartAfter(c *child, wait, now time.Duration) decision {
	if wait == 0 {
		return p.restart(c, now)
	}
	p.ended(c, restarting)
	return decision{round: round{stop: p.strategy.round(&p.children, c).stop}, wait: wait}
}

// restart decides on a round, which costs one restart whatever its size, to be paid before
// it begins (SUP-32, SUP-33).
func (p *policy) restart(c *child, now time.Duration) decision {
	if !p.budget.spend(now) {
		p.ended(c, stopped)
		return decision{verdict: intensitySpent}
	}
	return decision{round: p.strategy.round(&p.children, c)}
}

// restartFailed records that a child did not start in a round; the rest of the round
// is off. It reports whether to queue a retry: not if one is already on its way.
func (p *policy) restartFailed(c *child) (queue bool) {
	p.ended(c, restarting)
	queue, c.queued = !c.queued, true
	return queue
}

// stoppedOrIgnored records that the supervisor has stopped a child, or that the child did
// not want to start. The description stays, unless the child is Temporary (SUP-8, SUP-24,
// SUP-62).
func (p *policy) stoppedOrIgnored(c *child) {
	p.ended(c, stopped)
	if c.spec.Restart == Temporary {
		p.remove(c)
	}
}

// mayAdd says whether a child with that ID may be started.
func (p *policy) mayAdd(id string) error {
	c := p.byID[id]
	switch {
	case c == nil:
		return nil
	case c.phase == running:
		return &AlreadyStartedError{id, c.pid}
	}
	return ErrAlreadyPresent
}

// terminate decides on a request to end a child for the time being. It returns
// the child if it must be stopped; if a retry was due there will be none.
func (p *policy) terminate(id string) (stop *child, err error) {
	c := p.byID[id]
	switch {
	case c == nil:
		return nil, ErrNotFound
	case c.phase == running:
		return c, nil
	}
	p.stoppedOrIgnored(c)
	c.former = actor.PID{}
	return nil, nil
}

// idle returns the child with that ID if it is at rest, which a request to restart or
// delete it demands.
func (p *policy) idle(id string) (*child, error) {
	c := p.byID[id]
	switch {
	case c == nil:
		return nil, ErrNotFound
	case c.phase == running:
		return nil, ErrRunning
	case c.phase == restarting:
		return nil, ErrRestarting
	}
	return c, nil
}

// phase is where a child is in its life.
type phase uint8

const (
	stopped    phase = iota // only the description is there
	running                 // as far as the supervisor knows
	restarting              // a restart will be tried: it failed before, or must wait
)

// child is a child of a Tree.
type child struct {
	spec   Child // with defaults filled in
	phase  phase
	pid    actor.PID // while running
	queued bool      // a retry is on its way to the supervisor
	pace   *pace     // nil without back-off

	restarts int           // by the supervisor itself
	former   actor.PID     // the incarnation that a restart replaces, or zero
	downAt   time.Duration // when the former one was lost

	prev, next *child // in start order
}

func newChild(spec Child) *child {
	c := &child{}
	c.describe(spec)
	return c
}

// describe gives c another description, or its first one.
func (c *child) describe(spec Child) {
	c.spec = spec.withDefaults()
	c.pace = newPace(c.spec.Backoff)
}

// info returns what is listed of c.
func (c *child) info() ChildInfo {
	return ChildInfo{c.spec.ID, c.pid, c.phase == restarting, c.spec.Type, c.restarts}
}

// lost records that c is going to be restarted.
func (c *child) lost(now time.Duration) { c.former, c.downAt = c.pid, now }

// children are the children of a Tree: a list in start order with an index by ID and one
// by PID, so that the work for one child costs the same however many there are.
type children struct {
	first, last *child
	byID        map[string]*child
	byPID       map[actor.PID]*child // those that run
}

func newChildren() children {
	return children{byID: make(map[string]*child), byPID: make(map[actor.PID]*child)}
}

// add puts c at the end.
func (t *children) add(c *child) {
	c.prev = t.last
	if c.prev == nil {
		t.first = c
	} else {
		c.prev.next = c
	}
	t.last = c
	t.byID[c.spec.ID] = c
}

func (t *children) remove(c *child) {
	if c.prev == nil {
		t.first = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		t.last = c.prev
	} else {
		c.next.prev = c.prev
	}
	c.prev, c.next = nil, nil
	delete(t.byID, c.spec.ID)
}

// started records that c runs.
func (t *children) started(c *child, pid actor.PID) {
	c.phase, c.pid = running, pid
	t.byPID[pid] = c
}

// ended records that c no longer runs, or that no further attempt is made to restart it.
func (t *children) ended(c *child, now phase) {
	delete(t.byPID, c.pid)
	c.phase, c.pid = now, actor.PID{}
}
