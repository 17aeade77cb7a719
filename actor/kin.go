package actor

import (
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
	if err != nil || strconv.FormatUint(n, 10) != serial {
		return PID{}, false
	}
	sh := &s.shards[n%uint64(len(s.shards))]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	// They are in the order of their spawns, but for those that were spawned at the same
	// time: hence all are looked at.
	for p := sh.first; p != nil; p = p.next {
		if p.serial == n {
			return PID{p}, true
		}
	}
	return PID{}, false
}
