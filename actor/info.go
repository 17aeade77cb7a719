package actor

import (
	"cmp"
	"reflect"
	"slices"
	"time"
)

// Info is what can be seen of an actor from outside. It is a snapshot: by the time it is
// read it may be different.
//
// OTP: erlang:process_info/1.
type Info struct {
	PID        PID
	Name       string       // "" if it has none
	Label      string       // "" if it has none; see [PID.Label]
	Parent     PID          // zero if it was not spawned with a link
	Behavior   reflect.Type // of the user's behavior; see [Wrapper]
	Status     Status
	Started    time.Time // to a tenth of a second
	QueueLen   int       // messages that wait; not those that a runner has taken
	Handled    uint64    // messages that it has handled, or taken to work on
	Restarts   int       // how often its supervisor has restarted it; see [PID.SetRestarts]
	TrapsExits bool

	// These are measured while a [Meter] of the system runs, and else zero.
	Oldest time.Duration // how long the oldest message waits, at least
	Rate   float64       // messages that it handles per second
	Busy   float64       // share of the time that a runner works for it: from 0 to 1

	Links       []PID
	Monitors    []PID // that it watches
	MonitoredBy []PID // that watch it
}

// Status says what an actor is doing.
type Status uint8

const (
	// Idle: it has nothing to do, and no goroutine.
	Idle Status = iota
	// Running: a goroutine is working for it.
	Running
	// Suspended: by [PID.Suspend].
	Suspended
)

// String returns the name of the status.
func (s Status) String() string {
	switch s {
	case Running:
		return "running"
	case Suspended:
		return "suspended"
	}
	return "idle"
}

// Info returns what there is to know of the actor. It reports false if the actor
// is bound to end or has ended.
func (p PID) Info() (Info, bool) {
	if !p.Alive() {
		return Info{}, false
	}
	info := Info{PID: p, Name: p.Name(), Label: p.Label(), Restarts: p.Restarts(), TrapsExits: p.p.has(trapsExits)}
	info.Parent, info.Started = p.Parent(), p.Started()
	info.Behavior = p.p.sys.userType(p.p.typed.shown())
	load := p.p.typed.load()
	info.QueueLen, info.Handled, info.Status = load.Waiting, load.Taken, p.Status()
	if s := p.p.sys.meters.now.Load(); s != nil {
		f := s.figures(p.p, load)
		info.Oldest, info.Rate, info.Busy = f.oldest, f.rate, f.busy
	}
	if r := p.p.rel.Load(); r != nil {
		r.mu.Lock()
		for peer := range r.links.all() {
			info.Links = append(info.Links, PID{peer})
		}
		for m := range r.watching.all() {
			info.Monitors = append(info.Monitors, PID{m.target})
		}
		for m := range r.watchers.all() {
			info.MonitoredBy = append(info.MonitoredBy, PID{m.watcher})
		}
		r.mu.Unlock()
	}
	for _, list := range [][]PID{info.Links, info.Monitors, info.MonitoredBy} {
		slices.SortFunc(list, func(a, b PID) int { return cmp.Compare(a.p.serial, b.p.serial) })
	}
	return info, true
}
