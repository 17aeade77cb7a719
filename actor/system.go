package actor

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Config says how a [System] is made. The zero Config is a good one.
type Config struct {
	// Node is the first part of PIDs, "0" by default. Give each system that logs
	// to one place a node of its own.
	Node string
	// Logger gets crash reports and the like; slog.Default() if nil.
	Logger *slog.Logger
	// Instruments see what the actors do, for metrics and traces, and hand on what belongs
	// to a request. Without them nothing is paid for that.
	Instruments []Instrument
	// ProfileLabels has the goroutines that run actors carry the label "behavior" in profiles
	// of package runtime/pprof: the type of the actor's behavior. With
	//
	//	go tool pprof -tagfocus 'behavior=main.cart' profile
	//
	// it is seen what one kind of actor costs, or what its goroutines wait for. What a handler
	// starts goes under its actor's label. It costs some 100 ns each time an actor wakes up,
	// and nothing without.
	ProfileLabels bool
}

// System is a set of actors that share a name table, a log and a shutdown. A
// program has one, a test as many as it likes. All methods may be called from any
// goroutine.
type System struct {
	id   uint64 // its number among the systems of this program
	node string
	log  *slog.Logger
	born time.Time

	instruments atomic.Pointer[instruments] // nil if there are none

	serial atomic.Uint64
	root   *process // stands for the system: the parent of actors without one
	nobody *process // has ended; stands for the zero PID
	shards [shards]shard

	backlog backlog
	names   names

	// wakers recycles the channels of calls, startups those of spawns, and guards, questions
	// and tellings those of guarded calls. A channel is given back empty, and the claimer of a
	// call sends on it once: a late reply cannot reach a later call. The pools are not global,
	// because a channel made in a synctest bubble must not be used outside of it.
	wakers, startups, guards, tolds, questions, tellings sync.Pool
	visits                                               visits // of instruments

	observers   atomic.Pointer[[]*observer]
	deadLetters atomic.Uint64
	deadLogged  atomic.Uint64 // how many of them the log has told
	deadLogTime atomic.Int64  // when the log last told, in Unix nanoseconds
	abandoned   atomic.Int64
	stuck       stuck
	dumps       dumper
	labelers    bounded
	wrappers    bounded
	depth       struct{ tellings, questions depths }
	closing     atomic.Bool
	watchdogs   atomic.Int32 // that run
	meters      meters
	profiled    bool
}

const shards = 16

// A shard holds the actors whose serial numbers fall into it, in spawn order.
type shard struct {
	mu          sync.Mutex
	first, last *process
	n           int
	startups    *startup // of those whose Init runs
	untold      untoldEnds
	_           [8]byte // a cache line of its own
}

// systems counts the systems that this program has made.
var systems atomic.Uint64

// NewSystem returns a system without actors.
func NewSystem(cfg Config) *System {
	s := &System{id: systems.Add(1), node: cmp.Or(cfg.Node, "0"), born: time.Now()}
	s.log = slog.New(newGuardedHandler(cmp.Or(cfg.Logger, slog.Default()).Handler()))
	s.wakers.New = func() any { return make(chan struct{}, 1) }
	s.startups.New = newStartup
	s.tolds.New = func() any { return newTold(s) }
	s.guards.New = func() any { return newGuardedCall() }
	s.questions.New = func() any { return newBoundedCall(patience, &s.depth.questions) }
	s.tellings.New = func() any { return newTelling(&s.depth.tellings) }
	s.labelers.spare, s.wrappers.spare = &s.questions, &s.questions
	s.instruments.Store(s.install(cfg.Instruments))
	s.profiled = cfg.ProfileLabels
	s.root = &process{sys: s}
	s.nobody = &process{sys: s}
	s.nobody.doom.Store(judge(NoProc))
	s.nobody.rel.Store(gone)
	s.instruments.Load().installed()
	return s
}

// Logger returns the logger of the system, for code that reports on its actors. It is
// that of the Config with a guard around it: a handler that panics or calls
// runtime.Goexit costs its record, and nothing else. One that has not returned after five
// seconds is left alone, and the records that come until it returns are lost.
func (s *System) Logger() *slog.Logger { return s.log }

// age returns how old the system is, in units of tick. It is what actors keep of
// the time of their spawn: 32 bits are enough for 13 years.
func (s *System) age() uint32 { return uint32(time.Since(s.born) / tick) }

const tick = 100 * time.Millisecond

func (s *System) shard(p *process) *shard { return &s.shards[p.serial%uint64(len(s.shards))] }

// add puts p on the list of actors. It fails if the system is shutting down, or if p, which
// can be found by its name, was abandoned already.
func (s *System) add(p *process) error {
	sh := s.shard(p)
	sh.mu.Lock()
	if s.closing.Load() {
		sh.mu.Unlock()
		return ErrClosed
	}
	if p.has(ended) {
		sh.mu.Unlock()
		return p.doom.Load().reason
	}
	sh.link(p, nil)
	sh.n++
	if s.Observed() {
		p.flags.Or(listed | announcing)
	} else {
		p.flags.Or(listed)
	}
	sh.mu.Unlock()
	if p.has(announcing) {
		p.announce()
	}
	return nil
}

// remove takes p off the list, if it is on it.
func (s *System) remove(p *process) {
	sh := s.shard(p)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if !p.has(listed) {
		return
	}
	sh.unlink(p)
	p.flags.And(^listed)
	sh.n--
	if s.Observed() {
		p.flags.Or(untold)
		sh.untold.n++
	}
}

// Count returns the number of actors that have not ended.
func (s *System) Count() int {
	n := 0
	for i := range s.shards {
		s.shards[i].mu.Lock()
		n += s.shards[i].n
		s.shards[i].mu.Unlock()
	}
	return n
}

// Actors returns the actors that have not ended, in the order of their spawns.
func (s *System) Actors() []PID {
	list := s.processes(func(*process) bool { return true })
	pids := make([]PID, len(list))
	for i, p := range list {
		pids[i] = PID{p}
	}
	return pids
}

func (s *System) processes(want func(*process) bool) []*process {
	var list []*process
	s.walk(func(p *process) bool {
		if want(p) {
			list = append(list, p)
		}
		return true
	})
	slices.SortFunc(list, func(a, b *process) int { return cmp.Compare(a.serial, b.serial) })
	return list
}

// DeadLetters returns how many messages were not handled, because their actor had
// ended or its mailbox was full.
func (s *System) DeadLetters() uint64 { return s.deadLetters.Load() }

// Abandoned returns how many actors have been abandoned; see [PID.Abandon].
func (s *System) Abandoned() int { return int(s.abandoned.Load()) }

// Stuck returns the actors that have been abandoned and whose handlers have not
// returned to this day, in the order of their spawns.
func (s *System) Stuck() []PID {
	s.stuck.mu.Lock()
	defer s.stuck.mu.Unlock()
	pids := make([]PID, 0, len(s.stuck.set))
	for p := range s.stuck.set {
		pids = append(pids, PID{p})
	}
	slices.SortFunc(pids, func(a, b PID) int { return cmp.Compare(a.p.serial, b.p.serial) })
	return pids
}

// Shutdown ends all actors. It spawns no more. It sends [Shutdown] to the actors without a
// parent, in reverse order of their spawns: to each when the one before has ended with all
// that it supervises. Then it sends it to those that are left. When ctx is done it kills
// the rest, and abandons those whose handlers still do not return. At last it waits until
// the observers have been told of all the ends; see [System.Observe] for how long one may take.
// When ctx is done it waits no more than 100 ms for that.
//
// It returns nil if nothing of the system runs any more. It returns a [*ShutdownError] if
// an actor had to be killed, or if the handler of an abandoned one still runs, however long
// ago that was: what the caller closes next may be in use.
//
// An actor cannot wait for that, as it would wait for itself: with an actor's
// context Shutdown fails with [ErrSelf].
func (s *System) Shutdown(ctx context.Context) error {
	if p := caller(ctx); p != nil && p.sys == s {
		return fmt.Errorf("actor: shut down, called by %s: %w", PID{p}.subject(), ErrSelf)
	}
	s.close()
	defer s.meters.close()
	killed := s.endAll(ctx)
	s.finishTelling(ctx)
	if len(killed) == 0 {
		s.stuck.wait(killGrace) // a handler may be about to return
	}
	return s.shutdownError(killed)
}

// endAll ends all actors, and returns those that it had to kill.
func (s *System) endAll(ctx context.Context) (killed []PID) {
	isTop := func(p *process) bool { return p.parent == s.root }
	all := func(*process) bool { return true }
	for _, want := range []func(*process) bool{isTop, all} {
		for _, p := range slices.Backward(s.processes(want)) {
			p.exit(exitSignal{from: s.root, end: doomShutdown})
			select {
			case <-PID{p}.Done():
			case <-ctx.Done():
				return s.killRest()
			}
		}
	}
	return nil
}

// shutdownError returns what Shutdown returns.
func (s *System) shutdownError(killed []PID) error {
	stuck := s.Stuck()
	if len(killed) == 0 && len(stuck) == 0 {
		return nil
	}
	isStuck := make(map[PID]bool, len(stuck))
	for _, p := range stuck {
		isStuck[p] = true
	}
	return &ShutdownError{
		Killed:    slices.DeleteFunc(killed, func(p PID) bool { return isStuck[p] }),
		Abandoned: stuck,
	}
}

// close makes add refuse. It takes each shard's lock once, so that a spawn that was
// adding is done and will be found.
func (s *System) close() {
	s.closing.Store(true)
	for i := range s.shards {
		s.shards[i].mu.Lock()
		s.shards[i].mu.Unlock() //lint:ignore SA2001 a barrier
	}
}

// killRest kills all. Actors that those have started meanwhile are among the rest: none
// starts when add refuses.
func (s *System) killRest() []PID {
	left := s.processes(func(*process) bool { return true })
	killAll(left, killGrace, nil)
	killed := make([]PID, len(left))
	for i, p := range left {
		killed[i] = PID{p}
	}
	return killed
}

// deadLogEvery is the least time between two log lines about dead letters.
const deadLogEvery = 10 * time.Second

// logDeadLetters logs the number of dead letters, and the recipient and the reason of
// the latest. Observe reports each one.
func (s *System) logDeadLetters(to *process, reason error) {
	now, last := time.Now().UnixNano(), s.deadLogTime.Load()
	if now-last < int64(deadLogEvery) || !s.deadLogTime.CompareAndSwap(last, now) {
		return
	}
	n := s.deadLetters.Load()
	attrs := append(called("to", PID{to}, to.ownLabel()), // no sender waits for a Labeler
		slog.Any("reason", reason), slog.Uint64("new", n-s.deadLogged.Swap(n)), slog.Uint64("total", n))
	s.log.LogAttrs(context.Background(), slog.LevelInfo, "dead letters", attrs...)
}
