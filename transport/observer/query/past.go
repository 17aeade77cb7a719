package query

import (
	"context"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// then is an actor that lived at a moment of the past.
type then struct {
	serial uint64
	pid    actor.PID // zero if it has ended since
	ended  *past     // nil if it has not
}

func livesOn(pid actor.PID) then { return then{serial: serial(pid), pid: pid} }

// rewound is what a history knows of a moment of the past.
type rewound struct {
	at     int64
	origin origin
	ended  map[uint64]*past // since then
}

// rewind looks back. It comes after the walk over those that live: an actor that ends
// meanwhile is in both, and must be taken once.
//
// It reads a part of the past at a time, for those that spawn and end wait for the lock. What
// is added after the first part is of no use to it, and what is dropped before it comes to that
// would have been dropped if it had come later.
func (h *History) rewind(at int64) rewound {
	r := rewound{at: at, ended: map[uint64]*past{}}
	for next, end := 0, -1; next != end; {
		var part []past
		part, next, end = h.part(at, next, end, &r.origin)
		for i := range part {
			r.ended[part[i].serial] = &part[i]
		}
	}
	return r
}

// partSize is how many actors a part of the past has, lived they then or not: a few
// microseconds under the lock, and some tens if all of them are copied.
const partSize = 512

// part returns those of the past from number next on that lived at a moment, and the number from
// which on to read the next part, up to end: if that is negative, up to where the past ends now.
func (h *History) part(at int64, next, end int, o *origin) (part []past, then, upTo int) {
	part = make([]past, 0, partSize)
	h.mu.Lock()
	defer h.mu.Unlock()
	if end < 0 {
		*o, end = h.origin, h.past.dropped+h.past.n
	}
	next = min(max(next, h.past.dropped), end)
	then = min(next+partSize, end)
	for ; next < then; next++ {
		if p := h.past.at(next - h.past.dropped); p.started <= at && at < p.ended {
			part = append(part, *p)
		}
	}
	return part, then, end
}

// lived reports whether an actor that lives had been spawned by then.
func lived(pid actor.PID, at int64) bool { return millis(pid.Started()) <= at }

// above returns the number of the node above an actor: its parent, unless that had ended. What
// it leaves behind is below the root.
func (r *rewound) above(t then) uint64 {
	parent, orphan := uint64(0), true
	if t.ended != nil {
		parent, orphan = t.ended.parent, t.ended.orphan
	} else if p := t.pid.Parent(); !p.IsZero() {
		parent, orphan = serial(p), p.Ended()
	}
	if orphan && r.ended[parent] == nil { // the parent had ended then, too
		return 0
	}
	return parent
}

// known returns how far back the past is known, or an error if a moment is not in that time.
func (s *Source) known(at int64) (from, now int64, err error) {
	if s.cfg.History == nil {
		return 0, 0, errNoHistory
	}
	from, now = s.HistoryFrom(), time.Now().UnixMilli()
	if at < from || at > now {
		return 0, 0, Errorf(Unavailable, "the tree is known from %s on", time.UnixMilli(from).Format(time.TimeOnly))
	}
	return from, now, nil
}

// statusAlive is the status of an actor in the past.
const statusAlive = "alive"

// nodeThen describes an actor as it was: what it does now is of no interest.
func (s *Source) nodeThen(ctx context.Context, t then, o origin) *Node {
	if t.ended == nil {
		n := s.Node(ctx, t.pid)
		n.Status, n.Queue = statusAlive, 0
		return n
	}
	p := t.ended
	n := &Node{
		PID: o.pidText(p.serial), Parent: o.pidText(p.parent), Kind: KindActor, Name: p.name, Label: p.label,
		Behavior: typeName(p.behavior), Status: statusAlive, Started: p.started, Ended: p.ended,
	}
	if p.behavior != nil && isSupervisorType(p.behavior) {
		n.Kind = KindSupervisor
	}
	return n
}
