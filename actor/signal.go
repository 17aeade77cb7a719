package actor

import "sync/atomic"

// A signal is what reaches an actor in the order of its messages but is none of
// them: an exit that it traps, a monitor's down, a request to stop.
type signal interface{ isSignal() }

type exitSignal struct {
	from *process // nil: sent from outside of any actor
	end  *doom    // the reason, judged
	link *link    // over which it came; nil if it was sent by Exit
}

type downSignal struct {
	monitor *monitor
	end     *doom
}

type stopSignal struct{ end *doom }

func (exitSignal) isSignal() {}
func (downSignal) isSignal() {}
func (stopSignal) isSignal() {}

// Exit is an exit signal that an actor trapped.
type Exit struct {
	From   PID // the peer that ended, or who sent it; zero if no actor did
	Reason error

	verdict *doom // nil if Reason can be judged again
}

// Crashed reports whether the reason is that of a crash, that is, not a clean one; see
// [IsClean]. It was found out where the reason came up, and calls none of its methods.
func (e Exit) Crashed() bool { return crashed(e.verdict, e.Reason) }

// Down tells that a monitored actor has ended.
type Down struct {
	Monitor Monitor // which of the watcher's monitors fired
	PID     PID     // who ended
	Reason  error   // why; NoProc if it had ended before it was monitored

	verdict *doom // nil if Reason can be judged again
}

// Crashed reports whether the reason is that of a crash; see [Exit.Crashed].
func (d Down) Crashed() bool { return crashed(d.verdict, d.Reason) }

// exit delivers an exit signal that was sent by Exit to p; unlinkedBy is for
// those of links. See the matrix in OTP's rules: EXIT-1 to EXIT-10.
//
// A lethal signal acts at once, ahead of what waits in the mailbox. A trapped
// one takes its place there, so that it cannot overtake what its sender sent
// before, and stays a message if the actor stops trapping meanwhile (EXIT-10).
func (p *process) exit(s exitSignal) {
	switch {
	case s.end.reason == Kill:
		p.kill(doomKilled)
	case p.has(trapsExits):
		if p.obeys(s) {
			p.leave()
		}
		p.typed.mark(s)
	case s.end != doomNormal || s.from == p:
		p.kill(s.end)
	}
}

// A link ties two actors: the end of one is an exit signal to the other. Both
// ends hold the same link. It is up while both live; then either the first one
// that dies breaks it or one end takes it down.
type link struct{ state atomic.Uint32 }

// The life of a link or a monitor: who moves it away from up decides whether
// there will be a signal, and a signal that waits in a mailbox is void unless
// it can move it from fired to settled.
const (
	up uint32 = iota
	fired
	settled
)

// settle ends a link whose signal has been handled, or need not be. It reports
// whether the signal still counts: not after an Unlink. A nil link, of a signal
// sent by Exit, always counts.
func (l *link) settle(p, peer *process) bool {
	if l == nil {
		return true
	}
	r := p.relations()
	r.mu.Lock()
	if now, _ := r.links.get(peer); now == l {
		r.links.delete(peer)
	}
	r.mu.Unlock()
	return l.state.CompareAndSwap(fired, settled)
}

// lockPair locks the relations of p and q, in one order for all, so that no two
// goroutines wait for each other. Those of an actor that ended without any are
// not locked: they are shared, and nobody changes them.
func lockPair(p, q *process) pair {
	if q.before(p) {
		p, q = q, p
	}
	locked := pair{p.relations(), q.relations()}
	for _, r := range locked {
		if r != gone {
			r.mu.Lock()
		}
	}
	return locked
}

// pair is the relations of two actors, locked.
type pair [2]*relations

func (locked pair) unlock() {
	for _, r := range locked {
		if r != gone {
			r.mu.Unlock()
		}
	}
}

// before puts the actors of all systems in one order.
func (p *process) before(q *process) bool {
	return p.serial < q.serial || p.serial == q.serial && p.sys.id < q.sys.id
}

// linked reports whether p has a link with q. It takes one lock where connect takes
// two: supervisors link to children that are linked already.
func linked(p, q *process) bool {
	r := p.relations()
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.links.get(q)
	return ok
}

// connect links p and q. It reports false if one of them has ended, and true if
// there is a link already.
func connect(p, q *process) bool {
	defer lockPair(p, q).unlock()
	a, b := p.rel.Load(), q.rel.Load()
	if _, linked := a.links.get(q); linked {
		return true
	}
	if a.closed || b.closed {
		return false
	}
	l := new(link)
	a.links.set(q, l)
	b.links.set(p, l)
	return true
}

// connectDead links p to q, which has ended: the link's signal is on its way at
// once. It reports false if p has ended itself.
func connectDead(p, q *process) bool {
	r := p.relations()
	r.mu.Lock()
	_, linked := r.links.get(q)
	add := !linked && !r.closed
	l := new(link)
	if add {
		l.state.Store(fired)
		r.links.set(q, l)
	}
	r.mu.Unlock()
	if add {
		p.typed.mark(exitSignal{from: q, end: doomNoProc, link: l})
	}
	return add || linked
}

// disconnect takes the link between p and q down, if there is one. A signal of
// it that waits in a mailbox will not be handled.
func disconnect(p, q *process) {
	defer lockPair(p, q).unlock()
	a, b := p.rel.Load(), q.rel.Load()
	if l, ok := a.links.get(q); ok {
		l.state.Store(settled)
		a.links.delete(q)
		if !b.closed {
			b.links.delete(p)
		}
	}
}

// unlinkedBy tells p that peer, linked by l, has ended.
//
// Whether the signal still counts and whether it dooms p is settled in one step,
// under the lock that an Unlink takes: an actor that lives when its Unlink has
// returned will not die of that link.
func (p *process) unlinkedBy(peer *process, l *link, end *doom) {
	if l.state.Load() != up {
		return
	}
	r := p.rel.Load() // not nil, p has a link
	r.mu.Lock()
	won := l.state.CompareAndSwap(up, fired)
	traps := p.has(trapsExits)
	lethal := won && !traps && end != doomNormal
	doomed := lethal && p.condemn(end)
	r.mu.Unlock()
	switch {
	case doomed:
		p.shut(end)
	case !won || lethal:
	case traps:
		s := exitSignal{from: peer, end: end, link: l}
		if p.obeys(s) {
			p.leave()
		}
		p.typed.mark(s)
	default:
		l.settle(p, peer)
	}
}

// obeys reports whether an exit signal that p traps ends it all the same: it comes from
// its parent, or from the system, which stands in for a lost parent.
func (p *process) obeys(s exitSignal) bool { return s.from == p.parent || s.from == p.sys.root }

// monitor is one watcher's interest in one target.
type monitor struct {
	watcher, target *process
	state           atomic.Uint32
}

// Monitor identifies a monitor that an actor has set. It is comparable.
type Monitor struct{ m *monitor }

// watch sets a monitor. If the target has ended, the monitor fires at once.
func watch(watcher, target *process) *monitor {
	m := &monitor{watcher: watcher, target: target}
	if watcher == target {
		return m // never fires
	}
	w := watcher.relations()
	w.mu.Lock()
	open := !w.closed
	if open {
		w.watching.set(m, struct{}{})
	}
	w.mu.Unlock()
	if !open {
		return m
	}
	t := target.relations()
	t.mu.Lock()
	open = !t.closed
	if open {
		t.watchers.set(m, struct{}{})
	}
	t.mu.Unlock()
	if !open {
		m.fire(doomNoProc)
	} else if m.state.Load() == settled { // the watcher was abandoned meanwhile
		forget(target, func(r *relations) { r.watchers.delete(m) })
	}
	return m
}

// fire tells the watcher that the target has ended.
func (m *monitor) fire(end *doom) {
	if m.state.CompareAndSwap(up, fired) {
		m.watcher.typed.mark(downSignal{m, end})
	}
}

// settle ends a monitor whose signal is being handled. It reports whether the
// signal still counts: not after a Demonitor.
func (m *monitor) settle() bool {
	if !m.state.CompareAndSwap(fired, settled) {
		return false
	}
	forget(m.watcher, func(r *relations) { r.watching.delete(m) })
	return true
}

// drop takes the monitor down: it will not fire, and if it has, its signal is
// void. It reports whether it was up.
func (m *monitor) drop() bool {
	was := m.state.Swap(settled)
	forget(m.watcher, func(r *relations) { r.watching.delete(m) })
	forget(m.target, func(r *relations) { r.watchers.delete(m) })
	return was == up && m.watcher != m.target
}

// forget runs f on p's relations if it has any.
func forget(p *process, f func(*relations)) {
	if r := p.rel.Load(); r != nil && r != gone {
		r.mu.Lock()
		defer r.mu.Unlock()
		f(r)
	}
}
