package actor

import (
	"context"
	"fmt"
	"time"
)

// Context is an actor as its own behavior sees it. Its methods may be called
// only by that actor, while one of its handlers runs; PID, Self, System and the
// methods of context.Context are safe anywhere.
//
// It is a [context.Context], so it can be handed to whatever takes one: it is
// cancelled when the actor is doomed by a kill or another lethal signal, at the
// latest when the actor has ended, with the exit reason as its cause. Handlers
// that wait must watch it, because a running handler cannot be interrupted.
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
	if c.parent == c.sys.root {
		return PID{}
	}
	return PID{c.parent}
}

// TrapExit says whether the actor traps exit signals: those that come from then
// on go to its [ExitHandler], in their place among the messages, and do not end
// the actor. The exit of its parent still does, with Terminate. It is OTP's
// trap_exit flag.
func (c *Context[M]) TrapExit(trap bool) {
	if trap {
		c.flags.Or(trapsExits)
	} else {
		c.flags.And(^trapsExits)
	}
}

// Link ties this actor to another: when one ends, the other gets an exit signal
// with its reason. There is at most one link between two actors, and linking to
// oneself does nothing. If the other has ended, an actor that traps exits gets an
// exit with reason [NoProc], and any other gets an error that wraps NoProc.
func (c *Context[M]) Link(to PID) error {
	p := &c.process
	if to.p == p || to.p != nil && (linked(p, to.p) || connect(p, to.p)) {
		return nil
	}
	if to.p != nil && c.has(trapsExits) && connectDead(p, to.p) {
		return nil
	}
	return fmt.Errorf("actor: link to %s: %w", to.subject(), NoProc)
}

// Unlink takes the link to another actor down, if there is one. After it returns
// no exit signal of that link will be handled, not even one that waits in the
// mailbox already.
func (c *Context[M]) Unlink(from PID) {
	if from.p != nil && from.p != &c.process {
		disconnect(&c.process, from.p)
	}
}

// Monitor asks for a [Down] when the other actor ends, whatever the reason; at
// once, with reason [NoProc], if it has ended already. Each call sets a monitor
// of its own. A monitor on oneself never fires.
func (c *Context[M]) Monitor(target PID) Monitor {
	if target.p == nil {
		target.p = c.sys.nobody
	}
	return Monitor{watch(&c.process, target.p)}
}

// Demonitor takes a monitor down. After it returns its [Down] will not be
// handled, even if it waits in the mailbox already (OTP's flush option). It
// reports whether the target was still alive to the monitor.
func (c *Context[M]) Demonitor(m Monitor) bool {
	return m.m != nil && m.m.watcher == &c.process && m.m.drop()
}

// Exit sends an exit signal with this actor as the sender; see [PID.Exit]. Sent
// to itself it ends the actor after the present handler, with [Normal] too,
// unless the actor traps exits.
func (c *Context[M]) Exit(to PID, reason error) {
	if to.p != nil {
		to.p.exit(exitSignal{from: &c.process, end: judge(reasonOrNormal(reason))})
	}
}

// Continue has f run when the present handler, or Init, has returned nil: before
// any message, even one that waits already. Init uses it for work that should
// not keep its parent waiting. If called more than once, the functions run in
// order. It is OTP's {continue, Term}.
func (c *Context[M]) Continue(f func(*Context[M]) error) {
	x := c.cell().more()
	earlier := x.next
	if earlier == nil {
		x.next = f
		return
	}
	x.next = func(ctx *Context[M]) error {
		if err := earlier(ctx); err != nil {
			return err
		}
		return f(ctx)
	}
}

// SendAfter sends m to this actor after d. See [Ref.SendAfter].
func (c *Context[M]) SendAfter(d time.Duration, m M) *Timer { return c.Self().SendAfter(d, m) }

// SendEvery sends m to this actor every d. See [Ref.SendEvery].
func (c *Context[M]) SendEvery(d time.Duration, m M) *Timer { return c.Self().SendEvery(d, m) }

// Go runs f on a goroutine that belongs to the actor: f gets the actor's context,
// and if it panics the actor gets an exit signal with that [*PanicError] instead
// of the whole program crashing.
func (c *Context[M]) Go(f func(ctx context.Context)) {
	p, ctx := &c.process, c.context()
	go func() {
		defer func() {
			if v := recover(); v != nil {
				reason := Recovered(v)
				logCrash(p, reason, nil) // a doomed actor logs nothing itself
				p.exit(exitSignal{from: p, end: judgePanic(reason)})
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

// Value serves package context and this one; an actor's context has no values of
// its own.
func (c *Context[M]) Value(key any) any {
	if key == (callerKey{}) {
		return &c.process
	}
	return c.context().Value(key)
}

// callerKey finds the actor that a context belongs to, so that an actor that
// waits for itself can be told.
type callerKey struct{}

func caller(ctx context.Context) *process {
	p, _ := ctx.Value(callerKey{}).(*process)
	return p
}
