package actor

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor/internal/queue"
)

// Meter measures what actors cannot be asked for: [Info] has Oldest, Rate and Busy while
// at least one Meter of the system runs, and they are zero without. [Meter.Top] finds the
// actors that have most of something. See [System.Meter].
type Meter struct {
	sys   *System
	every time.Duration
}

// Meter begins to look at all actors in the given interval, until [Meter.Stop] or the end of
// the system. Sends and handlers pay nothing for that: all is found out from looking. Several
// Meters of a system look together, as often as the one with the shortest interval wants. It
// panics if that is not positive.
//
// How exact the figures are:
//
//   - Oldest is never more than the truth. It is less by one interval at most while
//     messages wait for up to 16 intervals, by a third at most while they wait for
//     hundreds, and by a half for thousands. Messages that a runner has taken do not wait,
//     as in [Info.QueueLen]. Of messages that overtake others, see [Context.Urgent], those
//     that came before count as gone.
//   - Rate is the mean over the last interval. Messages count when a runner takes them, which
//     it does with all that wait at once.
//   - Busy is the share of 16 looks, at random times within the last interval, that found a
//     runner at work for the actor, or waiting for a processor: to one tenth or so. If more than
//     16,000 actors work in one interval, it is looked at some of them only, and of the rest
//     Busy is known after ten intervals.
//
// What it costs: about 0.1 µs of one processor for each actor and interval, 24 bytes for each
// actor, and some 140 more for one whose messages wait. A second is a good interval for up to
// 100,000 actors. Of a million each look takes a tenth of a second, in small steps between
// which others run; take five seconds. A look that takes long is followed by a longer pause,
// so that never more than one twentieth of a processor is used.
//
// OTP: the scheduler and process views of observer, which poll as well.
func (s *System) Meter(every time.Duration) *Meter {
	if every <= 0 {
		panic("actor: Meter: the interval must be positive")
	}
	m := &Meter{s, every}
	s.meters.add(m)
	return m
}

// Stop ends the measuring, unless other Meters of the system run. Stopping twice is the same
// as once.
func (m *Meter) Stop() { m.sys.meters.remove(m) }

// meters are those of a system that run.
type meters struct {
	now atomic.Pointer[sampler] // nil if there are none

	mu     sync.Mutex
	all    []*Meter
	closed bool // the system has been shut down
}

func (ms *meters) add(m *Meter) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if !ms.closed {
		ms.all = append(ms.all, m)
		ms.update(m.sys)
	}
}

func (ms *meters) remove(m *Meter) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	ms.all = slices.DeleteFunc(ms.all, func(x *Meter) bool { return x == m })
	ms.update(m.sys)
}

// close stops all for good.
func (ms *meters) close() {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	ms.all, ms.closed = nil, true
	ms.update(nil)
}

// update has a sampler run if a Meter does, at its interval.
func (ms *meters) update(sys *System) {
	s := ms.now.Load()
	if len(ms.all) == 0 {
		if s != nil {
			ms.now.Store(nil)
			close(s.stop)
		}
		return
	}
	every := ms.all[0].every
	for _, m := range ms.all {
		every = min(every, m.every)
	}
	if s == nil {
		s = &sampler{sys: sys, began: time.Now(), changed: make(chan struct{}, 1), stop: make(chan struct{})}
		s.every.Store(int64(every))
		ms.now.Store(s)
		go s.run()
	} else if s.every.Swap(int64(every)) != int64(every) {
		select {
		case s.changed <- struct{}{}:
		default: // it has not yet looked after the last change
		}
	}
}

// sampler looks at all actors again and again, and at those that work more often.
type sampler struct {
	sys     *System
	began   time.Time
	every   atomic.Int64
	changed chan struct{} // every has
	stop    chan struct{}

	mu     sync.RWMutex // guards the tables; the sampler itself reads them without
	tables [shards]table
	looks  int // at those that work, since the last sample; the sampler's own
}

const (
	looks    = 16 // in each interval
	maxShare = 20 // of the time, one part may be spent with samples
)

func (s *sampler) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		began := time.Now()
		if !s.sample() || !s.pause(timer, began, time.Since(began)) {
			return
		}
	}
}

// pause looks at the actors that work until the next sample is due. It reports false if
// there is to be none.
func (s *sampler) pause(timer *time.Timer, began time.Time, took time.Duration) bool {
	for s.looks = 0; ; {
		every := max(time.Duration(s.every.Load()), maxShare*took)
		slot := max(every/looks, 1)
		next := began.Add(every)
		looking := s.looks < looks && s.works()
		if looking {
			next = began.Add(slot*time.Duration(s.looks) + rand.N(slot))
		}
		timer.Reset(time.Until(next))
		select {
		case <-s.stop:
			return false
		case <-s.changed:
		case <-timer.C:
			if !looking {
				return true
			}
			s.look()
		}
	}
}

// works reports whether there is an actor to look at.
func (s *sampler) works() bool {
	for i := range s.tables {
		if len(s.tables[i].working) > 0 {
			return true
		}
	}
	return false
}

func (s *sampler) look() {
	s.looks++
	for i := range s.tables {
		for k := range s.tables[i].working {
			if w := &s.tables[i].working[k]; w.p.typed.isRun() {
				w.found++
			}
		}
	}
}

// sample looks at all actors. It reports false if it is not to end.
func (s *sampler) sample() bool {
	for i := range s.tables {
		s.begin(i)
	}
	stopped := false
	n := 0
	s.sys.walkBy(func(some []*process) bool {
		touchAll(some)
		s.note(some)
		if n++; n%8 == 0 { // after a tenth of a millisecond
			runtime.Gosched()
			select {
			case <-s.stop:
				stopped = true
			default:
			}
		}
		return !stopped
	})
	for i := range s.tables {
		s.finish(i)
	}
	return !stopped
}

// touchAll has the processor fetch the actors to its cache, all at the same time: the locks
// of mailboxes, one after the other, would have it fetch one after the other.
func touchAll(some []*process) {
	for _, p := range some {
		p.typed.isRun()
	}
}

func (s *sampler) begin(shard int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := &s.sys.shards[shard]
	sh.mu.Lock()
	n := sh.n
	sh.mu.Unlock()
	s.tables[shard].begin(n)
}

func (s *sampler) note(some []*process) {
	at := time.Since(s.began)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range some {
		s.tables[p.serial%shards].note(p, p.typed.load(), at, s.looks)
	}
}

func (s *sampler) finish(shard int) {
	at := time.Since(s.began)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tables[shard].finish(at)
}

// figures are what a sampler knows of an actor.
type figures struct {
	oldest     time.Duration
	rate, busy float64
}

func (s *sampler) figures(p *process, l queue.Load) (f figures) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	t := &s.tables[p.serial%shards]
	if i, ok := t.find(p.serial); ok {
		f = t.figures(i, l, time.Since(s.began))
	}
	return f
}
