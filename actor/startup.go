package actor

import (
	"sync"
	"time"

	"github.com/troupe-go/troupe/actor/internal/queue"
)

// startup is a run of Init: how it begins, and how its outcome comes back to the
// spawner. A system has few, and uses again those that came to an end with nothing
// but an outcome; see recycle.
type startup struct {
	p    *process // in Init
	by   *process // the actor that spawned it and waits, if one does
	run  func()   // the goroutine
	heed chan note
	end  *doom // set before initDone: what Init came to, nil if the actor goes on

	mu   sync.Mutex
	sent uint8 // the notes that have been sent, as bits

	next      *startup // in the list of p's shard; guarded by its lock
	nextStart *startup // in the list of by's relations; guarded by their lock
}

// note is what a spawner that waits has to hear. Each comes once at most.
type note uint8

const (
	initDone      note = iota // Init has returned, or its actor was abandoned
	childDoomed               // the actor in Init is doomed
	callerDoomed              // the one that waits is
	callerLeaving             // the one that waits has been told to end by its parent
	notes         = iota
)

func newStartup() any {
	s := &startup{heed: make(chan note, notes)}
	first := func() *doom { return s.p.typed.start(s) }
	s.run = func() {
		if s.p.has(profiled) {
			s.p.setProfileLabels()
		}
		serve(s.p, first)
	}
	return s
}

func (s *startup) tell(n note) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sent&(1<<n) == 0 {
		s.sent |= 1 << n
		s.heed <- n
	}
}

// done reports the outcome, unless there is one. After it s is the spawner's.
func (s *startup) done(d *doom) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sent&(1<<initDone) == 0 {
		s.end = d
		s.sent |= 1 << initDone
		s.heed <- initDone
	}
}

// recycle gives s back if nothing but the outcome has been told, and no more can come.
func (s *startup) recycle(pool *sync.Pool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sent == 1<<initDone {
		s.p, s.by, s.end, s.sent = nil, nil, nil, 0
		pool.Put(s)
	}
}

// boot runs Init on the actor's first runner and waits for its outcome: nil, or why
// there is no actor. The wait ends as well with the doom of the actor by, which waits,
// and soon after the doom of the one in Init: if that does not return it is abandoned.
func (c *cell[M]) boot(by *process, timeout time.Duration) error {
	s := c.sys.startups.Get().(*startup)
	s.p, s.by = &c.process, by
	s.enlist()
	go s.run()
	err := s.await(timeout)
	s.delist()
	s.recycle(&c.sys.startups)
	return err
}

func (s *startup) await(timeout time.Duration) error {
	var over <-chan time.Time
	if timeout > 0 {
		limit := time.NewTimer(timeout)
		over = limit.C
		defer limit.Stop()
	}
	p, waiting, failure := s.p, true, error(nil)
	for {
		select {
		case n := <-s.heed:
			switch n {
			case initDone:
				if failure == nil && s.end != nil {
					failure = s.end.failure()
				}
				return failure
			case childDoomed:
				waiting = false
				grace := time.NewTimer(killGrace)
				over = grace.C
				defer grace.Stop()
			case callerLeaving:
				if s.by != p.parent { // it only watches
					continue
				}
				p.exit(exitSignal{from: s.by, end: doomShutdown})
			case callerDoomed:
				d := s.by.doomed()
				p.kill(d)
				time.AfterFunc(killGrace, func() { PID{p}.Abandon() })
				return d.reason
			}
		case <-over:
			over = nil
			if !waiting {
				PID{p}.Abandon() // if it has just ended s hears of that
				continue
			}
			// As in init: the spawner gets the error, not the signal.
			disconnect(p, p.parent)
			failure = ErrStartTimeout
			p.kill(killed()) // which tells s
		}
	}
}

// enlist makes s known to what may end the wait. Each of them makes its mark
// before it looks for s, and s looks for the marks when it is listed.
func (s *startup) enlist() {
	p, by := s.p, s.by
	sh := p.sys.shard(p)
	sh.mu.Lock()
	s.next, sh.startups = sh.startups, s
	sh.mu.Unlock()
	p.flags.Or(starting)
	if p.doomed() != nil {
		s.tell(childDoomed)
	}
	if by == nil {
		return
	}
	r := by.relations()
	if r != gone {
		r.mu.Lock()
		x := r.makeRare()
		s.nextStart, x.starts = x.starts, s
		r.mu.Unlock()
	}
	if by.doomed() != nil {
		s.tell(callerDoomed)
	}
}

func (s *startup) delist() {
	p, by := s.p, s.by
	p.flags.And(^starting)
	sh := p.sys.shard(p)
	sh.mu.Lock()
	for at := &sh.startups; *at != nil; at = &(*at).next {
		if *at == s {
			*at, s.next = s.next, nil
			break
		}
	}
	sh.mu.Unlock()
	if by == nil {
		return
	}
	forget(by, func(r *relations) {
		for at := &r.makeRare().starts; *at != nil; at = &(*at).nextStart {
			if *at == s {
				*at, s.nextStart = s.nextStart, nil
				break
			}
		}
	})
}

// tellStartup tells the one that waits for p's Init.
func (s *System) tellStartup(p *process, tell func(*startup)) {
	sh := s.shard(p)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for s := sh.startups; s != nil; s = s.next {
		if s.p == p {
			tell(s)
		}
	}
}

// tellStarts tells an actor that waits for others' Inits. The lock must be held.
func (r *relations) tellStarts(n note) {
	if r.rare == nil {
		return
	}
	for s := r.rare.starts; s != nil; s = s.nextStart {
		s.tell(n)
	}
}

// ready ends the setup of an actor without Init. The actor sleeps, unless
// something has come for it already.
func (c *cell[M]) ready() {
	var batch queue.Batch[M]
	if c.box.Take(&batch) != queue.Asleep {
		came := hand[M]{Batch: batch} // the closure would have every spawn allocate batch
		go serve(&c.process, func() *doom { return c.resume(&came) })
	}
}
