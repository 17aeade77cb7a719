package flight

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// Config says what a [Recorder] keeps. The zero Config is a good one for downloads with
// [Recorder.WriteTo]; set Dir for dumps.
type Config struct {
	// Dir is the directory for dumps, of this recorder only. It is made if it does not exist.
	// "": there are none.
	Dir string
	// MinAge is how far back a trace should go; 10 s if 0.
	MinAge time.Duration
	// MaxBytes bounds how much the runtime keeps, more or less, and comes before MinAge;
	// 16 MiB if 0. A dump, or a download, takes as much once more while it is written.
	MaxBytes uint64
	// Keep is how many files there may be in Dir; 8 if 0. The oldest ones go, those of
	// earlier runs of the program included.
	Keep int
	// Every is the least time between two dumps; 1 min if 0.
	Every time.Duration
}

func (c Config) withDefaults() (Config, error) {
	if c.MinAge < 0 || c.Keep < 0 || c.Every < 0 {
		return c, errors.New("flight: MinAge, Keep and Every must not be negative")
	}
	c.MinAge = cmp.Or(c.MinAge, 10*time.Second)
	c.MaxBytes = cmp.Or(c.MaxBytes, 16<<20)
	c.Keep = cmp.Or(c.Keep, 8)
	c.Every = cmp.Or(c.Every, time.Minute)
	return c, nil
}

// Recorder records what the program does, and keeps the last seconds of it. Its methods may
// be called from any goroutine.
type Recorder struct {
	cfg  Config
	sys  *actor.System
	last atomic.Int64     // when a dump was last asked for, in nanoseconds since began
	self actor.Ref[cause] // set by Init

	began     time.Time
	unobserve func()

	mu      sync.Mutex // one snapshot at a time; never held while anything is written
	runtime *trace.FlightRecorder
}

// Start begins to record, until [Recorder.Stop] or the end of the system. It fails if the
// program has a flight recorder already, since Go's runtime has one at most, if Dir cannot
// be made, if a number is negative, and if the system shuts down.
//
// From then on each crash and each slow handler, see [actor.System.Watchdog], is marked in
// the trace by an event of the category "actor", and has the trace dumped to a file in Dir,
// unless there was a dump within Config.Every. Each dump is logged. The actor at fault does not wait for the dump.
func Start(sys *actor.System, cfg Config) (*Recorder, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if cfg.Dir != "" {
		if err := prepare(cfg.Dir); err != nil {
			return nil, fmt.Errorf("flight: %w", err)
		}
	}
	r := &Recorder{cfg: cfg, sys: sys, began: time.Now()}
	r.last.Store(never)
	r.runtime = trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: cfg.MinAge, MaxBytes: cfg.MaxBytes})
	if err := r.runtime.Start(); err != nil {
		return nil, fmt.Errorf("flight: start: %w", err)
	}
	if _, err := actor.Spawn(sys, func() *writer { return &writer{r} }, actor.Label("flight recorder")); err != nil {
		r.runtime.Stop()
		return nil, fmt.Errorf("flight: start: %w", err)
	}
	return r, nil
}

// never is a time of a last dump that lets the first one be at once.
const never = -1 << 62

// Stop ends the recording, when the dumps that are due are written. The files stay. Stopping
// twice is the same as once.
func (r *Recorder) Stop() {
	r.self.PID().Exit(actor.Shutdown)
	<-r.self.PID().Done()
}

// WriteTo writes what is recorded now, for go tool trace, and returns how many bytes those
// are. Before it writes it takes a copy, so a slow w keeps nobody waiting. It fails with an
// error that wraps [ErrStopped] if the recorder has stopped, and with w's errors.
func (r *Recorder) WriteTo(w io.Writer) (int64, error) {
	b, err := r.snapshot()
	if err != nil {
		return 0, fmt.Errorf("flight: %w", err)
	}
	return b.WriteTo(w)
}

// ErrStopped says that a recorder has stopped.
var ErrStopped = errors.New("the flight recorder has stopped")

func (r *Recorder) snapshot() (*bytes.Buffer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.runtime.Enabled() {
		return nil, ErrStopped
	}
	var b bytes.Buffer
	if _, err := r.runtime.WriteTo(&b); err != nil {
		return nil, err
	}
	return &b, nil
}

// cause is why there is a dump.
type cause struct {
	kind string // "crash" or "slow"
	pid  actor.PID
	at   time.Time
}

// observe hears of the system's events.
func (r *Recorder) observe(e actor.Event) {
	c := cause{at: time.Now()}
	switch e := e.(type) {
	case actor.Crashed:
		c.kind, c.pid = "crash", e.PID
		trace.Logf(context.Background(), "actor", "%v crashed", e.PID)
	case actor.SlowHandler:
		c.kind, c.pid = "slow", e.PID
		trace.Logf(context.Background(), "actor", "%v has run a handler for %v", e.PID, e.For)
	default:
		return
	}
	if c.pid == r.self.PID() || r.cfg.Dir == "" {
		return
	}
	now, last := int64(c.at.Sub(r.began)), r.last.Load()
	if last != never && now-last < int64(r.cfg.Every) || !r.last.CompareAndSwap(last, now) {
		return
	}
	r.self.Send(c)
}

// writer is the recorder's actor. Its life is that of the recording, and it writes the dumps.
type writer struct{ *Recorder }

// Init implements [actor.Initializer]. The actor traps exits, so that the dumps are
// written that are asked for while the system shuts down.
func (w *writer) Init(ctx *actor.Context[cause]) error {
	ctx.TrapExit(true)
	ctx.MayBlock()
	w.self = ctx.Self()
	w.unobserve = w.sys.Observe(w.observe)
	if !ctx.PID().Own(ending{w.Recorder}) { // it is doomed
		w.unobserve()
		return actor.Shutdown
	}
	return nil
}

// HandleExit implements [actor.ExitHandler]: Recorder.Stop sends a signal that comes from no
// actor.
func (w *writer) HandleExit(_ *actor.Context[cause], e actor.Exit) error { return e.Reason }

// Receive implements [actor.Behavior].
func (w *writer) Receive(_ *actor.Context[cause], c cause) error {
	path, err := w.dump(c)
	if err != nil {
		w.sys.Logger().Error("flight: no dump", "kind", c.kind, "pid", c.pid, "reason", err)
		return nil
	}
	w.sys.Logger().LogAttrs(context.Background(), slog.LevelInfo, "flight: dumped",
		slog.String("kind", c.kind), slog.Any("pid", c.pid), slog.String("file", path))
	if err := prune(w.cfg.Dir, w.cfg.Keep); err != nil {
		w.sys.Logger().Error("flight: old dumps stay", "reason", err)
	}
	return nil
}

func (w *writer) dump(c cause) (path string, err error) {
	b, err := w.snapshot()
	if err != nil {
		return "", err
	}
	return save(w.cfg.Dir, c, b)
}

// ending stops the recording when the recorder's actor ends, in whatever way.
type ending struct{ *Recorder }

// Release implements [actor.Resource].
func (e ending) Release(actor.PID, error) {
	e.unobserve()
	e.mu.Lock() // the snapshot that is being taken comes first
	defer e.mu.Unlock()
	e.runtime.Stop()
}

// prepare makes the directory, and removes what a program has left that ended while it wrote.
func prepare(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return removeRemains(dir)
}
