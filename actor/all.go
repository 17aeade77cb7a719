package actor

import "iter"

// All returns the actors that have not ended, in no particular order, for a walk over all
// of them: unlike [System.Actors] it makes no list, so that a million cost no memory, and
// a walk that is broken off costs no more than it has seen. Nothing is locked while the
// loop's body runs, so the body may take its time and do anything, spawn and end actors
// included. An actor that lives during the whole walk is met exactly once; one that is
// spawned or ends meanwhile may be met or not.
//
// OTP: erlang:processes_iterator/0.
func (s *System) All() iter.Seq[PID] {
	return func(yield func(PID) bool) {
		s.walk(func(p *process) bool { return yield(PID{p}) })
	}
}

// walk calls yield with each actor until that returns false, and holds no lock meanwhile.
// It meets the actors of one shard in the order of its list.
func (s *System) walk(yield func(*process) bool) {
	s.walkBy(func(some []*process) bool {
		for _, p := range some {
			if !yield(p) {
				return false
			}
		}
		return true
	})
}

// walkBy is walk by a few actors at a time. The slice is good until yield returns.
func (s *System) walkBy(yield func([]*process) bool) {
	c := cursor{sys: s}
	defer c.leave() // yield may not return
	for more := true; more; {
		var some []*process
		if some, more = c.step(); len(some) > 0 && !yield(some) {
			return
		}
	}
}

// cursor is a place in the lists of the shards: behind what a walk has seen. It has a node
// in each list, because all others may be gone when the walk goes on. A node without a
// typed part is no actor, and is passed over.
//
// The lists are walked side by side. The next node of a list is mostly not in the
// processor's cache, which can fetch those of all lists at once, but not one behind the
// other: this makes a walk four times as fast.
type cursor struct {
	sys   *System
	begun bool
	last  uint64 // the serial of the latest actor when it began: what is spawned since could go on for ever
	nodes [shards]process
	walks [shards]walkState // only the walk's goroutine reads and writes it
	some  [shards * walkStep]*process
}

// walkState is how far a walk of one shard is.
type walkState uint8

const (
	ahead walkState = iota
	onIt            // its node is on the list
	over
)

// walkStep is how many actors of each shard are passed while those are locked, which takes
// some 5 µs.
const walkStep = 8

// step returns the next few actors, and whether there may be more.
//
// It never waits for a lock while it has another: with thousands of actors that end, each
// wait may be long, and would be one for all of them. So it takes what is free, and waits
// for one shard only if none is.
func (c *cursor) step() (some []*process, more bool) {
	if !c.begun {
		c.begun, c.last = true, c.sys.serial.Load()
	}
	var at [shards]*process
	var locked [shards]bool
	busy := -1 // one of those that are not free
	free := false
	for k := range at {
		switch {
		case c.walks[k] == over:
		case c.sys.shards[k].mu.TryLock():
			at[k], locked[k], free = c.enter(k), true, true
		default:
			busy = k
		}
	}
	if !free && busy >= 0 {
		c.sys.shards[busy].mu.Lock()
		at[busy], locked[busy] = c.enter(busy), true
	}
	some = c.pass(&at)
	for k, p := range at {
		if locked[k] {
			c.pause(k, p)
		}
		more = more || c.walks[k] != over
	}
	return some, more
}

// pass returns the next few actors of shards that are locked, and moves on behind them.
func (c *cursor) pass(at *[shards]*process) (some []*process) {
	some = c.some[:0]
	for range walkStep {
		for k, p := range at {
			if p == nil {
				continue
			}
			switch at[k] = p.next; {
			case p.typed == nil:
			case p.serial > c.last:
				at[k] = nil // those behind it were listed since as well
			default:
				some = append(some, p)
			}
		}
	}
	return some
}

// enter returns where the walk of a shard, which is locked, goes on.
func (c *cursor) enter(k int) (next *process) {
	sh := &c.sys.shards[k]
	if c.walks[k] == ahead {
		return sh.first
	}
	next = c.nodes[k].next
	sh.unlink(&c.nodes[k])
	return next
}

// pause keeps the place before p in a shard, and unlocks it. If p is nil the walk of it is
// over.
func (c *cursor) pause(k int, p *process) {
	sh := &c.sys.shards[k]
	c.walks[k] = over
	if p != nil {
		c.walks[k] = onIt
		sh.link(&c.nodes[k], p)
	}
	sh.mu.Unlock()
}

func (c *cursor) leave() {
	for k, walk := range c.walks {
		if walk != onIt {
			continue
		}
		sh := &c.sys.shards[k]
		sh.mu.Lock()
		sh.unlink(&c.nodes[k])
		sh.mu.Unlock()
	}
}

// link puts p on the list: before another, or last if that is nil. The caller holds the
// lock.
func (sh *shard) link(p, before *process) {
	p.next, p.prev = before, sh.last
	if before != nil {
		p.prev = before.prev
		before.prev = p
	} else {
		sh.last = p
	}
	if p.prev == nil {
		sh.first = p
	} else {
		p.prev.next = p
	}
}

// unlink takes p off the list. The caller holds the lock.
func (sh *shard) unlink(p *process) {
	if p.prev == nil {
		sh.first = p.next
	} else {
		p.prev.next = p.next
	}
	if p.next == nil {
		sh.last = p.prev
	} else {
		p.next.prev = p.prev
	}
	p.prev, p.next = nil, nil
}
