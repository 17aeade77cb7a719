package actor

import (
	"context"
	"reflect"
)

// How the observers of a system are told of an actor's birth, crash and end. After the end
// nobody can ask it, so the events say what there is to know.
//
// Exited must come after Spawned, and once. A runner, and so its end, begins when Spawned
// has been told. But the actor can be found by its name by then, killed and abandoned. So
// while Spawned is being told the actor has the flag announcing, and of the spawner and the
// one that abandons the actor the second one tells Exited: each makes its mark, and looks
// for that of the other, in one step.

// announce tells of p's spawn. It is called only if the actor has the flag announcing.
func (p *process) announce() {
	behavior := p.typed.shown()
	p.sys.Emit(Spawned{
		PID:      PID{p},
		Parent:   PID{p}.Parent(),
		Behavior: p.sys.userType(behavior),
		Name:     PID{p}.Name(),
		Label:    p.ownLabel(),
	})
	if p.flags.And(^announcing)&endsEarly != 0 {
		p.emitExit(p.doom.Load(), behavior)
	}
}

// announceEnd tells of p's end. The behavior is as shown said before that began.
func (p *process) announceEnd(d *doom, behavior any) {
	if p.has(announcing) && p.flags.Or(endsEarly)&announcing != 0 {
		return
	}
	p.emitExit(d, behavior)
}

func (p *process) emitExit(d *doom, behavior any) {
	p.sys.Emit(Exited{
		PID:      PID{p},
		Parent:   PID{p}.Parent(),
		Behavior: p.sys.userType(behavior),
		Name:     PID{p}.Name(),
		Label:    PID{p}.Label(),
		Started:  PID{p}.Started(),
		Reason:   d.reason,
		verdict:  d.verdict(),
	})
	p.sys.shard(p).toldEnd()
}

// untoldEnds counts the ends of a shard's actors that observers have yet to be told of. The
// lock of the shard guards it. An end counts from when the actor is off the list, so one that
// sees no actor there sees the ends of all.
type untoldEnds struct {
	n    int
	none chan struct{} // closed when n becomes 0; nil unless somebody waits
}

func (sh *shard) toldEnd() {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.untold.n--
	if sh.untold.n == 0 && sh.untold.none != nil {
		close(sh.untold.none)
		sh.untold.none = nil
	}
}

// allTold returns a channel that is closed when observers have been told of all ends, or nil
// if they have been.
func (sh *shard) allTold() <-chan struct{} {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.untold.n == 0 {
		return nil
	}
	if sh.untold.none == nil {
		sh.untold.none = make(chan struct{})
	}
	return sh.untold.none
}

// finishTelling is the end of a Shutdown: observers are told of the last ends. It takes no
// longer than they may hang, and if ctx is done no longer than a killed actor may.
func (s *System) finishTelling(ctx context.Context) {
	if s.awaitTold(ctx.Done()) {
		return
	}
	moment, cancel := context.WithTimeout(context.Background(), killGrace)
	defer cancel()
	s.awaitTold(moment.Done())
}

// awaitTold waits until observers have been told of the ends of all actors that are off the
// list. It reports false if over was closed before.
func (s *System) awaitTold(over <-chan struct{}) bool {
	for i := range s.shards {
		all := s.shards[i].allTold()
		if all == nil {
			continue
		}
		select {
		case <-all:
		case <-over:
			return false
		}
	}
	return true
}

// emitCrash tells of a crash. Behavior is nil if the caller is not the actor's runner.
func emitCrash(p *process, reason error, behavior any) {
	if behavior == nil {
		behavior = p.typed.shown()
	}
	load := p.typed.load()
	p.sys.Emit(Crashed{
		PID:      PID{p},
		Parent:   PID{p}.Parent(),
		Behavior: p.sys.userType(behavior),
		Name:     PID{p}.Name(),
		Label:    PID{p}.Label(),
		Waiting:  load.Waiting,
		Handled:  load.Taken,
		Reason:   reason,
	})
}

// shownIfObserved returns the behavior for the event of p's end, before that begins: or, if p
// has become another since it was spawned, the first.
func (p *process) shownIfObserved() any {
	if !p.sys.Observed() {
		return nil
	}
	if t := p.first(); t != nil {
		return first{t}
	}
	return p.typed.shown()
}

// first is what remains of the behavior that an actor was spawned with.
type first struct{ shown reflect.Type }

// noteFirst keeps the type of the behavior that p was spawned with, when it becomes another.
func (p *process) noteFirst(behavior any) {
	if p.first() != nil {
		return
	}
	t := p.sys.userType(behavior)
	p.noteRare(func(x *rareRelations) { x.first = t })
}

// first returns the type that p was spawned with if it has become another while it was
// observed, or nil.
func (p *process) first() (t reflect.Type) {
	forget(p, func(r *relations) {
		if r.rare != nil {
			t = r.rare.first
		}
	})
	return t
}

// userType returns the type of a behavior as others are shown it, see [Wrapper]. It may be
// called on any goroutine. A Wrapper is not trusted.
func (s *System) userType(behavior any) reflect.Type {
	if f, ok := behavior.(first); ok {
		return f.shown
	}
	t := reflect.TypeOf(behavior)
	w, ok := behavior.(Wrapper)
	if !ok {
		return t
	}
	var wrapped reflect.Type
	err, returned := s.wrappers.call(func() error { wrapped = w.Wrapped(); return nil })
	if returned && err == nil && wrapped != nil {
		return wrapped
	}
	return t
}

// shown implements typed. The runner sets the behavior to another under the lock of the
// actor's shard, and others read it under that lock: but not any more when the actor is off
// the list of its system, for from then on the runner clears it without. The runner of an
// actor that was abandoned clears it under the lock.
func (c *cell[M]) shown() any {
	sh := c.sys.shard(&c.process)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if c.has(ended) && !c.has(listed) {
		return nil
	}
	return c.behavior
}
