package actor

import (
	"fmt"
	"sync/atomic"
)

// Exit is an exit signal that an actor trapped.
type Exit struct {
	From   PID // the peer that ended, or the sender; zero if no actor sent it
	Reason error

	verdict *doom // nil if Reason can be judged again
}

// Crashed reports whether the reason is that of a crash, that is, not a clean one; see
// [IsClean]. It was found out where the reason came up, and calls none of its methods.
func (e Exit) Crashed() bool { return crashed(e.verdict, e.Reason) }

// A link ties two actors: the end of one is an exit signal to the other. Both
// ends hold the same link. It is up while both live; then either the first one
// that dies breaks it or one end takes it down.
type link struct{ state atomic.Uint32 }

// The life of a link or a monitor: the goroutine that moves it away from up decides
// whether there will be a signal, and a signal that waits in a mailbox is void unless it
// can move it from fired to settled.
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
		p.typed.mark(exitSignal{from: q, end: judge(NoProc), link: l})
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

// TrapExit says whether the actor traps exit signals: those that come from then on go
// to its [ExitHandler], in their place among the messages, and do not end the actor.
// The exit of its parent still does, with Terminate.
//
// OTP: process_flag(trap_exit, true).
func (c *Context[M]) TrapExit(trap bool) {
	if trap {
		c.flags.Or(trapsExits)
	} else {
		c.flags.And(^trapsExits)
	}
}

// Link ties this actor to another: when one ends, the other gets an exit signal
// with its reason. There is at most one link between two actors, and linking to
// oneself does nothing. If the other has ended, an actor that traps exits gets an
// exit with reason [NoProc], and any other gets an error that wraps NoProc.
func (c *Context[M]) Link(to PID) error {
	p := &c.process
	if to.p == p || to.p != nil && (linked(p, to.p) || connect(p, to.p)) {
		return nil
	}
	if to.p != nil && c.has(trapsExits) && connectDead(p, to.p) {
		return nil
	}
	return fmt.Errorf("actor: link to %s: %w", to.subject(), NoProc)
}

// Unlink takes the link to another actor down, if there is one. After it returns
// no exit signal of that link will be handled, not even one that waits in the
// mailbox already.
func (c *Context[M]) Unlink(from PID) {
	if from.p != nil && from.p != &c.process {
		disconnect(&c.process, from.p)
	}
}

// Exit sends an exit signal with this actor as the sender; see [PID.Exit]. Sent
// to itself it ends the actor after the present handler, with [Normal] too,
// unless the actor traps exits.
func (c *Context[M]) Exit(to PID, reason error) {
	if to.p != nil {
		to.p.exit(exitSignal{from: &c.process, end: judge(reasonOrNormal(reason))})
	}
}
