package pool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/mailbox"
	"github.com/troupe-go/troupe/supervisor"
)

// Pool is a number of workers that handle messages of type M from one queue. It is a
// child of a supervision tree, see [Pool.Child], and a handle that stays with it over its
// restarts. While the pool does not run there is nobody, as at the zero [supervisor.Ref].
//
// One pool is for one place in one tree. All methods may be called from any goroutine.
type Pool[M any] struct {
	cfg     Config
	fault   error // of the arguments of New
	spec    supervisor.Spec
	workers supervisor.Dynamic
	worker  supervisor.Child
	drops   *drops

	now atomic.Pointer[run[M]] // of the latest start
}

// New describes a pool of workers with the behavior that newWorker makes, once for each
// worker and anew for each replacement. It starts nothing. The types are inferred.
//
// A worker is an actor like any other. Its Init runs before it gets a job, and so does what
// Init has asked [actor.Context.Continue] for. Receive handles a job; when it returns nil
// the job is done and the worker gets the next one. If it returns [actor.Stop] the job is
// done, and another worker takes this one's place. If it fails otherwise, or the worker is
// killed over the job, the job is tried again or dropped, see [Config.Attempts].
//
// What is wrong with cfg, or with newWorker, is an error of the start.
func New[M any, B actor.Behavior[M]](cfg Config, newWorker func() B) *Pool[M] {
	cfg = cfg.withDefaults()
	p := &Pool[M]{cfg: cfg, fault: cfg.validate(), drops: newDrops(cfg.OnDrop)}
	if newWorker == nil {
		p.fault = &supervisor.SpecError{Child: cfg.ID, Field: "newWorker", Problem: "is nil"}
	}
	opts := append([]supervisor.ChildOption{}, cfg.Worker...)
	p.worker = supervisor.Actor(cfg.ID+" worker", newWorker, append(opts, supervisor.Temporary, supervisor.Backoff{})...)

	workers := supervisor.DynamicSupervisor("workers", supervisor.DynamicSpec{})
	workers, p.workers = supervisor.FollowDynamic(workers)
	manager := supervisor.Actor("queue", func() *manager[M] { return &manager[M]{pool: p} },
		supervisor.Transient, supervisor.Significant, stopsWithin(cfg))
	p.spec = supervisor.Spec{
		Strategy:     supervisor.OneForAll, // neither is of use without the other
		AutoShutdown: supervisor.AnySignificant,
		Children:     []supervisor.Child{workers, manager},
	}
	return p
}

// Child returns the pool as a child of a supervisor. It starts when Min workers have, and
// fails if one of them does.
func (p *Pool[M]) Child(opts ...supervisor.ChildOption) supervisor.Child {
	c := supervisor.Supervisor(p.cfg.ID, p.spec, opts...)
	start := c.Start
	c.Start = func(parent actor.Self) (actor.PID, error) {
		if p.fault != nil {
			return actor.PID{}, p.fault
		}
		return start(parent)
	}
	return c
}

// Start starts the pool without a supervisor of its own, for tests and small programs: the
// system stops it at shutdown.
func (p *Pool[M]) Start(sys *actor.System, opts ...actor.Option) (supervisor.Tree, error) {
	if p.fault != nil {
		return supervisor.Tree{}, fmt.Errorf("pool: start: %w", p.fault)
	}
	return supervisor.Start(sys, p.spec, opts...)
}

// ID returns the pool's ID, see [Config].
func (p *Pool[M]) ID() string { return p.cfg.ID }

// Send puts m into the queue. It does not fail: a message that is refused, because the
// queue is full or the pool does not run, is dropped, see [Config.OnDrop]. Only a queue
// that is bounded with [mailbox.Block] can make Send wait; use SendContext for those.
//
// Jobs begin in the order in which one sender has sent them. They do not end in that order,
// nor do two of them wait for one another.
func (p *Pool[M]) Send(m M) {
	j := job[M]{message: m, since: time.Now()}
	r := p.now.Load()
	if r == nil {
		p.drops.add(discard, Dropped{Pool: p.cfg.ID, Job: m, Reason: actor.NoProc})
		return
	}
	_, err := r.accept(j, nil)
	if err == actor.ErrFull && r.Queue.Overflow == mailbox.Block {
		err = r.apply(context.Background(), j)
	}
	if err != nil {
		r.drop(j, err)
	}
}

var discard = slog.New(slog.DiscardHandler)

// TrySend is Send that reports what it knows: [actor.NoProc] if the pool does not run,
// [actor.ErrFull] if the queue has no room. It never waits. A nil error says that the
// message is in the queue, or that it or an older one was dropped by the queue's policy.
func (p *Pool[M]) TrySend(m M) error {
	r := p.now.Load()
	if r == nil {
		return actor.NoProc
	}
	_, err := r.accept(job[M]{message: m, since: time.Now()}, nil)
	return err
}

// SendContext is TrySend that waits for room in a queue bounded with [mailbox.Block],
// until ctx is done, and then returns ctx's error: the message is not in the queue. A
// worker of the pool does not wait, for it might be for itself.
func (p *Pool[M]) SendContext(ctx context.Context, m M) error {
	r := p.now.Load()
	if r == nil {
		return actor.NoProc
	}
	j := job[M]{message: m, since: time.Now()}
	j.carries = actor.Carrying(ctx, actor.Sending{To: r.manager.PID(), By: "SendContext"}) // whichever worker will have it
	_, err := r.accept(j, nil)
	if err == actor.ErrFull && r.Queue.Overflow == mailbox.Block && !p.isWorker(ctx) {
		err = r.apply(ctx, j)
	}
	return err
}

// isWorker reports whether ctx belongs to a worker of the pool.
func (p *Pool[M]) isWorker(ctx context.Context) bool {
	self, ok := actor.FromContext(ctx)
	if !ok {
		return false
	}
	info, ok := self.Info()
	return ok && info.Parent == p.workers.PID()
}

// Resize changes Min and Max. Workers are started, or end when they have nothing to do,
// after it has returned. Here, Min may be 0, and Max may not. A restart of the pool begins with those of its Config again. If
// the numbers make no sense the error wraps a [*supervisor.SpecError], and nothing has
// changed.
//
// Elixir: PartitionSupervisor.resize!/2.
func (p *Pool[M]) Resize(ctx context.Context, minimum, maximum int) error {
	fail := func(err error) error { return fmt.Errorf("pool: resize %q: %w", p.cfg.ID, err) }
	next := p.cfg
	next.Min, next.Max = minimum, maximum
	if err := next.validate(); err != nil {
		return fail(err)
	}
	r := p.now.Load()
	if r == nil {
		return fail(actor.NoProc)
	}
	_, err := actor.Call(ctx, r.manager, func(reply actor.Reply[struct{}]) request[M] {
		return resize[M]{minimum, maximum, reply}
	})
	if failed, ok := errors.AsType[*actor.CallError](err); ok {
		return fail(failed.Err)
	}
	return nil
}

// Stats are what a pool counts. The counters begin with 0 at each start of the pool.
type Stats struct {
	Waiting int           // jobs that no worker has
	Oldest  time.Duration // how long the first of them has waited
	Workers int           // all workers
	Busy    int           // those that have a job in hand
	Idle    int           // those that have nothing to do

	Handled uint64 // jobs that were done
	Dropped uint64 // jobs that were given up
	Left    uint64 // jobs whose callers or senders had given up before a worker began them
	Crashed uint64 // workers that have crashed
}

// Stats returns the pool's numbers, all of one moment. Those of a pool that does not run
// are of its last run.
func (p *Pool[M]) Stats() Stats {
	r := p.now.Load()
	if r == nil {
		return Stats{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Stats{
		Waiting: r.waiting(), Workers: r.workers, Busy: r.busy, Idle: len(r.idle),
		Handled: r.handled, Dropped: r.dropped, Left: r.left, Crashed: r.crashed,
	}
	for _, q := range []*fifo[job[M]]{&r.again, &r.queue} {
		if q.n > 0 {
			s.Oldest = max(s.Oldest, time.Since(q.at(0).since))
		}
	}
	return s
}
