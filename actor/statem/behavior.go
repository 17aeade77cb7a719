package statem

import (
	"reflect"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// New returns a constructor of actors that run the machine which create returns, for a
// spawn or a supervisor. The types are inferred: create may be any constructor of a type
// that implements [Machine], such as func newDoor() *door.
//
//	ref, err := actor.Spawn(sys, statem.New(newDoor))
//
// create runs at each start. A start fails if create panics, or returns nil, a nil
// pointer, or a machine with a method that would never be called, see [Machine]. New panics
// if create is nil.
//
// OTP: gen_statem:start_link/3.
func New[S comparable, M any, T Machine[S, M]](create func() T) func() actor.Behavior[M] {
	if create == nil {
		panic("statem: New: create is nil")
	}
	return func() actor.Behavior[M] { return run[S, M](create()) }
}

// run returns the behavior that runs m.
func run[S comparable, M any](m Machine[S, M]) actor.Behavior[M] {
	if isNil(m) {
		panic("statem: New: the machine is nil")
	}
	if err := checkMethods(m); err != nil {
		panic("statem: New: " + err.Error())
	}
	b := &behavior[S, M]{}
	b.c.machine = m
	b.c.flow.timeouts.start = b.startTimeout
	_, inits := m.(Initializer[S, M])
	_, enters := m.(Enterer[S, M])
	if inits || enters {
		return starter[S, M]{b}
	}
	return b
}

// isNil reports whether a machine is nil, or a nil pointer in an interface.
func isNil(m any) bool {
	v := reflect.ValueOf(m)
	return m == nil || v.Kind() == reflect.Pointer && v.IsNil()
}

// starter is the behavior of a machine that has something to do when it starts.
// The others go without, because an actor without Init costs no goroutine to start.
type starter[S comparable, M any] struct{ *behavior[S, M] }

// Init implements [actor.Initializer].
func (b starter[S, M]) Init(ctx *actor.Context[M]) error {
	c := b.as(ctx)
	c.now.event.kind = Internal
	ctx.Continue(b.begin) // before Init runs, which may have more to continue with
	init, ok := c.machine.(Initializer[S, M])
	if !ok {
		return nil
	}
	c.phase = starting
	state, err := init.Init(c)
	c.phase = 0
	c.flow.state, c.now.next = state, state
	return err
}

// begin enters the first state, and does what Init has asked for.
func (b starter[S, M]) begin(*actor.Context[M]) error {
	b.c.now.repeat = true
	return b.transit()
}

// behavior runs a machine as an actor.
type behavior[S comparable, M any] struct {
	c     Context[S, M]
	again func(*actor.Context[M]) error // the method step, made when first needed
	trace *actor.Trace                  // to be completed; nil if nobody traces
}

// TraceInto has what is handled next be told in t. Package actor calls it, by an interface
// that only it and this package know.
func (b *behavior[S, M]) TraceInto(t *actor.Trace) { b.trace = t }

// Wrapped implements [actor.Wrapper].
func (b *behavior[S, M]) Wrapped() reflect.Type {
	b.c.shown.Lock()
	defer b.c.shown.Unlock()
	return reflect.TypeOf(b.c.machine)
}

// as returns the machine's context, around the actor's.
func (b *behavior[S, M]) as(ctx *actor.Context[M]) *Context[S, M] {
	b.c.Context = ctx
	return &b.c
}

// Receive implements [actor.Behavior].
func (b *behavior[S, M]) Receive(ctx *actor.Context[M], m M) error {
	b.as(ctx)
	return b.handle(event[M]{kind: Message, message: m})
}

// HandleExit implements [actor.ExitHandler].
func (b *behavior[S, M]) HandleExit(ctx *actor.Context[M], exit actor.Exit) error {
	if _, ok := b.as(ctx).machine.(ExitHandler[S, M]); !ok {
		return nil
	}
	return b.handle(event[M]{kind: Signal, signal: exit})
}

// HandleDown implements [actor.DownHandler].
func (b *behavior[S, M]) HandleDown(ctx *actor.Context[M], down actor.Down) error {
	if _, ok := b.as(ctx).machine.(DownHandler[S, M]); !ok {
		return nil
	}
	return b.handle(event[M]{kind: Signal, signal: down})
}

// Terminate implements [actor.Terminator].
func (b *behavior[S, M]) Terminate(ctx *actor.Context[M], reason error) {
	c := b.as(ctx)
	c.phase = handling
	if t, ok := c.machine.(Terminator[S, M]); ok {
		t.Terminate(c, c.flow.state, reason)
	}
}

// startTimeout starts the timer of a timeout.
func (b *behavior[S, M]) startTimeout(d time.Duration, t *timeout[M]) timer {
	return b.c.After(d, func(*actor.Context[M]) error {
		if !b.c.flow.timeouts.fired(t) {
			if b.trace != nil {
				*b.trace = actor.Trace{}
			}
			return nil
		}
		return b.handle(event[M]{kind: t.kind, message: t.message})
	})
}

// step handles an event that goes ahead of the mailbox. It is a step of the
// actor's own, and not of a loop in here, so that a lethal signal can come
// between two events.
func (b *behavior[S, M]) step(*actor.Context[M]) error {
	e := b.c.flow.next()
	if e.values == nil {
		return b.handle(e)
	}
	return b.c.WithValues(e.values, func() error { return b.handle(e) })
}

// handle handles an event, and tells of it if somebody traces the actor.
func (b *behavior[S, M]) handle(e event[M]) error {
	t := b.trace
	if t == nil {
		return b.react(e)
	}
	t.Kind, t.Message = e.traced()
	t.State = b.c.flow.state
	err := b.react(e)
	t.Next = b.c.flow.state
	return err
}

func (b *behavior[S, M]) react(e event[M]) error {
	c := &b.c
	c.flow.handling()
	c.now.event = e
	c.phase = handling
	next, err := b.call(e)
	c.phase = 0
	if err != nil {
		return err
	}
	c.now.next = next
	return b.transit()
}

func (b *behavior[S, M]) call(e event[M]) (S, error) {
	c := &b.c
	switch signal := e.signal.(type) {
	case actor.Exit:
		if h, ok := c.machine.(ExitHandler[S, M]); ok {
			return h.HandleExit(c, c.flow.state, signal)
		}
	case actor.Down:
		if h, ok := c.machine.(DownHandler[S, M]); ok {
			return h.HandleDown(c, c.flow.state, signal)
		}
	default:
		return c.machine.Handle(c, c.flow.state, e.message)
	}
	return c.flow.state, nil // the machine was replaced while the signal was postponed
}

// transit carries out the transition under way.
func (b *behavior[S, M]) transit() error {
	c := &b.c
	old, due := c.flow.enter(&c.now)
	if due {
		if err := b.enter(old); err != nil {
			return err
		}
	}
	if err := c.flow.finish(&c.now, old != c.now.next); err != nil {
		return err
	}
	c.now.done()
	if c.flow.waiting() {
		if b.again == nil {
			b.again = b.step
		}
		c.Continue(b.again)
	}
	return nil
}

func (b *behavior[S, M]) enter(old S) error {
	c := &b.c
	enterer, ok := c.machine.(Enterer[S, M])
	if !ok {
		return nil
	}
	c.phase = entering
	err := enterer.Enter(c, old, c.flow.state)
	c.phase = 0
	return err
}
