package actor

import (
	"context"
	"sync"
	"time"
)

// The life of an actor. It goes down this table; it may skip rows, and never goes up,
// except between asleep and running.
//
//	state      entered by                         what holds there
//	starting   boot, if there is an Init          name, link and monitor are set, messages
//	                                              queue; the spawner waits (startup.go)
//	asleep     a runner that finds nothing        no goroutine; the next sender starts one
//	running    the sender that found it asleep    there is one runner at a time
//	leaving    leave, or PID.Stop                 it handles what came before; a spawn waits
//	                                              for its name
//	doomed     condemn, by kill or unlinkedBy     no handler starts, sends are dropped, calls
//	                                              fail, the context is cancelled (shut)
//	ended      bury, or abandon                   the four steps below are being taken
//	returned   buried                             nothing of the user's runs any more, and
//	                                              the behavior is let go
//
// An abandoned actor has ended and has not returned. An actor that ends by itself is
// doomed by bury.
//
// The end becomes known in this order:
//
//  1. what waits in the mailbox becomes dead letters (close);
//  2. names and other resources are released, so that the actor cannot be found
//     under a name any more when its death is heard of (giveUpOwned);
//  3. the calls that wait fail, linked actors get their signals, then monitors fire, and
//     the parent hears of it last, by its link and then by its monitors (tell);
//  4. Done is closed, and observers are told (tell).
//
// Release is users' code. It may panic, call runtime.Goexit, or never return. So a
// resource is taken off the list before it is released, and the rest is done in deferred
// calls, on what is left of the goroutine. If it never returns the actor is stuck as in a
// handler, and Abandon goes on where it stands: steps 1 and 2 can be done by two
// goroutines, and steps 3 and 4 belong to the one that takes the ties. Abandon itself
// releases all at once, each on a goroutine of its own, and waits for a moment only.

func (p *process) has(flag uint32) bool { return p.flags.Load()&flag != 0 }

// doomed returns p's doom, or nil if p lives.
func (p *process) doomed() *doom {
	if d := p.doom.Load(); d != nil && !d.isProbe() {
		return d
	}
	return nil
}

// condemn gives p its doom. It reports false if p has one.
func (p *process) condemn(d *doom) bool {
	for {
		old := p.doom.Load()
		if old != nil && !old.isProbe() {
			return false
		}
		if p.doom.CompareAndSwap(old, d) {
			return true
		}
	}
}

// kill dooms the actor, unless it is doomed already, and makes sure that it notices.
func (p *process) kill(d *doom) {
	if p.condemn(d) {
		p.shut(d)
	}
}

// shut is the rest of a kill. The goroutine that has doomed the actor calls it.
func (p *process) shut(d *doom) {
	p.typed.close()
	p.endWaits(d.reason)
	if p.has(starting) {
		p.sys.tellStartup(p, func(s *startup) { s.tell(childDoomed) })
	}
}

// leave notes that p is bound to end, though not doomed: it has been sent a signal that it
// traps but obeys, and still has to handle what came before. The actors that p is starting
// are told as well, because p handles nothing before their Inits have returned.
func (p *process) leave() {
	p.flags.Or(leaving)
	forget(p, func(r *relations) { r.tellStarts(callerLeaving) })
}

// isLeaving reports whether p is bound to end: a name that it has will soon be free.
func (p *process) isLeaving() bool { return p.doomed() != nil || p.has(leaving) }

// endWaits ends the waits of others for the actor, then its own, with its context. In that
// order: what it answers because it is doomed reaches nobody.
func (p *process) endWaits(reason error) {
	r := p.rel.Load()
	if r == nil {
		return
	}
	r.mu.Lock()
	calls := r.calls.others
	r.calls.others = smallMap[*pendingCall, struct{}]{}
	waits := r.rare != nil // if it gets one later, it sees its doom
	r.mu.Unlock()
	for c := range calls.all() {
		c.calleeEnded(reason)
	}
	if kept := r.calls.kept.Load(); kept != nil {
		kept.calleeEnded(reason)
	}
	if waits {
		r.endOwnWaits(reason)
	}
}

func (r *relations) endOwnWaits(reason error) {
	r.mu.Lock()
	cancel, asking := r.rare.cancel, r.rare.asking
	r.rare.asking = smallMap[*pendingCall, struct{}]{}
	r.tellStarts(callerDoomed)
	r.mu.Unlock()
	if cancel != nil {
		cancel(reason)
	}
	for c := range asking.all() {
		c.fail(firstTurn, context.Canceled)
	}
}

// isTold reports whether everybody has been told that p has ended.
func (p *process) isTold() bool {
	r := p.rel.Load()
	if r == nil || r == gone {
		return r == gone
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.told
}

// bury ends an actor that has no runner any more. The death becomes known, unless the
// actor was abandoned: then that has happened before. It runs at the bottom of a
// runner's stack, and few calls deep, because a stack that is full has to be moved.
func (p *process) bury(d *doom) {
	p.condemn(d)
	behavior := p.shownIfObserved()
	if p.flags.Or(ended)&ended == 0 {
		r := p.close()
		if r.owns() {
			p.giveUpThenTell(r, behavior)
			return
		}
		p.tell(r, behavior)
	}
	p.buried()
}

// giveUpThenTell is the rest of bury for an actor that owns something.
func (p *process) giveUpThenTell(r *relations, behavior any) {
	defer p.buried()
	defer p.tell(r, behavior)
	p.giveUpOwned(r, p.doom.Load().reason) // a kill during Terminate came first
}

// buried lets go of what an ended actor held.
func (p *process) buried() {
	if p.flags.Or(returned)&abandoned != 0 {
		p.sys.stuck.remove(p)
	}
	p.typed.clear()
}

// close takes step 1, and returns what is left to be untied: nil if there was nothing.
func (p *process) close() *relations {
	p.typed.close()
	p.typed.discard()
	if p.rel.Load() == nil {
		p.sys.remove(p) // first, because gone counts as told
		if p.rel.CompareAndSwap(nil, gone) {
			return nil
		}
	}
	return p.rel.Load()
}

// tell takes steps 3 and 4, unless another goroutine does. Each step has a function, and
// so a frame, of its own. The behavior is for observers.
func (p *process) tell(r *relations, behavior any) {
	d := p.doom.Load()
	if r != nil {
		was, mine := r.takeTies()
		if !mine {
			return
		}
		p.endWaits(d.reason)
		p.sys.remove(p)
		was.dropMonitors()
		p.tellTied(&was, d)
		r.tellWaiting()
	}
	if p.has(untold) {
		p.announceEnd(d, behavior)
	}
}

// takeTies empties the relations for good, and returns what there was. It reports
// false to all but the first.
func (r *relations) takeTies() (was ties, mine bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.taken {
		return was, false
	}
	r.sealed, r.closed, r.taken = true, true, true
	was, r.ties = r.ties, ties{}
	return was, true
}

// owns reports whether there is something to be released. Nothing is added from then
// on. Links and monitors still can be, and are told with the others: if they were refused
// their owners would hear of the end too early.
func (r *relations) owns() bool {
	if r == nil || r == gone {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sealed = true
	return r.owned.key != nil || r.owned.rare != nil || r.rare != nil && len(r.rare.releasing) > 0
}

// takeOwned takes one resource off the list, or returns nil. If there are many they
// move to a list first, because finding one in a map that becomes empty takes ever longer.
func (r *relations) takeOwned() Resource {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.owned.rare != nil {
		x := r.makeRare()
		for resource := range r.owned.all() {
			x.releasing = append(x.releasing, resource)
		}
		r.owned = smallMap[Resource, struct{}]{}
	}
	if r.rare != nil && len(r.rare.releasing) > 0 {
		list := r.rare.releasing
		r.rare.releasing = list[1:]
		return list[0]
	}
	resource := r.owned.key
	r.owned.key = nil
	return resource
}

func (p *process) giveUpOwned(r *relations, reason error) {
	var resource Resource
	defer func() {
		if resource == nil {
			return
		}
		failure := error(Goexit)
		if v := recover(); v != nil {
			failure = Recovered(v)
		}
		logCrash(p, failure, nil)
		for other := r.takeOwned(); other != nil; other = r.takeOwned() {
			p.releaseGuarded(other, reason) // not here: each failure in the one before would have the stack overflow
		}
	}()
	for resource = r.takeOwned(); resource != nil; resource = r.takeOwned() {
		resource.Release(PID{p}, reason)
	}
}

// releaseGrace is how long an Abandon waits for what the actor owns to be released.
const releaseGrace = time.Second

// abandonOwned is giveUpOwned on a goroutine that is not the runner.
func (p *process) abandonOwned(r *relations, reason error) {
	if !r.owns() {
		return
	}
	var all sync.WaitGroup
	for resource := r.takeOwned(); resource != nil; resource = r.takeOwned() {
		all.Go(func() { p.releaseGuarded(resource, reason) })
	}
	guardFor(releaseGrace, func() error { all.Wait(); return nil })
}

func (p *process) releaseGuarded(resource Resource, reason error) {
	err := Guard(context.Background(), func() error { resource.Release(PID{p}, reason); return nil })
	if err != nil {
		logCrash(p, err, nil)
	}
}

func (was *ties) dropMonitors() {
	for m := range was.watching.all() {
		m.drop()
	}
}

// tellTied tells the parent last: a supervisor starts the next incarnation at once. That
// one must find the names of the last one's helpers free, or see that they are about to
// be, and must not be heard of before the end of the last one by those that watched it.
// Whatever is told twice hears of the exit before the down.
func (p *process) tellTied(was *ties, d *doom) {
	for peer, l := range was.links.all() {
		if peer != p.parent {
			peer.unlinkedBy(p, l, d)
		}
	}
	for m := range was.watchers.all() {
		if m.watcher != p.parent {
			m.fire(d)
		}
	}
	if p.parent != nil {
		p.tellParent(was, d)
	}
}

func (p *process) tellParent(was *ties, d *doom) {
	if l, ok := was.links.get(p.parent); ok {
		p.parent.unlinkedBy(p, l, d)
	}
	for m := range was.watchers.all() {
		if m.watcher == p.parent {
			m.fire(d)
		}
	}
}

func (r *relations) tellWaiting() {
	r.mu.Lock()
	r.told = true
	if s := r.rare; s != nil && s.done != nil {
		close(s.done)
	}
	r.mu.Unlock()
}
