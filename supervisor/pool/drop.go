package pool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// Dropped is a job that was given up.
type Dropped struct {
	Pool     string // the pool's ID
	Job      any    // the message; that of a call holds its [actor.Reply], which has failed
	Attempts int    // how many workers had begun it
	Waited   time.Duration

	// Reason is a [*WorkerError]; [actor.ErrFull], by the queue's policy; the exit reason of
	// the pool at its end; or [actor.NoProc] when it does not run.
	Reason error
}

// WorkerError says that a worker ended before it had done a job, and that there is no
// further attempt.
type WorkerError struct {
	Attempts int   // how many workers had begun it
	Err      error // the exit reason of the last one
}

func (e *WorkerError) Error() string {
	if e.Attempts > 1 {
		return fmt.Sprintf("%d workers ended, the last one: %v", e.Attempts, e.Err)
	}
	return fmt.Sprintf("the worker ended: %v", e.Err)
}

// Unwrap returns the exit reason of the worker.
func (e *WorkerError) Unwrap() error { return e.Err }

const (
	// hookPatience is how long an OnDrop may take.
	hookPatience = time.Second
	// maxDrops is how many jobs wait for OnDrop at a time.
	maxDrops = 1000
)

// drops tells of the jobs that a pool drops. What drops one, a sender or a worker's end,
// must wait for nobody, so the hook has a goroutine of its own, while there is something
// to tell.
type drops struct {
	hook func(Dropped)

	mu      sync.Mutex
	list    fifo[Dropped]
	running bool
	told    sync.Cond // not running any more

	hangs atomic.Bool // a call of the hook has not returned
}

func newDrops(hook func(Dropped)) *drops {
	d := &drops{hook: hook}
	d.told.L = &d.mu
	return d
}

// add tells of a job. The logger bounds what it writes.
func (d *drops) add(log *slog.Logger, job Dropped) {
	log.Warn("pool: job dropped", "pool", job.Pool, "job", fmt.Sprintf("%T", job.Job),
		"attempts", job.Attempts, "reason", job.Reason)
	if d.hook == nil {
		return
	}
	if !d.push(log, job) { // a log may drop jobs of the same pool
		log.Error("pool: OnDrop is too slow, and is not told of a job", "pool", job.Pool)
	}
}

// push reports whether there was room for the job.
func (d *drops) push(log *slog.Logger, job Dropped) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.list.n == maxDrops {
		return false
	}
	d.list.push(job)
	if !d.running {
		d.running = true
		go d.tell(log)
	}
	return true
}

func (d *drops) tell(log *slog.Logger) {
	for {
		d.mu.Lock()
		if d.list.n == 0 {
			d.running = false
			d.told.Broadcast()
			d.mu.Unlock()
			return
		}
		job := d.list.pop()
		d.mu.Unlock()
		if err := d.call(job); err != nil {
			log.Error("pool: OnDrop failed", "pool", job.Pool, "reason", err)
		}
	}
}

// call calls the hook, which is not trusted. While one call hangs there is no other.
func (d *drops) call(job Dropped) error {
	if d.hangs.Swap(true) {
		return errHookHangs
	}
	ctx, cancel := context.WithTimeout(context.Background(), hookPatience)
	defer cancel()
	return actor.Guard(ctx, func() error {
		defer d.hangs.Store(false)
		d.hook(job)
		return nil
	})
}

var errHookHangs = errors.New("it has not returned from an earlier call")

// wait returns a channel that is closed when the hook has been told of all jobs.
func (d *drops) wait() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.mu.Lock()
		defer d.mu.Unlock()
		for d.running {
			d.told.Wait()
		}
	}()
	return done
}
