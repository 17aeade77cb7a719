package ws

import (
	"container/heap"
	"sync"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// expiries are the moments at which connections and channels of an endpoint expire: one list
// and one timer, so that those which never do cost nothing.
//
// A moment is one of the wall clock, as those in tokens are, and a timer does not see when that
// is set, or the machine was suspended. So the timer looks again after clockCheck.
type expiries struct {
	mu    sync.Mutex
	of    map[actor.PID]*expiry
	due   expiryHeap
	timer *time.Timer // nil: none has been set yet
}

const clockCheck = time.Minute

// expiry is when an actor expires. It goes with that actor.
type expiry struct {
	in      *expiries
	actor   actor.PID             // the session, or one of its channels
	session actor.Ref[sessionMsg] // which is told
	at      time.Time
	place   int  // in the heap; -1: it is not there
	told    bool // and has not been taken
}

// Release implements [actor.Resource].
func (x *expiry) Release(actor.PID, error) {
	x.in.mu.Lock()
	defer x.in.mu.Unlock()
	x.in.cancelLocked(x)
	if x.in.of[x.actor] == x {
		delete(x.in.of, x.actor)
	}
}

// set has the session told when an actor of its expires, in place of what was set before. It is
// told nothing if at is zero.
func (es *expiries) set(pid actor.PID, session actor.Ref[sessionMsg], at time.Time) {
	if x := es.setLocked(pid, session, at); x != nil && !pid.Own(x) {
		x.Release(pid, nil)
	}
}

// setLocked returns what is to be owned, if it is not yet.
func (es *expiries) setLocked(pid actor.PID, session actor.Ref[sessionMsg], at time.Time) (made *expiry) {
	es.mu.Lock()
	defer es.mu.Unlock()
	x := es.of[pid]
	if x == nil {
		if at.IsZero() {
			return nil
		}
		if es.of == nil {
			es.of = map[actor.PID]*expiry{}
		}
		x = &expiry{in: es, actor: pid, session: session, place: -1}
		es.of[pid], made = x, x
	}
	x.session = session // that of before may be made here, by a Channel.Expire that knows no other yet
	es.cancelLocked(x)
	if !at.IsZero() {
		x.at = at.Round(0) // by the wall clock
		heap.Push(&es.due, x)
		if x.place == 0 {
			es.armLocked()
		}
	}
	return made
}

// move has another session told, of what the one before has not taken either.
func (es *expiries) move(pid actor.PID, session actor.Ref[sessionMsg]) {
	es.mu.Lock()
	defer es.mu.Unlock()
	x := es.of[pid]
	if x == nil {
		return
	}
	x.session = session
	if x.told {
		session.Send(sessionMsg{op: opExpired, channel: pid})
	}
}

// cancelLocked takes an expiry off the heap. What the session was told of it is void.
func (es *expiries) cancelLocked(x *expiry) {
	x.told = false
	if x.place >= 0 {
		heap.Remove(&es.due, x.place)
	}
}

// take reports whether what a session was told still holds: that an actor has expired. It
// does not if something else was set meanwhile, nor if the session may not end the actor: then
// that stands, for the session that may. See move.
func (es *expiries) take(pid actor.PID, mayEnd func() bool) bool {
	es.mu.Lock()
	defer es.mu.Unlock()
	x := es.of[pid]
	if x == nil || !x.told || !mayEnd() {
		return false
	}
	x.told = false
	return true
}

// armLocked sets the timer for the first.
func (es *expiries) armLocked() {
	wait := max(0, min(time.Until(es.due[0].at), clockCheck))
	if es.timer == nil {
		es.timer = time.AfterFunc(wait, es.ring)
	} else {
		es.timer.Reset(wait)
	}
}

// ring tells the sessions of what has expired, in parts: many may at the same time, and what
// connects meanwhile is not to wait.
func (es *expiries) ring() {
	var room [64]*expiry
	for more := true; more; {
		var part []*expiry
		part, more = es.part(room[:0])
		for _, x := range part {
			es.sessionOf(x).Send(sessionMsg{op: opExpired, channel: x.actor})
		}
	}
}

func (es *expiries) sessionOf(x *expiry) actor.Ref[sessionMsg] {
	es.mu.Lock()
	defer es.mu.Unlock()
	return x.session
}

// part appends to list what has expired, as much as there is room for. It reports whether there
// may be more; otherwise the timer runs again, if it is to.
func (es *expiries) part(list []*expiry) (part []*expiry, more bool) {
	es.mu.Lock()
	defer es.mu.Unlock()
	now := time.Now()
	for len(es.due) > 0 && !es.due[0].at.After(now) {
		if len(list) == cap(list) {
			return list, true
		}
		x := heap.Pop(&es.due).(*expiry)
		x.told = true
		list = append(list, x)
	}
	if len(es.due) > 0 {
		es.armLocked()
	}
	return list, false
}

// expiryHeap has the first one in front.
type expiryHeap []*expiry

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h expiryHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push implements [heap.Interface].
func (h *expiryHeap) Push(x any) {
	e := x.(*expiry)
	e.place = len(*h)
	*h = append(*h, e)
}

// Pop implements [heap.Interface].
func (h *expiryHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h, e.place = (*h)[:last], -1
	return e
}
