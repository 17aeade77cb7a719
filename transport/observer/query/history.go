package query

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/observer/internal/text"
)

// History remembers the actors that have ended, for as long as [History.For] says: with
// those that live they make the tree of any moment in that time. It also remembers what has
// happened, and crashes in groups. Nothing is asked of actors, and sends cost nothing. A
// spawn and an end do, see [actor.System.Observe]: about 1 µs of processor time more for the
// two than with an observer that does nothing, by BenchmarkSpawnAndEnd.
type History struct {
	keep time.Duration

	mu      sync.Mutex // nothing is put into words under it: those that spawn and end wait for it
	origin  origin     // "" until something has happened
	began   int64      // in milliseconds, as all times here
	shed    int64      // until when actors have ended that had to be forgotten before their time
	past    ring[past]
	moments ring[moment]
	seconds []second // a ring: second number n is at n % len
	crashes map[uint64]*crashGroup
	texts   map[string]string // of reasons, so that like ones share memory
	leftOut map[uint64]bool   // that live, see LeaveOut
}

// HistoryConfig says how much a [History] remembers. The zero HistoryConfig is a good one.
type HistoryConfig struct {
	For      time.Duration // how long; 10 min if 0, an hour at most
	MaxBytes int           // how much memory it may take, about; 16 MiB if 0
}

// past is an actor that has ended.
type past struct {
	serial, parent uint64
	started, ended int64
	behavior       reflect.Type
	name, label    string
	reason         string
	crashed        bool
	orphan         bool // its parent had ended before it
}

// moment is something that has happened.
type moment struct {
	at             int64
	kind           EventKind
	serial, parent uint64
	behavior       reflect.Type
	label          string // or the name
	reason         string
}

// noteOrigin keeps what the PIDs of the system have in common.
func (h *History) noteOrigin(pid actor.PID) {
	if h.origin == "" {
		h.origin = originOf(pid)
	}
}

// second counts what has happened in one.
type second struct {
	number                   int64 // since 1970
	spawned, exited, crashed int
}

// NewHistory returns a history that nothing is in.
func NewHistory(cfg HistoryConfig) *History {
	keep := min(cmp.Or(max(cfg.For, 0), 10*time.Minute), time.Hour)
	limit := cmp.Or(max(cfg.MaxBytes, 0), 16<<20)
	h := &History{keep: keep, crashes: map[uint64]*crashGroup{}, texts: map[string]string{}, leftOut: map[uint64]bool{}}
	h.past = ring[past]{limit: limit * 3 / 4, size: past.size}
	h.moments = ring[moment]{limit: limit / 4, size: moment.size}
	h.seconds = make([]second, int(keep/time.Second)+1)
	return h
}

// strings that are shared with others do not count; a ring is half empty when it has grown.
func (p past) size() int {
	return 2*int(unsafe.Sizeof(p)) + len(p.name) + len(p.label)
}

func (m moment) size() int { return 2*int(unsafe.Sizeof(m)) + len(m.label) }

// For returns how long things are remembered, unless there is too much to remember.
func (h *History) For() time.Duration { return h.keep }

// Record has the history record what happens in the system, until stop is called. It goes
// on with what it has if it is called again, but for the time between: an actor that has
// ended then is not known.
func (h *History) Record(sys *actor.System) (stop func()) {
	h.mu.Lock()
	now := time.Now().UnixMilli()
	if h.began == 0 {
		h.began = now
	}
	h.shed = max(h.shed, now)
	clear(h.leftOut)
	h.mu.Unlock()
	return sys.Observe(h.note)
}

// LeaveOut has the timeline tell nothing of an actor's orderly end, nor of starts and such ends
// below it. An observer leaves itself out, or those that look would see mostly that. The tree
// of the past has these actors, and what goes wrong with them is told.
func (h *History) LeaveOut(pid actor.PID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.leftOut[serial(pid)] = true
}

// note takes an event. It runs where that happens, which waits.
func (h *History) note(e actor.Event) {
	now := time.Now().UnixMilli()
	switch e := e.(type) {
	case actor.Spawned:
		h.spawned(now, e)
	case actor.Exited:
		h.exited(now, e)
	case actor.Crashed:
		h.crashed(now, e)
	case supervisor.Restarted:
		h.moment(moment{at: now, kind: EventRestart, serial: serial(e.New), parent: serial(e.Supervisor),
			label: text.Line(e.Child), reason: reasonText(e.Reason)})
	case supervisor.GaveUp:
		h.moment(moment{at: now, kind: EventGaveUp, serial: serial(e.Supervisor), parent: serial(e.Supervisor.Parent()),
			label: text.Line(e.Child), reason: reasonText(e.Reason)})
	}
}

func (h *History) spawned(now int64, e actor.Spawned) {
	m := moment{at: now, kind: EventSpawn, serial: serial(e.PID), parent: serial(e.Parent), behavior: e.Behavior,
		label: text.Line(cmp.Or(e.Name, e.Label))}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.noteOrigin(e.PID)
	if h.leftOut[m.parent] {
		h.leftOut[m.serial] = true
		return
	}
	h.second(now).spawned++
	h.add(m)
}

func (h *History) exited(now int64, e actor.Exited) {
	p := past{
		serial: serial(e.PID), parent: serial(e.Parent), started: e.Started.UnixMilli(), ended: now,
		behavior: e.Behavior, name: text.Line(e.Name), label: text.Line(e.Label),
		reason: reasonText(e.Reason), crashed: e.Crashed(), orphan: e.Parent.Ended(),
	}
	m := moment{at: now, kind: EventExit, serial: p.serial, parent: p.parent, behavior: p.behavior, label: cmp.Or(p.name, p.label)}
	if p.crashed {
		m.kind = EventCrash
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.noteOrigin(e.PID)
	p.reason = h.shared(p.reason)
	m.reason = p.reason
	h.past.add(p, func(p past) { h.shed = max(h.shed, p.ended) })
	for h.past.n > 0 && h.past.at(0).ended < now-h.keep.Milliseconds() {
		h.past.drop()
	}
	own := h.leftOut[p.serial]
	delete(h.leftOut, p.serial)
	if own && !p.crashed {
		return
	}
	s := h.second(now)
	s.exited++
	if p.crashed {
		s.crashed++
	}
	h.add(m)
}

func (h *History) moment(m moment) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m.reason = h.shared(m.reason)
	h.add(m)
}

func (h *History) add(m moment) {
	h.moments.add(m, func(moment) {})
	for h.moments.n > 0 && h.moments.at(0).at < m.at-h.keep.Milliseconds() {
		h.moments.drop()
	}
}

func (h *History) second(now int64) *second {
	n := now / 1000
	s := &h.seconds[n%int64(len(h.seconds))]
	if s.number != n {
		*s = second{number: n}
	}
	return s
}

// shared returns a string like text that others may have, too.
func (h *History) shared(text string) string {
	if same, ok := h.texts[text]; ok {
		return same
	}
	if len(h.texts) >= maxTexts {
		clear(h.texts) // those that are still used stay where they are used
	}
	text = strings.Clone(text)
	h.texts[text] = text
	return text
}

const maxTexts = 1000

// HistoryFrom returns how far back the tree of the past is known, in milliseconds since
// 1970; 0 if it is not.
func (s *Source) HistoryFrom() int64 {
	h := s.cfg.History
	if h == nil {
		return 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return max(h.began, h.shed, time.Now().UnixMilli()-h.keep.Milliseconds())
}

// preceded returns what has happened lately in an actor's surroundings, oldest first.
func (h *History) preceded(serial, parent uint64) []Event {
	h.mu.Lock()
	origin, found := h.origin, h.recent(serial, parent)
	h.mu.Unlock()
	return origin.events(found)
}

// recent returns the last moments of an actor's surroundings before one, oldest first: its
// own, its parent's and those of its parent's other children.
func (h *History) recent(serial, parent uint64) []moment {
	var found []moment
	for i := h.moments.n - 1; i >= max(0, h.moments.n-maxLookedAt) && len(found) < maxPreceded; i-- {
		m := h.moments.at(i)
		if m.serial == serial || parent != 0 && (m.parent == parent || m.serial == parent) {
			found = append(found, *m)
		}
	}
	slices.Reverse(found)
	return found
}

const (
	maxLookedAt = 500
	maxPreceded = 12
)
