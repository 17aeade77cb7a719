package actor

import (
	"strconv"
)

// PID is the identity of an actor, whatever its message type: what links,
// monitors, supervisors and logs use. It is comparable and can be a map key. A
// PID is never used again, and stays safe to use after its actor's end. The zero
// PID is nobody.
//
// All methods may be called from any goroutine.
type PID struct{ p *process }

// String returns the PID as <node.serial>.
func (p PID) String() string {
	if p.p == nil {
		return "<>"
	}
	return "<" + p.p.sys.node + "." + strconv.FormatUint(p.p.serial, 10) + ">"
}

// MarshalText returns the same as String, so that PIDs are readable in logs.
func (p PID) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// IsZero reports whether p is the zero PID.
func (p PID) IsZero() bool { return p.p == nil }

// Name returns the name that the actor has, or had when it ended, or "".
func (p PID) Name() string {
	if p.p == nil {
		return ""
	}
	r := p.p.rel.Load()
	if r == nil {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rare == nil {
		return ""
	}
	return r.rare.name
}

// Alive reports whether the actor lives. It is false from the moment that a
// lethal signal has reached the actor, though a handler may still be running;
// see Done.
func (p PID) Alive() bool {
	return p.p != nil && p.p.doomed() == nil
}

// Exit sends an exit signal that comes from no actor, with the given reason, nil
// meaning [Normal]. An actor that does not trap exits ends with that reason, or ignores
// it if it is Normal. [Kill] cannot be trapped. Exit returns at once; the end comes
// later. Within an actor, use [Context.Exit].
//
// OTP: exit/2.
func (p PID) Exit(reason error) {
	if p.p != nil {
		p.p.exit(exitSignal{end: judge(reasonOrNormal(reason))})
	}
}

// Done returns a channel that is closed when the actor has ended: its last
// handler has returned, its names are free, links and monitors have been told.
// For the zero PID it is closed already.
func (p PID) Done() <-chan struct{} {
	if p.p == nil {
		return closedChan
	}
	r := p.p.relations()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.told {
		return closedChan
	}
	s := r.makeRare()
	if s.done == nil {
		s.done = make(chan struct{})
	}
	return s.done
}

var closedChan = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Err returns nil until the actor has ended or is bound to end, and then the
// reason.
func (p PID) Err() error {
	if p.p == nil {
		return NoProc
	}
	if d := p.p.doomed(); d != nil {
		return d.reason
	}
	return nil
}

// Crashed reports whether the actor has crashed: it has ended, or is bound to, and not
// with a clean reason; see [Exit.Crashed].
func (p PID) Crashed() bool {
	if p.p == nil {
		return false
	}
	d := p.p.doomed()
	return d != nil && !d.clean
}

// ClaimRecord reports whether the actor has crashed and nothing has logged that: a kill, or
// another exit signal, ended it. It is true for the first caller only, which logs it. Actors
// that ended of one failure, over links, have one record between them. It is for those that
// supervise.
func (p PID) ClaimRecord() bool {
	if p.p == nil {
		return false
	}
	d := p.p.doomed()
	return d != nil && d.claimRecord()
}

// QueueLen returns the number of messages that wait in the actor's mailbox. It
// does not count those that the actor has taken to work on.
func (p PID) QueueLen() int {
	if !p.Alive() {
		return 0
	}
	return p.p.typed.load().Waiting
}
