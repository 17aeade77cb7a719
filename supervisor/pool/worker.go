package pool

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// worker is what a pool knows of one of its workers, and where that one fetches its jobs.
// The lock of the run guards it.
type worker[M any] struct {
	run  *run[M]
	pid  actor.PID
	wake func() // has it fetch jobs

	over    bool        // it has ended
	leaving bool        // it has been told to end
	busy    bool        // it has a job in hand, perhaps one that is done
	proven  bool        // it has handled one
	job     job[M]      // the one in hand
	since   time.Time   // when it became idle
	done    atomic.Bool // the job in hand is done; needs no lock

	// owing are callers that it has not answered, though it has handled their requests.
	owing    []caller
	owingDue int // when to look for those that do not wait any more
}

// Next implements [actor.Source]: the worker fetches a job. One that is surplus leaves.
func (w *worker[M]) Next() (M, actor.Carried, bool) {
	r := w.run
	r.mu.Lock()
	j, ok, leaves := w.fetch()
	var tell summons
	if leaves {
		tell = r.next() // of another for the job that this one came for
	}
	r.mu.Unlock()
	if leaves {
		tell.now()
		r.manager.Send(surplus[M]{w}) // without the lock, for an observer may see it lost
	}
	return j.message, j.carries, ok
}

// fetch takes a job in hand, or has the worker idle or leave. The caller holds the lock.
func (w *worker[M]) fetch() (j job[M], ok, leaves bool) {
	r := w.run
	if w.over { // abandoned; the job has been settled
		return j, false, false
	}
	w.settle()
	if w.leaving || r.phase == closed {
		return j, false, false
	}
	if r.workers-r.leaving > r.Max {
		r.retire(w)
		return j, false, true
	}
	if w.job, w.busy = r.take(); !w.busy {
		w.since = time.Now()
		r.idle = append(r.idle, w)
		r.isDrained()
		return j, false, false
	}
	w.done.Store(false)
	r.busy++
	r.rises()
	w.job.attempts++
	return w.job, true, false
}

// Handled implements [actor.Source]. The rest is done when the lock is taken next, by the
// worker's fetch or at its end: between the two it may handle a message that is no job.
func (w *worker[M]) Handled() { w.done.Store(true) }

// settle counts the job in hand if it is done. The caller holds the lock.
func (w *worker[M]) settle() {
	if !w.busy || !w.done.Load() {
		return
	}
	if c := w.job.caller; c != nil && c.Wanted() {
		w.owes(c)
	}
	r := w.run
	w.job, w.busy, w.proven = job[M]{}, false, true
	r.busy--
	r.handled++
	r.proven = true
}

// owes notes a caller that may still be answered, and fails with the worker.
func (w *worker[M]) owes(c caller) {
	if len(w.owing) >= max(w.owingDue, smallestRing) {
		w.owing = slices.DeleteFunc(w.owing, func(c caller) bool { return !c.Wanted() })
		w.owingDue = 2 * len(w.owing)
	}
	w.owing = append(w.owing, c)
}

// Release implements [actor.Resource]: the worker has ended, and nobody knows of it yet.
// The job that it had is tried again or dropped.
func (w *worker[M]) Release(pid actor.PID, reason error) {
	r, crashed := w.run, pid.Crashed()
	r.mu.Lock()
	w.settle()
	lost, attempted := w.job, w.busy
	owing := w.owing
	w.over, w.busy, w.job, w.owing = true, false, job[M]{}, nil
	r.workers--
	if w.leaving {
		r.leaving--
	} else if i := slices.Index(r.idle, w); i >= 0 {
		r.idle = slices.Delete(r.idle, i, i+1)
	}
	failed := crashed || !w.proven && !w.leaving
	r.resting = r.resting || failed // at once, or a sender might ask for another before the manager knows
	if crashed {
		r.crashed++
	}
	if !w.leaving {
		r.vacant = append(r.vacant, vacancy{pid, reason, time.Now()})
	}
	drop := attempted
	if attempted {
		r.busy--
		if lost.attempts < r.Attempts && r.phase != closed {
			drop = false
			r.again.push(lost)
		}
	}
	tell, over := r.next(), r.phase == closed
	r.mu.Unlock()

	tell.now()
	if drop {
		r.drop(lost, &WorkerError{Attempts: lost.attempts, Err: reason})
	}
	for _, c := range owing {
		c.Fail(&WorkerError{Attempts: 1, Err: reason})
	}
	r.mu.Lock()
	r.isDrained() // when it has been said what was lost
	r.mu.Unlock()
	if !over {
		r.manager.Send(ended[M]{pid, reason, failed, crashed})
	}
}

// retire takes a worker out of those that fetch jobs. The caller holds the lock, and sees
// to it that the worker is stopped.
func (r *run[M]) retire(w *worker[M]) {
	w.leaving = true
	r.leaving++
}

// retireIdle takes those out that are idle and too many, or have been idle for too long,
// and returns them. It reports when to look again, if there is anything to look for.
func (r *run[M]) retireIdle(now time.Time) (retired []*worker[M], again time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.idle) > 0 {
		w, staying := r.idle[0], r.workers-r.leaving
		if staying <= r.Min || staying <= r.Max && now.Sub(w.since) < r.IdleAfter {
			break
		}
		r.idle = slices.Delete(r.idle, 0, 1)
		r.retire(w)
		retired = append(retired, w)
	}
	if r.workers-r.leaving <= r.Min {
		return retired, 0
	}
	if len(r.idle) > 0 {
		return retired, max(r.IdleAfter-now.Sub(r.idle[0].since), 1)
	}
	return retired, r.IdleAfter
}
