package pool

import (
	"log/slog"
	"sync"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/mailbox"
)

// run is one life of a pool: its jobs and its workers, from a start to the end of the
// manager. Senders put jobs in and workers fetch them, on their own goroutines, with one
// lock between them. The manager sees to it that there are workers.
//
// A worker that is there is one of these: busy, with a job in hand; idle, in the list of
// those; leaving, told to end; or on its way, about to fetch. That holds jobs back from no
// one: a worker becomes idle under the lock only if it finds no job, and whatever adds one
// takes an idle worker off the list and wakes it, or asks for more. When one that was on
// its way ends, its end wakes another.
type run[M any] struct {
	Config
	log     *slog.Logger
	manager actor.Ref[request[M]]
	drops   *drops

	mu    sync.Mutex // guards all that follows
	phase phase
	again fifo[job[M]]        // have cost a worker and are to be tried again, before the others
	queue fifo[job[M]]        // accepted
	line  fifo[*applicant[M]] // wait for room in the queue, which is full

	idle                   []*worker[M] // the one that has been idle for longest first
	workers, busy, leaving int
	vacant                 []vacancy     // the one for longest first
	asked                  bool          // the manager has been asked to look for workers
	resting                bool          // no worker is started before a back-off is over
	proven                 bool          // a job has been handled since the last failure
	high                   bool          // HighWater has been reported
	drained                chan struct{} // closed when there is nothing left to do

	handled, crashed, dropped, left uint64

	// When to look for jobs that nobody wants any more: at a number of jobs that is twice
	// that of the last look, or after so many were refused, so that a look costs each job
	// the same however many there are.
	queueDue, lineDue, refused int
}

// phase says what becomes of jobs that come.
type phase uint8

const (
	open     phase = iota
	draining       // none is accepted; workers go on
	closed         // workers fetch no more
)

// accept puts a job into the queue, or does with it what is done when that is full: if the
// sender is to wait for room then, and brings itself as the applicant, it waits.
func (r *run[M]) accept(j job[M], a *applicant[M]) (waits bool, err error) {
	r.mu.Lock()
	if r.phase != open {
		r.mu.Unlock()
		return false, actor.NoProc
	}
	var lost job[M]
	full := r.full()
	switch {
	case !full:
		r.queue.push(j)
	case r.Queue.Overflow == mailbox.DropNewest:
		lost = j
	case r.Queue.Overflow == mailbox.DropOldest:
		lost = r.queue.pop()
		r.queue.push(j)
	case r.Queue.Overflow == mailbox.Block && a != nil:
		r.joinLine(a)
		waits = true
	default:
		r.mu.Unlock()
		return false, actor.ErrFull
	}
	tell, high := r.next(), r.rises()
	r.mu.Unlock()

	tell.now()
	if high > 0 {
		r.log.Warn("pool: the queue is long", "pool", r.ID, "waiting", high)
	}
	if full && !waits {
		r.drop(lost, actor.ErrFull)
	}
	return waits, nil
}

// isOpen reports whether jobs are accepted.
func (r *run[M]) isOpen() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.phase == open
}

// full reports whether there is no room in the queue. The caller holds the lock, as of all
// the methods that follow but those that say otherwise.
func (r *run[M]) full() bool {
	bounded := r.Queue.Capacity > 0
	switch {
	case bounded && r.queue.n < r.Queue.Capacity:
		return false
	case bounded:
		if r.refused++; r.refused <= r.queue.n/8 {
			return true
		}
	case r.queue.n < max(r.queueDue, smallestRing):
		return false
	}
	r.left += uint64(r.queue.keep(func(j job[M]) bool { return j.wanted() }))
	r.queueDue, r.refused = 2*r.queue.n, 0
	r.admit()
	return bounded && r.queue.n >= r.Queue.Capacity
}

// joinLine puts an applicant in line. From time to time it takes those out that have left.
func (r *run[M]) joinLine(a *applicant[M]) {
	if r.line.n >= max(r.lineDue, smallestRing) {
		r.line.keep(func(a *applicant[M]) bool { return !r.hasLeft(a) })
		r.lineDue = 2 * r.line.n
	}
	r.line.push(a)
}

// hasLeft reports whether an applicant no longer waits. It counts a caller, since a sender
// has counted itself.
func (r *run[M]) hasLeft(a *applicant[M]) bool {
	if !a.gone && a.wanted() {
		return false
	}
	if !a.gone {
		r.left++
	}
	return true
}

// admit lets those in that are first in line while there is room.
func (r *run[M]) admit() {
	for r.line.n > 0 && r.queue.n < r.Queue.Capacity {
		if a := r.line.pop(); !r.hasLeft(a) {
			r.queue.push(a.job)
			a.settle(nil)
		}
	}
}

// take returns the job that is next.
func (r *run[M]) take() (j job[M], ok bool) {
	for r.again.n > 0 {
		if j = r.again.pop(); j.wanted() {
			return j, true
		}
		r.left++
	}
	for r.queue.n > 0 {
		j = r.queue.pop()
		r.admit()
		if j.wanted() {
			return j, true
		}
		r.left++
	}
	return job[M]{}, false
}

// waiting is the number of jobs that no worker has.
func (r *run[M]) waiting() int { return r.again.n + r.queue.n + r.line.n }

// summons is what is to be done when the lock has been released: a worker is woken, or the
// manager asked for one.
type summons struct{ now func() }

// next sees to it that somebody comes for a job that was added, or left.
func (r *run[M]) next() summons {
	if r.waiting() > 0 && len(r.idle) > 0 {
		last := len(r.idle) - 1
		w := r.idle[last]
		r.idle[last] = nil
		r.idle = r.idle[:last]
		return summons{w.wake}
	}
	if !r.asked && r.wants() {
		r.asked = true
		return summons{r.ask}
	}
	return summons{func() {}}
}

func (r *run[M]) ask() { r.manager.Send(look[M]{}) }

// wants reports whether there should be another worker: fewer are there, or on their way,
// than there are jobs that wait.
func (r *run[M]) wants() bool {
	if r.phase != open || r.resting || r.workers >= r.Max {
		return false
	}
	onTheirWay := r.workers - r.leaving - r.busy - len(r.idle)
	return r.workers < r.Min || len(r.idle) == 0 && r.waiting() > onTheirWay
}

// rises returns the length of the queue if that has just reached the high-water mark.
func (r *run[M]) rises() int {
	n := r.queue.n
	switch mark := r.Queue.HighWater; {
	case mark == 0:
	case n >= mark && !r.high:
		r.high = true
		return n
	case n <= mark/2:
		r.high = false
	}
	return 0
}

// isDrained tells the manager when there is nothing left to wait for.
func (r *run[M]) isDrained() {
	if r.drained == nil || r.workers > 0 && (r.waiting() > 0 || r.busy > 0) {
		return
	}
	close(r.drained)
	r.drained = nil
}

// drop gives a job up. The caller does not hold the lock.
func (r *run[M]) drop(j job[M], reason error) {
	wanted := j.wanted()
	r.mu.Lock()
	if wanted {
		r.dropped++
	} else {
		r.left++
	}
	r.mu.Unlock()
	if !wanted {
		return
	}
	if j.caller != nil {
		j.caller.Fail(reason)
	}
	r.drops.add(r.log, Dropped{Pool: r.ID, Job: j.message, Reason: reason, Attempts: j.attempts, Waited: time.Since(j.since)})
}

// drain refuses jobs from now on, and returns what is closed when the workers have done
// those that there are. The caller does not hold the lock.
func (r *run[M]) drain() <-chan struct{} {
	drained := make(chan struct{})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.phase, r.drained = draining, drained
	r.dismissLine(actor.Shutdown)
	r.isDrained()
	return drained
}

// dismissLine refuses those that are in line, since the pool ends for the given reason.
func (r *run[M]) dismissLine(reason error) {
	for r.line.n > 0 {
		a := r.line.pop()
		if r.hasLeft(a) {
			continue
		}
		if a.accepted != nil {
			a.settle(actor.NoProc) // what other senders are told
		} else {
			a.settle(reason)
		}
	}
}

// Release implements [actor.Resource]: the manager has ended, and the pool with it.
func (r *run[M]) Release(_ actor.PID, reason error) { r.close(reason) }

// close drops what waits, for the given reason. A job that a worker has in hand is dropped
// when that worker ends before it has handled it. The caller does not hold the lock.
func (r *run[M]) close(reason error) {
	r.mu.Lock()
	r.phase = closed
	r.dismissLine(reason)
	var lost []job[M]
	for _, q := range []*fifo[job[M]]{&r.again, &r.queue} {
		for q.n > 0 {
			lost = append(lost, q.pop())
		}
	}
	r.mu.Unlock()
	for _, j := range lost {
		r.drop(j, reason)
	}
}
