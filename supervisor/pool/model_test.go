package pool_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/mailbox"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/supervisor/pool"
)

var (
	modelSeed   = flag.Uint64("pool.seed", 1, "first seed of the model test")
	modelRounds = flag.Int("pool.rounds", 0, "rounds of the model test, each with a seed of its own; 0 for 50, or 2000 with TROUPE_LONG=1")
)

// Whatever crashes, is killed, is resized or gives up: each job is begun as often as was
// promised, is done once or dropped once and never both, and none is lost without a word.
func TestModel(t *testing.T) {
	for i := range cmp.Or(*modelRounds, long.Rounds(50, 700)) {
		seed := *modelSeed + uint64(i)
		synctest.Test(t, func(t *testing.T) { newModel(t, seed).round() })
		if t.Failed() {
			t.Fatalf("run it again with -pool.seed=%d -pool.rounds=1", seed)
		}
	}
}

// piece is a job of the model, and what has become of it.
type piece struct {
	id     int
	how    string         // it was handed over
	script []func() error // what happens at each attempt; then it is done at once
	reply  actor.Reply[int]

	begun, done, dropped int
	err                  error // what the sender or the caller was told
	told                 bool  // it has been told
}

func (p *piece) String() string {
	return fmt.Sprintf("job %d by %s: begun %d, done %d, dropped %d, told %v: %v",
		p.id, p.how, p.begun, p.done, p.dropped, p.told, p.err)
}

type model struct {
	*testing.T
	rng  *rand.Rand
	cfg  pool.Config
	pool *pool.Pool[*piece]
	sup  supervisor.Tree

	mu       sync.Mutex
	killed   bool // a part of the pool was killed, so that it has been restarted
	starts   int  // of workers
	pieces   []*piece
	now, max int // jobs that are under way, and how many may be
}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{T: t, rng: rand.New(rand.NewPCG(seed, 0))}
	m.cfg = pool.Config{
		Min:       1 + m.rng.IntN(3),
		IdleAfter: time.Duration(1+m.rng.IntN(3)) * time.Second,
		Attempts:  1 + m.rng.IntN(3),
		Backoff:   supervisor.Backoff{Min: 10 * time.Millisecond, Max: 100 * time.Millisecond, Jitter: 0.5},
		Drain:     []supervisor.Shutdown{supervisor.BrutalKill, 0, supervisor.Shutdown(time.Second)}[m.rng.IntN(3)],
		OnDrop: func(d pool.Dropped) {
			m.mu.Lock()
			defer m.mu.Unlock()
			d.Job.(*piece).dropped++
		},
	}
	m.cfg.Max = m.cfg.Min + m.rng.IntN(4)
	if n := m.rng.IntN(6); n > 0 {
		m.cfg.Queue = mailbox.Bounded(n, mailbox.Overflow(m.rng.IntN(4)))
	}
	m.max = 8 // see resize
	m.pool = pool.New(m.cfg, func() *modelWorker { return &modelWorker{m} })
	return m
}

// round lets clients and troublemakers loose on a pool, and then counts.
func (m *model) round() {
	sys := quietSystem()
	ctx := m.Context()
	sup, err := supervisor.Start(sys, supervisor.Spec{
		Intensity: 1000,
		Children:  []supervisor.Child{m.pool.Child()},
	})
	if err != nil {
		m.Fatal(err)
	}
	m.sup = sup
	var clients sync.WaitGroup
	for range 4 {
		rng := rand.New(rand.NewPCG(m.rng.Uint64(), 0))
		clients.Go(func() {
			for range 25 {
				m.client(rng)
				sleep(rng, 40*time.Millisecond)
			}
		})
	}
	trouble := m.rng.IntN(3) // none; with workers; with all
	for range 10 {
		sleep(m.rng, 200*time.Millisecond)
		if trouble > 0 {
			m.trouble(ctx, trouble == 2)
		}
	}
	clients.Wait()
	if m.rng.IntN(2) == 0 {
		time.Sleep(time.Minute)
		m.atRest()
	}
	if err := sup.Stop(ctx); err != nil {
		m.Error(err)
	}
	time.Sleep(time.Second) // for workers whose supervisor was killed: nobody waits for those
	m.check()
	if err := sys.Shutdown(context.WithoutCancel(ctx)); err != nil {
		m.Error(err)
	}
}

func sleep(rng *rand.Rand, d time.Duration) { time.Sleep(time.Duration(rng.Int64N(int64(d)))) }

// client hands a job over.
func (m *model) client(rng *rand.Rand) {
	p := &piece{how: []string{"Send", "TrySend", "SendContext", "Call"}[rng.IntN(4)]}
	for range rng.IntN(4) {
		p.script = append(p.script, m.attempt(rng))
	}
	m.mu.Lock()
	p.id = len(m.pieces)
	m.pieces = append(m.pieces, p)
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rng.IntN(300))*time.Millisecond)
	defer cancel()
	var err error
	switch p.how {
	case "Send":
		m.pool.Send(p)
	case "TrySend":
		err = m.pool.TrySend(p)
	case "SendContext":
		err = m.pool.SendContext(ctx, p)
	case "Call":
		_, err = pool.Call(ctx, m.pool, func(r actor.Reply[int]) *piece {
			p.reply = r
			return p
		})
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	p.told, p.err = true, err
}

var errPoison = errors.New("poison")

// attempt is what may happen to a worker over a job. It returns what Receive returns.
func (m *model) attempt(rng *rand.Rand) func() error {
	d := time.Duration(rng.IntN(100)) * time.Millisecond
	switch rng.IntN(5) {
	case 0:
		return func() error { return errPoison }
	case 1:
		return func() error { panic(errPoison) }
	case 2:
		return func() error { return actor.Stop }
	case 3:
		return func() error { time.Sleep(d); return errPoison }
	}
	return func() error { time.Sleep(d); return nil }
}

// modelWorker is a worker of the model.
type modelWorker struct{ m *model }

// Init fails sometimes, but not at first: then the pool would not start.
func (w *modelWorker) Init(ctx *actor.Context[*piece]) error {
	w.m.mu.Lock()
	w.m.starts++
	n, killed := w.m.starts, w.m.killed
	w.m.mu.Unlock()
	ctx.TrapExit(n%2 == 0)
	if n%7 == 0 && !killed { // Min is 3 at most
		return errPoison
	}
	return nil
}

func (w *modelWorker) Receive(ctx *actor.Context[*piece], p *piece) (err error) {
	m := w.m
	m.mu.Lock()
	n := p.begun
	p.begun++
	if m.now++; m.now > m.max && !m.killed { // what a killed supervisor leaves runs until it returns
		m.Errorf("%d jobs are under way", m.now)
	}
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.now--
		if recover() != nil {
			panic(errPoison)
		}
		if err == nil || err == actor.Stop {
			p.done++
		}
	}()
	if n < len(p.script) {
		if err := p.script[n](); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	p.reply.Send(p.id)
	return nil
}

// trouble harms the workers, or any part of the pool.
func (m *model) trouble(ctx context.Context, all bool) {
	var parts []actor.PID
	var workers []actor.PID
	for _, child := range supervisor.SnapshotOf(ctx, m.sup.PID()).Children {
		for _, part := range child.Children {
			parts = append(parts, part.PID)
			for _, w := range part.Children {
				workers = append(workers, w.PID)
			}
		}
	}
	switch n := m.rng.IntN(8); {
	case n < 5 && len(workers) > 0:
		workers[m.rng.IntN(len(workers))].Exit([]error{actor.Kill, actor.Shutdown, errPoison}[m.rng.IntN(3)])
	case n < 7:
		least := m.rng.IntN(4) + 1
		err := m.pool.Resize(ctx, least, least+m.rng.IntN(4))
		if err != nil && !errors.Is(err, actor.NoProc) && !errors.Is(err, actor.Killed) {
			m.Error(err)
		}
	case all && len(parts) > 0:
		m.mu.Lock()
		m.killed = true
		m.mu.Unlock()
		parts[m.rng.IntN(len(parts))].Exit(actor.Kill)
	}
}

// atRest is what must be true of a pool that has nothing to do.
func (m *model) atRest() {
	synctest.Wait()
	s := m.pool.Stats()
	if s.Waiting != 0 || s.Busy != 0 || s.Idle != s.Workers || s.Workers == 0 {
		m.Errorf("at rest: %+v", s)
	}
	if m.killed {
		return
	}
	var done, dropped uint64
	for _, p := range m.pieces {
		done += uint64(p.done)
		dropped += uint64(p.dropped)
	}
	if s.Handled != done || s.Dropped != dropped {
		m.Errorf("%d were done and %d dropped, but the pool says %+v", done, dropped, s)
	}
}

// check looks at what has become of each job, when the pool has ended.
func (m *model) check() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.pieces {
		fault := func(what string) { m.Errorf("%s: %v (of %d attempts, %v)", what, p, m.cfg.Attempts, m.cfg.Queue) }
		ends := p.done + p.dropped
		switch {
		case !p.told:
			fault("it waits for ever")
		case p.begun > m.cfg.Attempts:
			fault("too many attempts")
		case ends > 1:
			fault("more than one end")
		case p.how == "Call" && p.err == nil && p.done != 1:
			fault("an answer without a job")
		case p.how == "Call":
			// A worker that stops without an answer has done the job all the same.
			if e, ok := errors.AsType[*pool.WorkerError](p.err); ok && ends == 0 || ok && p.dropped == 1 && e.Attempts != p.begun {
				fault("an error that is not true")
			}
		case p.err == nil && ends != 1:
			fault("lost without a word")
		case p.err != nil && (p.begun > 0 || ends > 0):
			fault("refused, and yet accepted")
		}
	}
}
