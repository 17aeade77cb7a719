package supervisor

import (
	"time"

	"github.com/troupe-go/troupe/actor"
)

// phase is where a child is in its life.
type phase uint8

const (
	stopped    phase = iota // only the description is there
	running                 // as far as the supervisor knows
	restarting              // a restart will be tried: it failed before, or must wait
)

// child is a child of a static supervisor.
type child struct {
	spec   Child // with defaults filled in
	phase  phase
	pid    actor.PID // while running
	queued bool      // a retry is on its way to the supervisor
	pace   *pace     // nil without back-off

	restarts int           // by the supervisor itself
	former   actor.PID     // who is to be replaced by a restart; zero if nobody is
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

// info is what is told of c.
func (c *child) info() ChildInfo {
	return ChildInfo{c.spec.ID, c.pid, c.phase == restarting, c.spec.Type, c.restarts}
}

// lost notes that c is going to be restarted.
func (c *child) lost(now time.Duration) { c.former, c.downAt = c.pid, now }

// children are the children of a static supervisor: a list in start order that
// can be entered by ID and by PID, so that what concerns one child costs the same
// however many there are.
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

// started notes that c runs.
func (t *children) started(c *child, pid actor.PID) {
	c.phase, c.pid = running, pid
	t.byPID[pid] = c
}

// ended notes that c no longer runs, or that there will be no further attempt to
// restart it.
func (t *children) ended(c *child, now phase) {
	delete(t.byPID, c.pid)
	c.phase, c.pid = now, actor.PID{}
}
