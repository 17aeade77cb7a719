package pool_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/supervisor/pool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBoom = errors.New("boom")

// order is the message of the workers here. Without a do the order is carried out at once.
type order struct {
	name  string
	do    func(*actor.Context[order]) error
	reply actor.Reply[string]
}

// floor is a pool in a synctest bubble whose workers write down what they do. A test says
// what it expects in one line, in the order of events:
//
//	f.expect("+w, a, b!, +w, b")
//
// "+w" is a worker's start, "a" an order that a worker begins, "-w" a worker's Terminate,
// and "b!" one that was dropped. expect first waits until nothing more happens without
// the passing of time, and forgets what it has seen.
type floor struct {
	*testing.T
	sys  *actor.System
	pool *pool.Pool[order]
	tree supervisor.Tree

	mu      sync.Mutex
	lines   []string
	logged  []string
	dropped []pool.Dropped
	init    func(*actor.Context[order]) error // of the workers, if not nil
	end     func(*actor.Context[order])       // their Terminate, if not nil
	onLog   func(line string)                 // is called with what is logged, if not nil
}

// onFloor runs f with a pool in a bubble of its own.
func onFloor(t *testing.T, cfg pool.Config, f func(f *floor)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		fl := newFloor(t, cfg)
		tree, err := fl.pool.Start(fl.sys)
		if err != nil {
			t.Fatal(err)
		}
		fl.tree = tree
		f(fl)
	})
}

// newFloor describes a pool and starts nothing.
func newFloor(t *testing.T, cfg pool.Config) *floor {
	t.Helper()
	f := &floor{T: t}
	f.sys = actor.NewSystem(actor.Config{Logger: slog.New(logbook{slog.DiscardHandler, f})})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := f.sys.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	if cfg.OnDrop == nil {
		cfg.OnDrop = f.drop
	}
	f.pool = pool.New(cfg, func() *hand { return &hand{f} })
	return f
}

func (f *floor) drop(d pool.Dropped) {
	f.note(d.Job.(order).name + "!")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dropped = append(f.dropped, d)
}

func (f *floor) note(line string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines = append(f.lines, line)
}

// expect fails the test if what has happened is not this.
func (f *floor) expect(want string) {
	f.Helper()
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	got := strings.Join(f.lines, ", ")
	f.lines = nil
	if got != want {
		f.Fatalf("what happened:\n got %s\nwant %s", got, want)
	}
}

// expectStats fails the test if the pool's numbers are not these. Oldest is left out.
func (f *floor) expectStats(want pool.Stats) {
	f.Helper()
	synctest.Wait()
	got := f.pool.Stats()
	got.Oldest = 0
	if got != want {
		f.Fatalf("stats:\n got %+v\nwant %+v", got, want)
	}
}

func (f *floor) ok(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// expectError fails the test if err does not wrap want, or is not nil if want is.
func (f *floor) expectError(err, want error) {
	f.Helper()
	if !errors.Is(err, want) {
		f.Fatalf("the error is %v, want %v", err, want)
	}
}

// send sends orders that are carried out at once.
func (f *floor) send(names ...string) {
	for _, name := range names {
		f.pool.Send(order{name: name})
	}
}

// fail sends an order that its worker fails over.
func (f *floor) fail(name string, reason error) {
	f.pool.Send(order{name: name, do: func(*actor.Context[order]) error { return reason }})
}

// hold sends an order that a worker has in hand until the function that is returned is
// called, and then comes to the given end.
func (f *floor) hold(name string) (release func(error)) {
	o, release := held(name)
	f.pool.Send(o)
	synctest.Wait()
	return release
}

// held is an order that keeps its worker until it is released, or until the worker is
// told to end.
func held(name string) (o order, release func(error)) {
	ended := make(chan error, 1)
	return order{name: name, do: func(ctx *actor.Context[order]) error {
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}}, func(err error) { ended <- err; synctest.Wait() }
}

// call calls the pool on a goroutine of its own, with an order that a worker answers with
// its name.
func (f *floor) call(ctx context.Context, name string, do func(*actor.Context[order]) error) *called {
	c := &called{floor: f, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		c.answer, c.err = pool.Call(ctx, f.pool, func(r actor.Reply[string]) order {
			return order{name, do, r}
		})
	}()
	synctest.Wait()
	return c
}

type called struct {
	*floor
	done   chan struct{}
	answer string
	err    error
}

// expect fails the test if the call has not ended like this; "" stands for waiting.
func (c *called) expect(want string) {
	c.Helper()
	synctest.Wait()
	got := ""
	select {
	case <-c.done:
		if got = c.answer; c.err != nil {
			got = c.err.Error()
		}
	default:
	}
	if got != want {
		c.Fatalf("the call came to %q, want %q", got, want)
	}
}

// workers returns the PIDs of the workers.
func (f *floor) workers() (pids []actor.PID) {
	f.Helper()
	for _, n := range supervisor.SnapshotOf(f.Context(), f.tree.PID()).Children {
		if n.ID == "workers" {
			for _, w := range n.Children {
				pids = append(pids, w.PID)
			}
		}
	}
	return pids
}

// part returns the PID of a child of the pool's supervisor.
func (f *floor) part(id string) actor.PID {
	f.Helper()
	info, err := f.tree.Child(f.Context(), id)
	f.ok(err)
	return info.PID
}

// hand is a worker.
type hand struct{ f *floor }

func (h *hand) Init(ctx *actor.Context[order]) error {
	h.f.note("+w")
	h.f.mu.Lock()
	init := h.f.init
	h.f.mu.Unlock()
	if init != nil {
		return init(ctx)
	}
	return nil
}

func (h *hand) Receive(ctx *actor.Context[order], o order) error {
	h.f.note(o.name)
	if o.do != nil {
		return o.do(ctx)
	}
	o.reply.Send("done " + o.name)
	return nil
}

func (h *hand) Terminate(ctx *actor.Context[order], _ error) {
	if h.f.end != nil {
		h.f.end(ctx)
	}
}

// setInit sets the Init of workers to come.
func (f *floor) setInit(init func(*actor.Context[order]) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.init = init
}

// logbook keeps what pools log.
type logbook struct {
	slog.Handler
	f *floor
}

func (logbook) Enabled(context.Context, slog.Level) bool { return true }

func (l logbook) Handle(_ context.Context, r slog.Record) error {
	if !strings.HasPrefix(r.Message, "pool: ") {
		return nil
	}
	line := r.Message
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "pool" {
			line += fmt.Sprintf(" %s=%v", a.Key, a.Value.Resolve())
		}
		return true
	})
	l.f.mu.Lock()
	l.f.logged = append(l.f.logged, line)
	onLog := l.f.onLog
	l.f.mu.Unlock()
	if onLog != nil {
		onLog(line)
	}
	return nil
}

// expectLogged fails the test if a pool has not logged this since the last call.
func (f *floor) expectLogged(want string) {
	f.Helper()
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, line := range f.logged {
		if strings.Contains(line, want) {
			f.logged = nil
			return
		}
	}
	f.Fatalf("%q is not in the log: %q", want, f.logged)
}

func (f *floor) count(part string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, line := range f.lines {
		if line == part {
			n++
		}
	}
	return n
}
