package actor

import (
	"context"
	"time"
)

// Context is an actor as its own behavior sees it. Its methods may be called only by that
// actor, while one of its handlers runs. Safe anywhere, and after the actor's end, are PID,
// Self, System, Parent, SetLabel and the methods of context.Context.
//
// On another goroutine the other methods race with the actor: go test -race reports that. A
// goroutine that has something to tell the actor sends it a message, see [Context.Go]. After
// the actor's end a Context can do nothing: methods that ask for something to come, such as
// Continue, Stash, Become and SetTimer, panic then, on whatever goroutine; a link, a spawn or a
// question fails; a monitor never fires; a timer is not set.
//
// It is a [context.Context], so it can be handed to everything that takes one. It is
// cancelled when a kill or another lethal signal dooms the actor, and otherwise when the
// actor has ended. The cause is the exit reason. Handlers that wait must watch it, because
// a running handler cannot be interrupted.
//
// A Context is the actor's own record under another name, so that handing it to a handler
// allocates nothing. Only this package can make one.
type Context[M any] cell[M]

// Self is the [Context] of an actor, whatever its message type.
type Self interface {
	context.Context
	PID() PID
	System() *System
	TrapExit(bool)
	Link(PID) error
	Unlink(PID)
	Monitor(PID) Monitor
	Demonitor(Monitor) bool
	Exit(PID, error)

	proc() *process
}

func (c *Context[M]) cell() *cell[M] { return (*cell[M])(c) }

func (c *Context[M]) proc() *process { return &c.process }

// PID returns the actor's identity.
func (c *Context[M]) PID() PID { return PID{&c.process} }

// Self returns the actor's own address.
func (c *Context[M]) Self() Ref[M] { return Ref[M]{c.cell()} }

// System returns the system that the actor lives in.
func (c *Context[M]) System() *System { return c.sys }

// Parent returns the actor that spawned this one with a link, or the zero PID.
func (c *Context[M]) Parent() PID {
	return c.PID().Parent()
}

// Continue has f run when the present handler, or Init, has returned nil: before any
// message, even one that waits already. Init uses it for work that should not keep its
// parent waiting. If called more than once, the functions run in order. It panics if f is
// nil.
//
// OTP: gen_server's {continue, Term}.
func (c *Context[M]) Continue(f func(*Context[M]) error) {
	if f == nil {
		panic("actor: Continue: f is nil")
	}
	x := c.cell().makeRare()
	earlier := x.next
	if earlier == nil {
		x.next, x.nextWith = f, c.PID().carry(c, "Continue")
		return
	}
	x.next = func(ctx *Context[M]) error {
		if err := earlier(ctx); err != nil {
			return err
		}
		return f(ctx)
	}
}

// Go runs f on a goroutine that belongs to the actor: f gets the actor's context,
// and if it panics the actor gets an exit signal with that [*PanicError] instead
// of the whole program crashing. The context keeps the values of the message in hand. Go
// panics if f is nil.
func (c *Context[M]) Go(f func(ctx context.Context)) {
	if f == nil {
		panic("actor: Go: f is nil")
	}
	p, ctx := &c.process, c.context()
	if v := c.values(); v != nil {
		ctx = &valued{ctx, v, p}
	}
	go func() {
		defer func() {
			if v := recover(); v != nil {
				reason := Recovered(v)
				end := judgePanic(reason)
				logEnd(p, end, nil) // a doomed actor logs nothing itself
				p.exit(exitSignal{from: p, end: end})
			}
		}()
		f(ctx)
	}()
}

// Deadline returns no deadline: an actor has none.
func (c *Context[M]) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }

// Done returns a channel that is closed when the actor is doomed.
func (c *Context[M]) Done() <-chan struct{} { return c.context().Done() }

// Err returns nil while the actor lives, and then [context.Canceled].
func (c *Context[M]) Err() error {
	if d := c.doomed(); d == nil {
		return nil // without making a context: calls ask each time
	}
	return c.context().Err()
}

// Value returns what the message that the actor handles brought along for key, if an
// [Instrument] has taken care of that; an actor's context has no values of its own. What
// outlives the handler must not ask this context for them, but that of [Context.Go], or
// [Values].
func (c *Context[M]) Value(key any) any {
	if key == (callerKey{}) {
		return &c.process
	}
	if ctx := c.madeContext(); ctx != nil {
		if v := ctx.Value(key); v != nil { // for package context
			return v
		}
	}
	return c.value(key)
}

// madeContext returns the actor's own context if it has one, or must have: context.Cause asks
// for the reason of an end without having asked for Done.
func (p *process) madeContext() (ctx context.Context) {
	if p.doomed() != nil {
		return p.context()
	}
	forget(p, func(r *relations) {
		if r.rare != nil {
			ctx = r.rare.ctx
		}
	})
	return ctx
}

// callerKey finds the actor that a context belongs to, so that an actor that
// waits for itself can be told.
type callerKey struct{}

func caller(ctx context.Context) *process {
	p, _ := ctx.Value(callerKey{}).(*process)
	return p
}

// FromContext returns the actor that ctx belongs to: the one whose [Context] it
// is, or is derived from. It reports false if there is none, as for the context
// that [Context.Go] hands out, which is that of a helper and not of the actor.
func FromContext(ctx context.Context) (PID, bool) {
	p := caller(ctx)
	return PID{p}, p != nil
}

// context returns the actor's own context, which is cancelled when the actor is
// doomed, at the latest when it ends.
func (p *process) context() context.Context {
	r := p.relations()
	if r == gone {
		return cancelled
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.makeRare()
	if s.ctx == nil {
		s.ctx, s.cancel = context.WithCancelCause(context.Background())
		if d := p.doomed(); d != nil {
			s.cancel(d.reason)
		}
	}
	return s.ctx
}

// cancelled serves the actors that ended before anybody asked for a context.
var cancelled = func() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(NoProc)
	return ctx
}()
