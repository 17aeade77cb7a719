package pool

import (
	"sort"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// vacancy is the place of a worker that has ended and had not been told to. A start that
// fills one is a restart; any other has the pool grow.
//
// A vacancy comes with the end of its worker in one step under the lock of the run, and goes
// when the manager finds, under that lock, that no other worker is wanted. So there are no
// more than there have been workers at a time.
type vacancy struct {
	former actor.PID
	reason error
	since  time.Time
}

// fill takes the oldest vacancy, if there is one.
func (r *run[M]) fill() (v vacancy, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.vacant) == 0 {
		return v, false
	}
	v, r.vacant = r.vacant[0], r.vacant[1:]
	return v, true
}

// restarted tells of a restart: the supervisor, which remembers it, and the observers of the
// system.
func (m *manager[M]) restarted(self actor.Self, v vacancy, pid actor.PID) {
	now := time.Now()
	m.restarts = append(since(m.restarts, now.Add(-m.run.Period)), now)
	if len(m.restarts) > mostCounted {
		m.restarts = m.restarts[1:]
	}
	r := supervisor.Restarted{
		Supervisor: pid.Parent(),
		Child:      m.pool.worker.ID,
		Old:        v.former,
		New:        pid,
		Reason:     v.reason,
		Count:      len(m.restarts),
		Took:       now.Sub(v.since),
		Restarts:   pid.Restarts(),
		At:         now,
	}
	m.pool.workers.NoteRestart(r)
	if self.System().Observed() {
		self.System().Emit(r)
	}
}

// mostCounted is how many restarts within the last Period a pool counts at most.
const mostCounted = 1000

// gaveUp tells them that the pool ends because of too many crashes.
func (m *manager[M]) gaveUp(self actor.Self, pid actor.PID, reason error) {
	if !self.System().Observed() {
		return
	}
	self.System().Emit(supervisor.GaveUp{
		Supervisor: self.PID().Parent(),
		Child:      m.pool.worker.ID,
		PID:        pid,
		Reason:     reason,
		Intensity:  m.run.Intensity,
		Period:     m.run.Period,
	})
}

// since returns those of the times, which are in order, that are not before t.
func since(times []time.Time, t time.Time) []time.Time {
	return times[sort.Search(len(times), func(i int) bool { return !times[i].Before(t) }):]
}
