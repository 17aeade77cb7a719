package actor

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// SlowHandler tells of a handler, an Init or a Terminate that has been running for
// longer than a [System.Watchdog] allows, and still runs.
type SlowHandler struct {
	PID   PID
	For   time.Duration // at least; it may have begun earlier
	Stack string        // of its goroutine; "" if that was not found
}

// ActorEvent implements [Event].
func (SlowHandler) ActorEvent() {}

// Watchdog reports handlers that run for longer than limit, until stop is called:
// each once, as a [SlowHandler] event and in the log, with the stack that shows what
// it does. It never acts; a handler that is late is not necessarily stuck. It is
// found out at the latest when it has taken a quarter longer than limit. Actors
// whose handlers take long on purpose say so with [Context.MayBlock]; tasks and
// supervised services do. Watchdog panics if limit is not positive.
//
// A watchdog looks at the actors that are awake four times in each limit. Actors
// pay nothing for that, neither when they handle messages nor in memory; without
// a watchdog nobody does. A report stops the program for a moment, to get the
// stack.
//
// OTP: erlang:system_monitor/2 with long_schedule.
func (s *System) Watchdog(limit time.Duration) (stop func()) {
	if limit <= 0 {
		panic("actor: Watchdog: the limit must be positive")
	}
	w := &watchdog{sys: s, limit: limit}
	s.watchdogs.Add(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(w.interval(), w.tick)
	return w.stop
}

// MayBlock says that a handler of this actor may take as long as it likes: a
// watchdog leaves the actor alone. It is for actors that work on one thing all
// their life.
func (c *Context[M]) MayBlock() { c.flags.Or(mayBlock) }

// watchdog finds handlers that do not return by leaving probes with their actors;
// see doom. An actor that still has the probe that was left with it has not begun
// to handle anything since.
type watchdog struct {
	sys   *System
	limit time.Duration

	mu      sync.Mutex
	timer   *time.Timer
	stopped bool
	seen    map[*process]sighting // the actors that were awake last time
}

// sighting is what the watchdog saw of an actor: its probe, or its doom, after
// which no handler begins either, and since when it has been there.
type sighting struct {
	mark  *doom
	since time.Time
	told  bool
}

func (w *watchdog) interval() time.Duration { return max(w.limit/4, time.Millisecond) }

func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end()
	w.timer.Stop()
}

// end stops the watchdog, once. The last one of a system takes the probes back; others
// leave them, because the probes are shared, and one that is taken away would make
// another watchdog report the same handler again.
func (w *watchdog) end() {
	if w.stopped {
		return
	}
	w.stopped = true
	if w.sys.watchdogs.Add(-1) == 0 {
		w.renew(nil)
	}
	w.seen = nil
}

// tick looks at the actors, reports, and sets the timer anew.
func (w *watchdog) tick() {
	w.mu.Lock()
	late := w.look(time.Now())
	w.mu.Unlock()

	w.report(late) // without the lock, for an observer may stop the watchdog

	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sys.closing.Load() && w.sys.Count() == 0 {
		w.end()
	}
	if !w.stopped {
		w.timer.Reset(w.interval())
	}
}

// look returns the sightings of the actors that have been running for too long, and
// have not been reported.
func (w *watchdog) look(now time.Time) map[*process]sighting {
	if w.stopped {
		return nil
	}
	late := make(map[*process]sighting)
	seen := make(map[*process]sighting)
	for _, p := range w.sys.processes(runs) {
		s := sighting{p.probe(), now, false}
		if before, ok := w.seen[p]; ok && before.mark == s.mark {
			s = before
		}
		if !s.told && now.Sub(s.since) >= w.limit {
			s.told = true
			late[p] = s
		}
		seen[p] = s
	}
	w.renew(seen)
	return late
}

func runs(p *process) bool {
	return p.typed.isRun() && !p.has(mayBlock)
}

// renew notes what has been seen, and takes the probes back of actors that were
// not: they have gone to sleep, and no runner of theirs will.
func (w *watchdog) renew(seen map[*process]sighting) {
	for p, s := range w.seen {
		if _, ok := seen[p]; !ok && s.mark.isProbe() {
			p.doom.CompareAndSwap(s.mark, nil)
		}
	}
	w.seen = seen
}

func (w *watchdog) report(late map[*process]sighting) {
	if len(late) == 0 {
		return
	}
	list := make([]*process, 0, len(late))
	for p := range late {
		list = append(list, p)
	}
	stacks := w.sys.dumps.take(list...)
	for p, s := range late {
		if p.doom.Load() != s.mark || p.has(ended) { // the handler has returned meanwhile
			continue
		}
		e := SlowHandler{PID{p}, time.Since(s.since), stacks[p]}
		attrs := append(identify("pid", e.PID), slog.Duration("for", e.For), slog.String("stack", e.Stack))
		w.sys.log.LogAttrs(context.Background(), slog.LevelWarn, "a handler runs long", attrs...)
		w.sys.Emit(e)
	}
}

// probe leaves a probe with the actor, unless there is one, or the actor is doomed.
// It returns what is there.
func (p *process) probe() *doom {
	for {
		if d := p.doom.Load(); d != nil {
			return d
		}
		if d := new(doom); p.doom.CompareAndSwap(nil, d) {
			return d
		}
	}
}
