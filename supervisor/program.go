package supervisor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// Program is a whole program: the supervision tree that its Spec describes, in an
// actor system of its own, and how that tree comes to its end. [Main] runs it.
//
// A program stops in this order:
//
//  1. Drain is called, while all children still run;
//  2. the tree stops, its children in reverse order of their start;
//  3. the actors stop that are in no tree.
//
// OTP: application.
type Program struct {
	Spec // of the tree's root

	// Grace bounds the whole stop; the default is 25 s. When it is over, all that still
	// runs is killed, and abandoned a tenth of a second later, see
	// [actor.System.Shutdown]. Make it shorter than the time that the process is given,
	// 30 s in Kubernetes. Children stop one after the other, so their Shutdown times
	// add up.
	Grace time.Duration

	// Drain, if not nil, is called before the tree is stopped, to send the program's
	// clients away. Its context ends after half of Grace, and when the stop is cut
	// short. The stop then goes on, even if Drain has not returned; it also goes on if
	// Drain fails or panics. A tree that has ended by itself is not drained.
	//
	// OTP: application:prep_stop/1.
	Drain func(ctx context.Context) error

	// OnStart, if not nil, is called once, when all children run. It must be quick: Run
	// waits for a second at most. A panic or runtime.Goexit in it is logged and goes no
	// further.
	OnStart func(sys *actor.System, root Tree)

	// Config makes the actor system.
	Config actor.Config
}

// defaultGrace leaves 5 s of the time that Kubernetes gives a process.
const defaultGrace = 25 * time.Second

// Main runs a program. It is for the last line of main:
//
//	func main() {
//		supervisor.Main(supervisor.Program{Spec: supervisor.Spec{Children: children}})
//	}
//
// An interrupt or SIGTERM stops the program in order, and Main returns. A second
// signal cuts the stop short: all that still runs is killed. If the program does not
// start, ends by itself or does not stop in order, Main logs the error of [Program.Run]
// once and ends the process with exit code 1.
//
// OTP: application:start/2, with type permanent.
func Main(p Program) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	if err := p.runUntil(signals); err != nil {
		os.Exit(1)
	}
}

// runUntil runs the program until a signal comes, and logs what goes wrong.
func (p Program) runUntil(signals <-chan os.Signal) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	hurry, stopNow := context.WithCancel(context.Background())
	defer stopNow()
	go func() {
		for _, heard := range []func(){stop, stopNow} {
			select {
			case <-signals:
				heard()
			case <-hurry.Done():
				return
			}
		}
	}()
	sys := actor.NewSystem(p.Config)
	err := p.run(ctx, hurry, sys)
	if err != nil {
		logEnd(sys, err)
	}
	return err
}

// Run runs the program until ctx is done, stops it in order, and returns nil. It does not
// listen to signals. It returns an error
//
//   - if the program does not start: the error wraps a [*SpecError], or the error of the
//     child that does not start;
//   - if the tree ends by itself, whatever the reason: a program without its tree is of no
//     use. The error wraps the reason of the child that was the trouble, such as
//     child "database": more than 1 restart in 5s: connection refused;
//   - if Drain fails or takes too long;
//   - if actors had to be killed, or are stuck in a handler and were abandoned: the error
//     wraps an [*actor.ShutdownError] that lists them.
//
// When Run has returned nothing of the program runs, except for handlers that are stuck.
func (p Program) Run(ctx context.Context) error {
	return p.run(ctx, context.Background(), actor.NewSystem(p.Config))
}

// run is Run. When hurry is done the stop is cut short.
func (p Program) run(ctx, hurry context.Context, sys *actor.System) error {
	root, err := p.start(ctx, sys)
	running := err == nil && root != Tree{}
	if running {
		p.tellStarted(ctx, sys, root)
		err = lasts(ctx, root)
	}
	grace := cmp.Or(p.Grace, defaultGrace)
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	defer context.AfterFunc(hurry, cancel)()
	if running && err == nil && p.Drain != nil {
		err = p.drain(limit, root, grace/2)
	}
	return errors.Join(err, sys.Shutdown(limit))
}

// start starts the tree. If ctx is done first, the root is the zero Tree; the shutdown of
// the system then ends the start and all that it has started.
func (p Program) start(ctx context.Context, sys *actor.System) (root Tree, err error) {
	if p.Grace < 0 {
		return Tree{}, fmt.Errorf("supervisor: start: %w", &SpecError{Field: "Grace", Problem: fmt.Sprintf("is negative: %v", p.Grace)})
	}
	over := make(chan struct{})
	var started Tree
	var failure error
	go func() {
		defer close(over)
		started, failure = Start(sys, p.Spec)
	}()
	select {
	case <-over:
		return started, failure
	case <-ctx.Done():
		return Tree{}, nil
	}
}

// tellStarted calls OnStart, which cannot hold up the program for long, nor its stop.
func (p Program) tellStarted(ctx context.Context, sys *actor.System, root Tree) {
	if p.OnStart == nil {
		return
	}
	patience, cancel := context.WithTimeout(ctx, hookPatience)
	defer cancel()
	err := actor.Guard(patience, func() error { p.OnStart(sys, root); return nil })
	if err != nil && err != context.Cause(ctx) {
		sys.Logger().Error("supervisor: OnStart failed", "supervisor", root.PID(), "reason", err)
	}
}

// lasts waits until ctx is done, and returns nil, or until the tree has ended.
func lasts(ctx context.Context, root Tree) error {
	select {
	case <-ctx.Done():
		return nil
	case <-root.PID().Done():
		return endOf(root)
	}
}

// endOf returns the error that says why a tree has ended by itself.
func endOf(root Tree) error {
	reason := root.PID().Err()
	if e, ok := reason.(*ending); ok {
		return &endError{e}
	}
	return fmt.Errorf("supervisor: run: the tree has ended: %w", reason)
}

// endError is an ending as an error of Run, which also wraps the cause.
type endError struct{ *ending }

func (e *endError) Error() string { return "supervisor: run: " + e.text }

func (e *endError) Unwrap() []error { return []error{actor.Shutdown, e.root()} }

// drain calls Drain, and waits for d at most, or until the tree ends.
func (p Program) drain(ctx context.Context, root Tree, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	go func() {
		select {
		case <-root.PID().Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	err := actor.Guard(ctx, func() error { return p.Drain(ctx) })
	select {
	case <-root.PID().Done():
		return endOf(root)
	default:
	}
	if err != nil {
		return fmt.Errorf("supervisor: drain: %w", err)
	}
	return nil
}

// logEnd logs why a program has ended, with the stack if a child has panicked at its
// start.
func logEnd(sys *actor.System, err error) {
	attrs := []any{"reason", err}
	var failure *startFailure
	if errors.As(err, &failure) && failure.stack != nil {
		attrs = append(attrs, "stack", failure.stack)
	}
	sys.Logger().Error("supervisor: program ended", attrs...)
}
