package actor

import (
	"cmp"
	"fmt"
	"reflect"
	"time"

	"github.com/troupe-go/troupe/mailbox"
)

// Option changes how an actor is spawned.
type Option func(*spawnConfig)

type spawnConfig struct {
	before       []spawnHook
	few          [2]spawnHook // before, as long as they are no more
	limit        mailbox.Limit
	startTimeout time.Duration
}

// Mailbox bounds the actor's mailbox, or sets its high-water mark, which makes a
// [HighWater] event. It is unbounded and has no mark by default. The spawn fails with what
// [mailbox.Limit.Validate] says of the limit.
func Mailbox(limit mailbox.Limit) Option { return func(c *spawnConfig) { c.limit = limit } }

// StartTimeout makes the spawn fail with [ErrStartTimeout] and kills the actor if
// Init takes longer than d. One that does not return even then is abandoned, see
// [PID.Abandon]: neither the actor nor its name is left. There is no limit by default, or if
// d is 0; a negative d fails the spawn.
func StartTimeout(d time.Duration) Option { return func(c *spawnConfig) { c.startTimeout = d } }

// Spawn starts an actor with the behavior that create returns, and returns when its
// Init, if it has one, has returned. The actor has no link; the system stops it at
// shutdown. The types are inferred: create may be any constructor of a type that
// implements [Behavior], such as func newCounter() *counter.
//
// It fails if create is nil, or returns nil or a behavior with a method that would never be
// called, see [Behavior]. It fails with what Init returned, with a [*PanicError] if Init panicked, with a
// [*NameTakenError], or with [ErrClosed]; and with the reason of the actor's end if it
// is killed during its Init. An Init that does not heed its context then is abandoned.
func Spawn[M any, B Behavior[M]](sys *System, create func() B, opts ...Option) (Ref[M], error) {
	ref, _, err := spawn(sys, nil, nil, maker(create), opts)
	return ref, err
}

// SpawnLink is Spawn by an actor, with a link to the new one that is in place
// before the new actor does anything. The caller is the new actor's parent: if
// the new actor traps exits, the parent's exit signal ends it with Terminate.
//
// If Init returns an error, only the error comes back, and so it is if the actor is
// refused: for its name, or because the system shuts down. If Init panics, the link
// carries the exit signal, too, as in OTP.
//
// If the parent is doomed while Init runs, so is the new actor, and SpawnLink returns at
// once. If the parent traps exits and its own parent tells it to end, so is the new
// actor told.
func SpawnLink[M any, B Behavior[M]](parent Self, create func() B, opts ...Option) (Ref[M], error) {
	ref, _, err := spawn(parent.System(), parent.proc(), nil, maker(create), opts)
	return ref, err
}

// SpawnMonitor is Spawn by an actor, with a monitor on the new one that is in
// place before the new actor does anything.
func SpawnMonitor[M any, B Behavior[M]](watcher Self, create func() B, opts ...Option) (Ref[M], Monitor, error) {
	ref, m, err := spawn(watcher.System(), nil, watcher.proc(), maker(create), opts)
	if err != nil {
		if m != nil {
			m.drop()
		}
		return ref, Monitor{}, err
	}
	return ref, Monitor{m}, nil
}

func spawn[M any](sys *System, parent, watcher *process, create func() Behavior[M], opts []Option) (Ref[M], *monitor, error) {
	var cfg spawnConfig
	if len(opts) > 0 {
		var err error
		if cfg, err = configure(opts); err != nil {
			return Ref[M]{}, nil, spawnError("", err)
		}
	}
	behavior, err := construct(create)
	if err != nil {
		return Ref[M]{}, nil, spawnError("", logUnmade(sys, "constructor", err))
	}
	c := newCell(sys, parent, behavior, cfg.limit)
	spawner := cmp.Or(parent, watcher)
	var m *monitor
	fail := func(err error) (Ref[M], *monitor, error) {
		if parent != nil { // it gets the error; its link must not strike it as well
			disconnect(&c.process, parent)
		}
		reason := err
		if l, ok := err.(loggedError); ok {
			reason = l.error
		}
		c.bury(judge(reason))
		return Ref[M]{}, m, spawnError(PID{&c.process}.quoted(), err)
	}
	if watcher != nil {
		if watcher.has(ended) { // abandoned
			return fail(NoProc)
		}
		m = watch(watcher, &c.process)
	}
	for _, hook := range cfg.before {
		if err := hook(&c.process, spawner, cfg.startTimeout); err != nil {
			return fail(err)
		}
	}
	if parent != nil && !connect(parent, &c.process) {
		return fail(NoProc)
	}
	if err := sys.add(&c.process); err != nil {
		return fail(err)
	}
	if _, ok := behavior.(Initializer[M]); !ok {
		c.ready()
	} else if err := c.boot(spawner, cfg.startTimeout); err != nil {
		return Ref[M]{}, m, spawnError(PID{&c.process}.subject(), err)
	}
	return Ref[M]{c}, m, nil
}

// newCell returns an actor that nobody knows of yet.
func newCell[M any](sys *System, parent *process, behavior Behavior[M], limit mailbox.Limit) *cell[M] {
	c := new(cell[M])
	c.typed = c
	c.runner = newRunner(&c.process)
	c.box.Rouse()                                   // no sender starts a runner before all is set up
	c.sys, c.parent = sys, cmp.Or(parent, sys.root) // before it can be found by its name
	c.serial = sys.serial.Add(1)
	c.behavior = behavior
	c.noteLabeler()
	if sys.profiled {
		c.keepProfileLabels(behavior)
	}
	c.born = sys.age()
	if limit != mailbox.Unbounded {
		c.box.SetLimit(limit,
			func(m M) { deadLetter(&c.process, m, ErrFull) },
			func(waiting int) { sys.Emit(HighWater{PID{&c.process}, waiting}) })
	}
	return c
}

// configure is a function of its own so that a spawn without options allocates nothing:
// what options change is on the heap.
func configure(opts []Option) (spawnConfig, error) {
	var cfg spawnConfig
	cfg.before = cfg.few[:0]
	for _, o := range opts {
		if o == nil {
			return cfg, errNoOption
		}
		o(&cfg)
	}
	if cfg.startTimeout < 0 {
		return cfg, fmt.Errorf("StartTimeout is negative: %v", cfg.startTimeout)
	}
	return cfg, cfg.limit.Validate()
}

// maker returns create as a function of a Behavior, or nil.
func maker[M any, B Behavior[M]](create func() B) func() Behavior[M] {
	if create == nil {
		return nil
	}
	return func() Behavior[M] { return create() }
}

// construct calls create, turns a panic into an error, and looks at what create returns.
func construct[M any](create func() Behavior[M]) (b Behavior[M], err error) {
	defer func() {
		if v := recover(); v != nil {
			err = Recovered(v)
		}
	}()
	if create == nil {
		return nil, errNoConstructor
	}
	if b = create(); isNil(b) {
		return nil, errNoBehavior
	}
	return b, checkMethods(b)
}

// isNil reports whether v is nil, or a nil pointer or function in an interface.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	return (r.Kind() == reflect.Pointer || r.Kind() == reflect.Func) && r.IsNil()
}
