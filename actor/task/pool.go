package task

import (
	"context"
	"sync"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// grace is how long a stream's task that has been told to end has for its
// function to return before it is abandoned.
const grace = time.Second

// pool is the tasks of a stream whose results have not been taken. The zero pool is
// empty.
type pool struct {
	mu     sync.Mutex
	tasks  map[*life]struct{}
	closed bool
}

// add puts a task into the pool, which shuts it down if it is closed.
func (p *pool) add(l *life) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		l.stop(actor.Shutdown)
	}
	if p.tasks == nil {
		p.tasks = make(map[*life]struct{})
	}
	p.tasks[l] = struct{}{}
}

func (p *pool) remove(l *life) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.tasks, l)
}

// shutdown tells all tasks to end, those to come included.
func (p *pool) shutdown() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for l := range p.tasks {
		l.stop(actor.Shutdown)
	}
}

// close is shutdown that returns when no task is left.
func (p *pool) close() {
	p.shutdown()
	var pids []actor.PID
	for l := range p.tasks { // nobody else adds or removes
		pids = append(pids, l.identity())
	}
	reap(pids...)
}

// reap waits for actors that have been told to end, and kills and abandons those that do
// not within the grace, which is one for all.
func reap(pids ...actor.PID) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	var late []actor.PID
	for _, pid := range pids {
		select {
		case <-pid.Done():
		case <-ctx.Done():
			late = append(late, pid)
		}
	}
	actor.StopAll(ctx, late, actor.Kill, 0) // their functions may have turned trapping on
}
