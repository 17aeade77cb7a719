package actor

import (
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/mailbox"
)

// Errors of a spawn and of a call. They come wrapped with context.
var (
	// ErrClosed says that the system is shutting down and starts no more actors.
	ErrClosed = errors.New("actor: system is shut down")
	// ErrStartTimeout says that Init took longer than [StartTimeout] allows.
	ErrStartTimeout = errors.New("actor: start timeout")
	// ErrSelf says that an actor tried to wait for itself.
	ErrSelf = errors.New("actor: an actor cannot wait for itself")
)

// NameTakenError says that a name belongs to another actor. It is OTP's
// already_started.
type NameTakenError struct {
	Name   string
	Holder PID
}

func (e *NameTakenError) Error() string {
	return fmt.Sprintf("actor: name %q is taken by %v", e.Name, e.Holder)
}

// Option changes how an actor is spawned.
type Option func(*spawnConfig)

type spawnConfig struct {
	name         string
	limit        mailbox.Limit
	startTimeout time.Duration
}

// Name registers the actor under a name that is unique in its system; see
// [System.WhereIs] and [Lookup]. If it is taken, the spawn fails with a
// [*NameTakenError] before Init runs. The name is free again before anybody
// hears of the actor's end.
func Name(name string) Option { return func(c *spawnConfig) { c.name = name } }

// Mailbox bounds the actor's mailbox, or sets its high-water mark, which makes a
// [HighWater] event. It is unbounded and has no mark by default.
func Mailbox(limit mailbox.Limit) Option { return func(c *spawnConfig) { c.limit = limit } }

// StartTimeout makes the spawn fail with [ErrStartTimeout] and kills the actor if
// Init takes longer than d. There is no limit by default.
func StartTimeout(d time.Duration) Option { return func(c *spawnConfig) { c.startTimeout = d } }

// Spawn starts an actor with the behavior that newBehavior makes, and returns
// when its Init, if it has one, has returned. The actor has no link; the system
// stops it at shutdown.
//
// It fails with what Init returned, with a [*PanicError] if Init panicked, with a
// [*NameTakenError], or with [ErrClosed].
func Spawn[M any](sys *System, newBehavior func() Behavior[M], opts ...Option) (Ref[M], error) {
	ref, _, err := spawn(sys, nil, nil, newBehavior, opts)
	return ref, err
}

// SpawnLink is Spawn by an actor, with a link to the new one that is in place
// before the new actor does anything. The caller is the new actor's parent: if
// the new actor traps exits, the parent's exit signal ends it with Terminate.
//
// If Init returns an error, only the error comes back. If Init panics, the link
// carries the exit signal, too, as in OTP.
func SpawnLink[M any](parent Self, newBehavior func() Behavior[M], opts ...Option) (Ref[M], error) {
	ref, _, err := spawn(parent.System(), parent.proc(), nil, newBehavior, opts)
	return ref, err
}

// SpawnMonitor is Spawn by an actor, with a monitor on the new one that is in
// place before the new actor does anything.
func SpawnMonitor[M any](watcher Self, newBehavior func() Behavior[M], opts ...Option) (Ref[M], Monitor, error) {
	ref, m, err := spawn(watcher.System(), nil, watcher.proc(), newBehavior, opts)
	if err != nil {
		if m != nil {
			m.drop()
		}
		return ref, Monitor{}, err
	}
	return ref, Monitor{m}, nil
}

func spawn[M any](sys *System, parent, watcher *process, newBehavior func() Behavior[M], opts []Option) (Ref[M], *monitor, error) {
	var cfg spawnConfig
	if len(opts) > 0 {
		cfg = configure(opts)
	}
	behavior, err := construct(newBehavior)
	if err != nil {
		return Ref[M]{}, nil, fmt.Errorf("actor: spawn: %w", err)
	}
	c := &cell[M]{behavior: behavior}
	c.typed = c
	c.runner = newRunner(&c.process)
	c.box.Rouse() // no sender starts a runner before all is set up
	c.sys, c.parent = sys, sys.root
	c.serial = sys.serial.Add(1)
	c.born = sys.age()
	if cfg.limit != mailbox.Unbounded {
		c.box.SetLimit(cfg.limit,
			func(m M) { deadLetter(&c.process, m, ErrFull) },
			func(waiting int) { sys.emit(HighWater{PID{&c.process}, waiting}) })
	}

	var m *monitor
	fail := func(err error) (Ref[M], *monitor, error) {
		c.bury(err)
		return Ref[M]{}, m, fmt.Errorf("actor: spawn: %w", err)
	}
	if watcher != nil {
		if watcher.has(ended) { // abandoned
			return fail(NoProc)
		}
		m = watch(watcher, &c.process)
	}
	if cfg.name != "" {
		if err := sys.names.register(cfg.name, &c.process); err != nil {
			return fail(err)
		}
	}
	if parent != nil {
		c.parent = parent
		if !connect(parent, &c.process) {
			return fail(NoProc)
		}
	}
	if !sys.add(&c.process) {
		return fail(ErrClosed)
	}
	if _, ok := behavior.(Initializer[M]); !ok {
		c.ready()
	} else if err := c.boot(cfg.startTimeout); err != nil {
		return Ref[M]{}, m, fmt.Errorf("actor: spawn %v: %w", PID{&c.process}, err)
	}
	return Ref[M]{c}, m, nil
}

// configure is apart because what options change is allocated.
func configure(opts []Option) spawnConfig {
	var cfg spawnConfig
	for _, o := range opts {
		o(&cfg)
	}
	return cfg
}

// construct calls newBehavior and turns a panic into an error.
func construct[M any](newBehavior func() Behavior[M]) (b Behavior[M], err error) {
	defer func() {
		if v := recover(); v != nil {
			err = newPanicError(v)
		}
	}()
	return newBehavior(), nil
}

// ready ends the setup of an actor without Init. The actor sleeps, unless
// something has come for it already.
func (c *cell[M]) ready() {
	var batch mailbox.Batch[M]
	if c.box.Take(&batch) != mailbox.Asleep {
		came := batch // or else the closure would have every spawn allocate batch
		go serve(&c.process, func() error { return c.resume(&came) })
	}
}

// startup is a run of Init: how it begins, and how its outcome comes back to the
// spawner. A system has few, and uses them again and again.
type startup struct {
	p    *process
	run  func() // the goroutine
	err  error
	wake chan struct{}
}

func newStartup() any {
	s := &startup{wake: make(chan struct{}, 1)}
	first := func() error { return s.p.typed.start(s) }
	s.run = func() { serve(s.p, first) }
	return s
}

// done reports the outcome. After it, s is the spawner's.
func (s *startup) done(err error) {
	s.err = err
	s.wake <- struct{}{}
}

// boot runs Init on the actor's first runner and waits for its outcome.
func (c *cell[M]) boot(timeout time.Duration) error {
	startups := &c.sys.startups
	s := startups.Get().(*startup)
	s.p = &c.process
	go s.run()
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		select {
		case <-s.wake:
		case <-timer.C:
			// As in start: the spawner gets the error, not the signal. When Init
			// returns its outcome goes nowhere, so s is not used again.
			disconnect(&c.process, c.parent)
			c.kill(Killed)
			return ErrStartTimeout
		}
	} else {
		<-s.wake
	}
	err := s.err
	s.p, s.err = nil, nil
	startups.Put(s)
	return err
}
