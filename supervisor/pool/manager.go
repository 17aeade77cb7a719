package pool

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/boundlog"
	"github.com/troupe-go/troupe/mailbox"
	"github.com/troupe-go/troupe/supervisor"
)

// request is the protocol of the manager.
type request[M any] interface {
	serve(*manager[M], *actor.Context[request[M]]) error
}

type (
	// call brings the job of a caller, so that the manager's end fails the call.
	call[M any] struct{ job job[M] }
	// look says that more workers may be wanted.
	look[M any] struct{}
	// started brings the outcome of a start.
	started[M any] struct {
		pid actor.PID
		err error
	}
	// ended says that a worker has ended.
	ended[M any] struct {
		pid     actor.PID
		reason  error
		failed  bool // or had not handled a job, and had not been told to end
		crashed bool
	}
	// surplus says that a worker has retired by itself.
	surplus[M any] struct{ worker *worker[M] }
	// rested comes when a back-off is over.
	rested[M any] struct{}
	// shrink comes when a worker may have been idle for too long.
	shrink[M any] struct{}
	// resize changes the bounds.
	resize[M any] struct {
		min, max int
		reply    actor.Reply[struct{}]
	}
)

// manager is the actor that keeps a pool's workers: it has them started and stopped by
// their supervisor, and never waits for it but in its own Init. It runs no code of
// users.
type manager[M any] struct {
	pool *Pool[M]
	run  *run[M]

	starting bool        // a worker is being started
	waits    bool        // for a back-off to be over
	failures int         // in a row
	crashes  []time.Time // within the last Period
	restarts []time.Time // likewise; not all if they are too many
	over     error       // why the pool ends by itself
}

// Init implements [actor.Initializer]: it starts the first workers, all or none.
func (m *manager[M]) Init(ctx *actor.Context[request[M]]) error {
	ctx.TrapExit(true)
	p := m.pool
	m.run = &run[M]{
		Config:  p.cfg,
		log:     boundlog.New(ctx.System().Logger()),
		manager: ctx.Self(),
		drops:   p.drops,
	}
	ctx.PID().Own(m.run)
	for range p.cfg.Min {
		pid, err := p.workers.StartChild(ctx, p.worker)
		if err != nil {
			return err
		}
		m.hire(pid)
	}
	p.now.Store(m.run)
	return nil
}

// Receive implements [actor.Behavior].
func (m *manager[M]) Receive(ctx *actor.Context[request[M]], r request[M]) error {
	return r.serve(m, ctx)
}

// ActorLabel implements [actor.Labeler].
func (m *manager[M]) ActorLabel() string {
	s := m.pool.Stats()
	return fmt.Sprintf("%d jobs wait, %d of %d workers are busy", s.Waiting, s.Busy, s.Workers)
}

// Terminate implements [actor.Terminator]. It lets the workers do what there is, unless
// they are the trouble.
func (m *manager[M]) Terminate(ctx *actor.Context[request[M]], reason error) {
	if m.run == nil {
		return
	}
	drained := m.run.drain()
	if m.over == nil && m.run.Drain > 0 {
		await(ctx, drained, time.Duration(m.run.Drain))
	}
	m.run.close(reason)
	await(ctx, m.pool.drops.wait(), toldWithin)
}

// await waits for done, for d at most.
func await(ctx context.Context, done <-chan struct{}, d time.Duration) {
	limit := time.NewTimer(d)
	defer limit.Stop()
	select {
	case <-done:
	case <-limit.C:
	case <-ctx.Done(): // killed
	}
}

func (r call[M]) serve(m *manager[M], ctx *actor.Context[request[M]]) error {
	r.job.carries = ctx.Carried()
	var a *applicant[M]
	if m.run.Queue.Overflow == mailbox.Block {
		a = &applicant[M]{job: r.job}
	}
	if _, err := m.run.accept(r.job, a); err != nil {
		r.job.caller.Fail(err)
	}
	return nil
}

func (look[M]) serve(m *manager[M], ctx *actor.Context[request[M]]) error {
	m.adjust(ctx)
	return nil
}

func (r started[M]) serve(m *manager[M], ctx *actor.Context[request[M]]) error {
	m.starting = false
	if r.err != nil {
		m.run.log.Warn("pool: worker did not start", "pool", m.run.ID, "reason", r.err)
		m.rest(ctx)
		return nil
	}
	v, replaces := m.run.fill()
	if replaces {
		r.pid.SetRestarts(v.former.Restarts() + 1)
	}
	m.hire(r.pid)
	if replaces {
		m.restarted(ctx, v, r.pid)
	}
	m.adjust(ctx)
	m.watchIdle(ctx)
	return nil
}

func (r ended[M]) serve(m *manager[M], ctx *actor.Context[request[M]]) error {
	if r.crashed {
		if m.over = m.tooMany(time.Now()); m.over != nil {
			m.run.log.Warn("pool: giving up", "pool", m.run.ID, "reason", m.over)
			m.gaveUp(ctx, r.pid, r.reason)
			return m.over
		}
	}
	if r.failed {
		m.rest(ctx)
	}
	m.adjust(ctx)
	return nil
}

func (r surplus[M]) serve(m *manager[M], ctx *actor.Context[request[M]]) error {
	m.dismiss(ctx, r.worker)
	return nil
}

func (rested[M]) serve(m *manager[M], ctx *actor.Context[request[M]]) error {
	m.waits = false
	m.run.mu.Lock()
	m.run.resting = false
	m.run.mu.Unlock()
	m.adjust(ctx)
	return nil
}

func (shrink[M]) serve(m *manager[M], ctx *actor.Context[request[M]]) error {
	m.watchIdle(ctx)
	return nil
}

func (r resize[M]) serve(m *manager[M], ctx *actor.Context[request[M]]) error {
	m.run.mu.Lock()
	m.run.Min, m.run.Max = r.min, r.max
	m.run.mu.Unlock()
	r.reply.Send(struct{}{})
	m.adjust(ctx)
	m.watchIdle(ctx)
	return nil
}

// hire makes an actor a worker: from now on it fetches jobs.
func (m *manager[M]) hire(pid actor.PID) {
	ref, _ := actor.RefOf[M](pid)
	r, w := m.run, &worker[M]{run: m.run, pid: pid}
	w.wake = actor.Feed(ref, w)
	r.mu.Lock()
	r.workers++
	r.mu.Unlock()
	if !pid.Own(w) {
		w.Release(pid, pid.Err()) // it has ended already
	}
	w.wake()
}

// adjust has a worker started if one is wanted. There is one start at a time, since the
// workers' supervisor makes one start at a time.
func (m *manager[M]) adjust(ctx *actor.Context[request[M]]) {
	if m.starting {
		return // and comes back
	}
	m.run.mu.Lock()
	m.run.asked = false
	wanted := m.run.wants()
	if !wanted && !m.run.resting {
		m.run.vacant = nil // the pool does without
	}
	m.run.mu.Unlock()
	if !wanted {
		return
	}
	m.starting = true
	self, p := ctx.Self(), m.pool
	ctx.Go(func(ctx context.Context) {
		pid, err := p.workers.StartChild(ctx, p.worker)
		if ctx.Err() == nil {
			self.Send(started[M]{pid, err})
		}
	})
}

// rest holds the next start back after a failure. Others that come meanwhile are of the
// same trouble.
func (m *manager[M]) rest(ctx *actor.Context[request[M]]) {
	if m.waits {
		return
	}
	m.run.mu.Lock()
	m.run.resting = true
	proven := m.run.proven
	m.run.proven = false
	m.run.mu.Unlock()
	if proven {
		m.failures = 0
	}
	b := m.run.Backoff
	wait := float64(b.Min) * math.Pow(2, float64(m.failures))
	wait = min(wait, float64(b.Max)) * (1 - b.Jitter*rand.Float64())
	m.failures++
	m.waits = true
	ctx.SetTimer("rested", time.Duration(wait), rested[M]{})
}

// tooMany notes a crash, and returns the reason to end if there have been too many.
func (m *manager[M]) tooMany(now time.Time) error {
	r := m.run
	if r.Intensity == 0 {
		return nil
	}
	m.crashes = append(since(m.crashes, now.Add(-r.Period)), now)
	if len(m.crashes) <= r.Intensity {
		return nil
	}
	return fmt.Errorf("more than %d crashes in %v: %w", r.Intensity, r.Period, actor.Shutdown)
}

// watchIdle stops the workers that have been idle for too long, and looks again when the
// next one may have been.
func (m *manager[M]) watchIdle(ctx *actor.Context[request[M]]) {
	retired, again := m.run.retireIdle(time.Now())
	for _, w := range retired {
		m.dismiss(ctx, w)
	}
	if again > 0 {
		ctx.SetTimer("shrink", again, shrink[M]{})
	}
}

// dismiss has a worker stopped that has retired. It may have ended meanwhile.
func (m *manager[M]) dismiss(ctx *actor.Context[request[M]], w *worker[M]) {
	workers := m.pool.workers
	ctx.Go(func(ctx context.Context) { _ = workers.TerminateChild(ctx, w.pid) })
}

// toldWithin is how long the end of a pool waits for OnDrop.
const toldWithin = 2 * hookPatience

// stopsWithin is how long the manager may take to end.
func stopsWithin(c Config) supervisor.Shutdown {
	switch c.Drain {
	case supervisor.Infinity:
		return supervisor.Infinity
	case supervisor.BrutalKill:
		c.Drain = 0
	}
	return c.Drain + 2*supervisor.Shutdown(toldWithin)
}
