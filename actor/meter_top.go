package actor

import (
	"cmp"
	"container/heap"
	"runtime"
	"slices"
	"time"
)

// Order says what [Meter.Top] puts first.
type Order uint8

const (
	ByQueue    Order = iota // most messages wait: Info.QueueLen
	ByOldest                // a message has waited longest: Info.Oldest
	ByRate                  // handles most per second: Info.Rate
	ByBusy                  // works most of the time: Info.Busy
	ByHandled               // has handled most, ever: Info.Handled
	ByRestarts              // has been restarted most often: Info.Restarts
)

// String returns the name of the order: "queue", "oldest", "rate", "busy", "handled"
// or "restarts".
func (o Order) String() string {
	switch o {
	case ByOldest:
		return "oldest"
	case ByRate:
		return "rate"
	case ByBusy:
		return "busy"
	case ByHandled:
		return "handled"
	case ByRestarts:
		return "restarts"
	}
	return "queue"
}

// Top returns the n actors that come first in an order, the first one first, of those that
// keep returns true for, and how many those are. With a nil keep it is all. Actors that have
// nothing of it, and so are equal, are left out. ByOldest, ByRate and ByBusy go by the last
// look of the Meter; it finds none while no Meter runs.
//
// It walks over all actors, in small steps between which others run, and keeps no more than
// n of them: of a million it takes a fifth of a second. Keep is called on the caller's goroutine
// for each actor, without a lock, and is what the walk mostly costs; names and parents are
// cheap, labels are not.
func (m *Meter) Top(by Order, n int, keep func(PID) bool) (top []Info, kept int) {
	best := ranking{room: n}
	s := m.sys.meters.now.Load()
	var steps int
	var places [shards]int
	m.sys.walkBy(func(some []*process) bool {
		touchAll(some)
		for _, p := range some {
			if p.doomed() != nil || keep != nil && !keep(PID{p}) {
				continue
			}
			kept++
			best.add(p, s.value(by, p, &places))
		}
		if steps++; steps%8 == 0 {
			runtime.Gosched()
		}
		return true
	})
	for _, r := range best.sorted() {
		if info, ok := (PID{r.p}).Info(); ok {
			top = append(top, info)
		}
	}
	return top, kept
}

// value returns how much of something an actor has. The places are where the entries of a
// walk's next actors probably are. A nil sampler knows what is known without one.
func (s *sampler) value(by Order, p *process, places *[shards]int) float64 {
	switch by {
	case ByQueue:
		return float64(p.typed.load().Waiting)
	case ByHandled:
		return float64(p.typed.load().Taken)
	case ByRestarts:
		return float64(PID{p}.Restarts())
	}
	if s == nil {
		return 0
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	t, place := &s.tables[p.serial%shards], &places[p.serial%shards]
	i, ok := *place, *place < t.to && t.entries[*place].serial == p.serial
	if !ok {
		if i, ok = t.find(p.serial); !ok {
			return 0
		}
	}
	*place = i + 1
	switch by {
	case ByRate:
		return float64(t.entries[i].rate)
	case ByBusy:
		return float64(t.entries[i].busy)
	}
	if t.entries[i].wait == 0 {
		return 0
	}
	return float64(t.waits.oldest(t.entries[i].wait, p.typed.load(), time.Since(s.began)))
}

// ranking is a heap of the first few in an order: the last of them is on top.
type ranking struct {
	list []ranked
	room int
}

type ranked struct {
	p     *process
	value float64
}

// compare puts actors that are equal in the order of their spawns.
func (a ranked) compare(b ranked) int {
	return cmp.Or(cmp.Compare(b.value, a.value), cmp.Compare(a.p.serial, b.p.serial))
}

func (r *ranking) Len() int           { return len(r.list) }
func (r *ranking) Less(i, j int) bool { return r.list[i].compare(r.list[j]) > 0 }
func (r *ranking) Swap(i, j int)      { r.list[i], r.list[j] = r.list[j], r.list[i] }
func (r *ranking) Push(x any)         { r.list = append(r.list, x.(ranked)) }

func (r *ranking) Pop() any {
	last := r.list[len(r.list)-1]
	r.list = r.list[:len(r.list)-1]
	return last
}

func (r *ranking) add(p *process, value float64) {
	switch x := (ranked{p, value}); {
	case value <= 0:
	case len(r.list) < r.room:
		heap.Push(r, x)
	case r.room > 0 && x.compare(r.list[0]) < 0:
		r.list[0] = x
		heap.Fix(r, 0)
	}
}

func (r *ranking) sorted() []ranked {
	slices.SortFunc(r.list, ranked.compare)
	return r.list
}
