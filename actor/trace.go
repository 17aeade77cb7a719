package actor

import (
	"context"
	"slices"
	"sync/atomic"
	"time"
)

// Trace tells of one thing that an actor has handled. A handler that panics is not
// traced: its crash is logged. Of a state machine it tells each event, those that it has
// inserted included, and one that was postponed each time that it is handled.
type Trace struct {
	PID     PID
	Kind    TraceKind
	Message any // the message, the [Exit] or the [Down]; nil for a timeout, unless a state machine has set it
	Took    time.Duration
	Result  error // what the handler returned

	// State is what a state machine handled this in, and Next the state that it went to.
	// Both are nil for other actors.
	State, Next any
}

// TraceKind says what has been handled.
type TraceKind uint8

const (
	TraceMessage  TraceKind = iota // by Receive
	TraceExit                      // by HandleExit
	TraceDown                      // by HandleDown
	TraceTimeout                   // by HandleIdle, a function of [Context.After], or a state machine
	TraceInternal                  // an event that a state machine has inserted
)

// String returns the name of the kind.
func (k TraceKind) String() string {
	switch k {
	case TraceExit:
		return "exit"
	case TraceDown:
		return "down"
	case TraceTimeout:
		return "timeout"
	case TraceInternal:
		return "internal"
	}
	return "message"
}

// Trace has f called for each thing that the actor handles, after the handler, while
// the actor waits; nil turns it off. There is one such function, besides those of
// [PID.Install]. If it panics or calls runtime.Goexit it is taken off, and that is
// logged. It is not told of the actor's end, which may come while a handler is stuck: wait
// for [PID.Done], which comes after all that f is told unless the actor is abandoned, and
// ask [PID.Err] why.
//
// OTP: sys:trace/2.
func (p PID) Trace(ctx context.Context, f func(Trace)) error {
	return p.control(ctx, "trace", func(a controlled) error {
		d := a.debug()
		d.remove(func(t *tracer) bool { return t.main })
		if f != nil {
			d.tracers = append(d.tracers, &tracer{f: f, main: true})
		}
		return nil
	})
}

// Install is Trace for any number of functions, each until its stop is called. A call
// that has begun may still be running then. Install panics if f is nil.
//
// OTP: sys:install/2, sys:remove/2.
func (p PID) Install(ctx context.Context, f func(Trace)) (stop func(), err error) {
	if f == nil {
		panic("actor: Install: f is nil")
	}
	t := &tracer{f: f}
	err = p.control(ctx, "install", func(a controlled) error {
		a.debug().tracers = append(a.debug().tracers, t)
		return nil
	})
	return func() { t.off.Store(true) }, err
}

// KeepLog has the actor keep what it has handled last, at most n things, for [PID.Log]; 0
// turns that off, and forgets. It keeps alive what the messages refer to.
//
// OTP: sys:log/2.
func (p PID) KeepLog(ctx context.Context, n int) error {
	return p.control(ctx, "keep log", func(a controlled) error {
		a.debug().log, a.debug().logSize = nil, max(n, 0)
		return nil
	})
}

// Log returns what the actor has handled last, the oldest first. It fails with
// [ErrNotKept] without [PID.KeepLog].
//
// OTP: sys:log/2 with get.
func (p PID) Log(ctx context.Context) (log []Trace, err error) {
	err = p.control(ctx, "log", func(a controlled) error {
		if a.debug().logSize == 0 {
			return ErrNotKept
		}
		log = slices.Clone(a.debug().log)
		return nil
	})
	if err != nil {
		return nil, err // the actor may still be at it
	}
	return log, nil
}

// Statistics are what an actor has done since it keeps them. What it has sent is not
// known: a Send does not name its sender. What a state machine has inserted counts for the
// times only.
type Statistics struct {
	Since    time.Time
	Messages uint64 // handled by Receive
	Exits    uint64 // handled by HandleExit
	Downs    uint64 // handled by HandleDown
	Timeouts uint64 // handled by HandleIdle, a function of [Context.After], or a state machine
	Worked   time.Duration
	Longest  time.Duration // that one handler took
}

// KeepStatistics has the actor keep [Statistics], from now on, or no longer.
//
// OTP: sys:statistics/2.
func (p PID) KeepStatistics(ctx context.Context, on bool) error {
	return p.control(ctx, "keep statistics", func(a controlled) error {
		a.debug().stats = nil
		if on {
			a.debug().stats = &Statistics{Since: time.Now()}
		}
		return nil
	})
}

// Statistics returns what the actor has done. It fails with [ErrNotKept] without
// [PID.KeepStatistics].
//
// OTP: sys:statistics/2 with get.
func (p PID) Statistics(ctx context.Context) (Statistics, error) {
	var s Statistics
	err := p.control(ctx, "statistics", func(a controlled) error {
		if a.debug().stats == nil {
			return ErrNotKept
		}
		s = *a.debug().stats
		return nil
	})
	if err != nil {
		return Statistics{}, err // the actor may still be at it
	}
	return s, nil
}

// debug is what an actor does for those that look into it. Only the runner touches it.
type debug struct {
	tracers []*tracer
	log     []Trace // a list, and not a ring: it is short, and read seldom
	logSize int
	stats   *Statistics
}

type tracer struct {
	f    func(Trace)
	main bool        // of PID.Trace
	off  atomic.Bool // stopped
}

func (d *debug) remove(which func(*tracer) bool) {
	d.tracers = slices.DeleteFunc(d.tracers, which)
}

// isOn reports whether there is anything to be done for what the actor handles.
func (d *debug) isOn() bool {
	return d != nil && (len(d.tracers) > 0 || d.logSize > 0 || d.stats != nil)
}

// machine is a behavior that runs a state machine: some handlers of its actor handle an
// event, and some none, and it knows which.
type machine interface {
	// TraceInto has the next handler complete t with the event that it handles, or make it
	// the zero Trace if that has been cancelled. If it handles no event t stays as it is.
	// TraceInto(nil) ends that.
	TraceInto(t *Trace)
}

// steps returns what a Trace calls a function of Continue: nothing, unless it may be a step
// of a state machine.
func (c *cell[M]) steps() TraceKind {
	if _, ok := c.behavior.(machine); ok && c.isDebugged() {
		return traceStep
	}
	return untraced
}

// handle calls a handler of an actor with extras.
func (c *cell[M]) handle(kind TraceKind, message any, handler func() error) error {
	t := Trace{PID: PID{&c.process}, Kind: kind, Message: message}
	m, ok := c.behavior.(machine)
	if ok {
		m.TraceInto(&t)
	}
	start := time.Now()
	err := handler()
	t.Took, t.Result = time.Since(start), err
	if ok {
		m.TraceInto(nil)
	}
	if t.Kind == traceStep || t.PID.p == nil {
		return err
	}
	d := c.rare.debugging
	d.keep(t)
	for _, tracer := range slices.Clone(d.tracers) {
		if !tracer.off.Load() {
			c.trace(tracer, t)
		}
	}
	d.remove(func(t *tracer) bool { return t.off.Load() })
	return err
}

func (c *cell[M]) trace(by *tracer, t Trace) {
	err := Guard(c.context(), func() error { by.f(t); return nil })
	if err == nil || c.doomed() != nil {
		return
	}
	by.off.Store(true)
	c.sys.log.Error("trace failed and was taken off", "pid", t.PID, "reason", err)
}

func (d *debug) keep(t Trace) {
	if d.logSize > 0 {
		if len(d.log) >= d.logSize {
			d.log = slices.Delete(d.log, 0, len(d.log)-d.logSize+1)
		}
		d.log = append(d.log, t)
	}
	s := d.stats
	if s == nil {
		return
	}
	switch t.Kind {
	case TraceMessage:
		s.Messages++
	case TraceExit:
		s.Exits++
	case TraceDown:
		s.Downs++
	case TraceTimeout:
		s.Timeouts++
	}
	s.Worked += t.Took
	s.Longest = max(s.Longest, t.Took)
}
