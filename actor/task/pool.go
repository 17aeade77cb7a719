package task

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// grace is how long a stream's task that has been told to end has for its
// function to return before it is abandoned.
const grace = time.Second

// pool is the tasks of a stream that have not ended. The zero pool is empty.
type pool struct {
	mu     sync.Mutex
	pids   map[actor.PID]struct{}
	closed bool
}

// add puts a task into the pool, which shuts it down if it is closed.
func (p *pool) add(pid actor.PID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		pid.Exit(actor.Shutdown)
	}
	if p.pids == nil {
		p.pids = make(map[actor.PID]struct{})
	}
	p.pids[pid] = struct{}{}
}

func (p *pool) remove(pid actor.PID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.pids, pid)
}

// shutdown tells all tasks to end, those to come included.
func (p *pool) shutdown() {
	p.mu.Lock()
	p.closed = true
	pids := slices.Collect(maps.Keys(p.pids))
	p.mu.Unlock()
	for _, pid := range pids {
		pid.Exit(actor.Shutdown)
	}
}

// close is shutdown that returns when no task is left.
func (p *pool) close() {
	p.shutdown()
	p.mu.Lock()
	pids := slices.Collect(maps.Keys(p.pids))
	p.mu.Unlock()
	reap(pids...)
}

// reap waits for actors that have been told to end, and abandons those that do
// not within the grace, which is one for all.
func reap(pids ...actor.PID) {
	if len(pids) == 0 {
		return
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	for _, pid := range pids {
		select {
		case <-pid.Done():
		case <-timer.C:
			timer.Reset(0)       // for the others it has passed as well
			pid.Exit(actor.Kill) // its function may have turned trapping on
			pid.Abandon()
		}
	}
}
