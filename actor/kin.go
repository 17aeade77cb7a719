package actor

import (
	"cmp"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Parent returns the actor that this one was spawned by with a link, or the zero PID. It
// does not change, and costs next to nothing.
func (p PID) Parent() PID {
	if p.p == nil || p.p.parent == nil || p.p.parent == p.p.sys.root {
		return PID{}
	}
	return PID{p.p.parent}
}

// Started returns when the actor was spawned, to a tenth of a second, also if it has ended.
// It costs next to nothing. It is the zero time for the zero PID.
func (p PID) Started() time.Time {
	if p.p == nil {
		return time.Time{}
	}
	return p.p.sys.born.Add(time.Duration(p.p.born) * tick)
}

// Behavior returns the type of the actor's behavior as [Info] has it, for next to nothing;
// nil for one that has ended.
func (p PID) Behavior() reflect.Type {
	if !p.Alive() {
		return nil
	}
	return p.p.sys.userType(p.p.typed.shown())
}

// Ended reports whether the actor has ended, as [PID.Done] tells, for next to nothing. An
// actor that is bound to end is not Alive, and has not Ended until its handler has returned.
func (p PID) Ended() bool { return p.p == nil || p.p.has(ended) }

// Compare returns -1 if p was spawned before q, +1 if after, and 0 if they are the same
// actor. It puts the actors of one system in the order of their spawns; the zero PID comes
// first.
func (p PID) Compare(q PID) int {
	switch {
	case p.p == q.p:
		return 0
	case p.p == nil:
		return -1
	case q.p == nil:
		return +1
	}
	return cmp.Or(cmp.Compare(p.p.sys.id, q.p.sys.id), cmp.Compare(p.p.serial, q.p.serial))
}

// Status returns what the actor is doing, as [PID.Info] does, and costs next to nothing. It
// is Idle for one that has ended.
func (p PID) Status() Status {
	if !p.Alive() {
		return Idle
	}
	switch {
	case p.p.has(suspended):
		return Suspended
	case p.p.typed.isRun():
		return Running
	}
	return Idle
}

// Find returns the actor whose PID reads as text, see [PID.String], and reports whether one
// of this system does that has not ended. It is for text that a person has copied, or a
// link on a page: it looks at every sixteenth actor.
//
// OTP: list_to_pid/1.
func (s *System) Find(text string) (PID, bool) {
	serial, ok := strings.CutPrefix(text, "<"+s.node+".")
	if !ok {
		return PID{}, false
	}
	if serial, ok = strings.CutSuffix(serial, ">"); !ok {
		return PID{}, false
	}
	n, err := strconv.ParseUint(serial, 10, 64)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != serial {
		return PID{}, false
	}
	sh := &s.shards[n%uint64(len(s.shards))]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	// They are in the order of their spawns, but for those that were spawned at the same
	// time: hence all are looked at.
	for p := sh.first; p != nil; p = p.next {
		if p.serial == n && p.typed != nil { // it may be a place in the list only
			return PID{p}, true
		}
	}
	return PID{}, false
}
