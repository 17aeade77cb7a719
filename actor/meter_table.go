package actor

import (
	"time"

	"github.com/troupe-go/troupe/actor/internal/queue"
)

// table is what a sampler keeps of the actors of one shard between two samples.
//
// Its entries are in the order of the shard's list. New actors come to the end of that list,
// and the others keep their order, so a walk over the list meets the entries one after the
// other: those that it passes over are of actors that have ended. A sample replaces entries
// in place, so that there is one table and not two:
//
//	entries[:to]      are of this sample
//	entries[from:old] are of the one before, and have not been met yet
//
// All others are void. As long as there are old ones, to ≤ from.
type table struct {
	entries       []measured
	to, from, old int
	blocks, was   []block // of the entries of this sample, and of the one before

	waits waits

	working []worker // to be looked at until the next sample, in the order of the list
	worked  []worker // those of the interval before; of which the first have been met
	met     int
	stride  int // one actor of so many that work is among working
	skip    int

	last    time.Duration // when the last sample was over
	sampled bool          // there has been one
}

// measured is what is kept of one actor.
type measured struct {
	serial uint64
	taken  uint32  // messages, the low bits
	rate   float32 // per second
	wait   uint32  // where its wait is, 0 if it has none
	busy   uint8   // in parts of full
}

const full = 250

// block tells of blockLen entries: when they were noted, and which serial numbers they have.
type block struct {
	at     time.Duration
	lo, hi uint64
}

const blockLen = 128

// worker is an actor that has worked of late.
type worker struct {
	p     *process
	found uint8 // how many looks have found it at work
}

const maxWorking = 1024 // in each shard

// begin is called before the first note of a sample.
func (t *table) begin(actors int) {
	n := t.to
	if room := actors + actors/16; cap(t.entries) < room || cap(t.entries) > 4*room+blockLen {
		t.entries = append(make([]measured, 0, room), t.entries[:n]...)
	}
	t.entries = t.entries[:n]
	t.to, t.from, t.old = 0, 0, n
	t.blocks, t.was = t.was[:0], t.blocks
	clear(t.worked[:cap(t.worked)]) // lets go of actors that have ended
	t.working, t.worked, t.met = t.worked[:0], t.working, 0
	t.stride, t.skip = 1, 0
}

// note puts down what is seen of the next actor of the list; looks is how many there have
// been at those that work since the last sample.
func (t *table) note(p *process, l queue.Load, at time.Duration, looks int) {
	before, since, known := t.next(p.serial)
	e := measured{serial: p.serial, taken: uint32(l.Taken), wait: before.wait}
	interval := at - since
	if !known {
		interval = at - t.last
	}
	if interval > 0 && t.sampled {
		e.rate = float32(float64(e.taken-before.taken) / interval.Seconds())
	}
	e.busy = t.busyness(p, l.Awake, before, known, looks)
	t.waits.note(&e.wait, l, at)
	t.put(e, at)
	if l.Awake || e.taken != before.taken {
		t.choose(p)
	}
}

// next returns the old entry of an actor, and when it was noted. The actors that the walk
// has not met before it have ended.
func (t *table) next(serial uint64) (e measured, at time.Duration, ok bool) {
	for t.from < t.old {
		e, at = t.entries[t.from], t.was[t.from/blockLen].at
		t.from++
		if e.serial == serial {
			return e, at, true
		}
		t.waits.free(e.wait)
	}
	return measured{}, 0, false
}

func (t *table) put(e measured, at time.Duration) {
	if t.to%blockLen == 0 {
		t.blocks = append(t.blocks, block{at, e.serial, e.serial})
	}
	b := &t.blocks[len(t.blocks)-1]
	b.lo, b.hi = min(b.lo, e.serial), max(b.hi, e.serial)
	if t.to < t.old { // one of these is void, because one more has been met than put
		t.entries[t.to] = e
	} else {
		t.entries = append(t.entries[:t.to], e)
	}
	t.to++
}

// busyness returns how busy an actor has been, from how often it was found at work.
func (t *table) busyness(p *process, awake bool, before measured, known bool, looks int) uint8 {
	now := 0
	if awake {
		now = full
	}
	for t.met < len(t.worked) && t.worked[t.met].p != p && !t.worked[t.met].p.has(listed) {
		t.met++
	}
	switch {
	case looks > 0 && t.met < len(t.worked) && t.worked[t.met].p == p:
		now = full * int(t.worked[t.met].found) / looks
		t.met++
	case known:
		now = (3*int(before.busy) + now) / 4
	}
	return uint8(now)
}

// choose has an actor looked at until the next sample, or one in so many if there are many.
func (t *table) choose(p *process) {
	if t.skip--; t.skip >= 0 {
		return
	}
	t.skip = t.stride - 1
	if t.working = append(t.working, worker{p: p}); len(t.working) < maxWorking {
		return
	}
	half := t.working[:0]
	for i := 0; i < len(t.working); i += 2 {
		half = append(half, t.working[i])
	}
	clear(t.working[len(half):])
	t.working = half
	t.stride *= 2
}

// finish is called after the last note of a sample.
func (t *table) finish(at time.Duration) {
	for ; t.from < t.old; t.from++ {
		t.waits.free(t.entries[t.from].wait)
	}
	t.entries = t.entries[:t.to]
	t.from, t.old, t.was = 0, 0, t.was[:0]
	t.last, t.sampled = at, true
	if t.waits.isWaste() {
		t.waits = t.waits.moved(t.entries)
	}
}

// find returns where the entry of an actor is.
func (t *table) find(serial uint64) (i int, ok bool) {
	if i, ok = t.search(t.blocks, serial, 0, t.to); !ok {
		i, ok = t.search(t.was, serial, t.from, t.old)
	}
	return i, ok
}

// search looks for an entry from one place to another. The list is not quite in the order of
// the serial numbers, but the numbers of one block are close together.
func (t *table) search(blocks []block, serial uint64, from, to int) (int, bool) {
	for n, b := range blocks {
		if serial < b.lo || serial > b.hi {
			continue
		}
		for i := max(from, n*blockLen); i < min(to, (n+1)*blockLen); i++ {
			if t.entries[i].serial == serial {
				return i, true
			}
		}
	}
	return 0, false
}

func (t *table) figures(i int, l queue.Load, now time.Duration) figures {
	e := &t.entries[i]
	return figures{t.waits.oldest(e.wait, l, now), float64(e.rate), float64(e.busy) / full}
}
