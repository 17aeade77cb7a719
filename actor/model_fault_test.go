package actor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// Steps of the model test in which something fails: a handler, or a function that the
// actor, or its system, calls.

// faultPlaces are the handlers, and how to have one do something.
var faultPlaces = []struct {
	name string
	have func(m *model, a *modelActor, f do)
}{
	{"Receive", func(_ *model, a *modelActor, f do) { a.ref.Send(f) }},
	{"Receive of an urgent message", func(m *model, a *modelActor, f do) {
		in(m.t, a.ref, func(ctx *doContext) { ctx.Urgent().Send(f) })
	}},
	{"Receive of a stashed message", func(m *model, a *modelActor, f do) {
		in(m.t, a.ref, func(ctx *doContext) {
			if err := ctx.Stash(f); err != nil {
				m.t.Error(err)
			}
			ctx.Unstash()
		})
	}},
	{"Continue", func(m *model, a *modelActor, f do) {
		in(m.t, a.ref, func(ctx *doContext) { ctx.Continue(f) })
	}},
	{"After", func(m *model, a *modelActor, f do) {
		in(m.t, a.ref, func(ctx *doContext) { ctx.After(time.Second, f) })
		m.pass(time.Second)
	}},
	{"Receive of a timer's message", func(m *model, a *modelActor, f do) {
		in(m.t, a.ref, func(ctx *doContext) { ctx.SetTimer("timer", time.Second, f) })
		m.pass(time.Second)
	}},
	{"HandleIdle", func(m *model, a *modelActor, f do) {
		in(m.t, a.ref, func(ctx *doContext) {
			a.onIdle = func() error { return f(ctx) }
			ctx.IdleAfter(time.Second)
		})
		m.pass(time.Second)
	}},
	{"HandleExit", func(m *model, a *modelActor, f do) {
		in(m.t, a.ref, func(ctx *doContext) {
			a.trap, a.onExit = true, func() error { return f(ctx) }
			ctx.TrapExit(true)
		})
		a.ref.PID().Exit(errBoom)
	}},
	{"HandleDown", func(m *model, a *modelActor, f do) {
		in(m.t, a.ref, func(ctx *doContext) {
			a.onDown = func() error { return f(ctx) }
			ctx.Monitor(actor.PID{})
		})
	}},
}

// stepFault has a handler fail.
func (m *model) stepFault(a, _ *modelActor) {
	place, f := pick(m.rand, faultPlaces), pick(m.rand, faults)
	m.did("%v: %s does: %s", a, place.name, f.name)
	place.have(m, a, func(*doContext) error { return f.fail() })
	m.die(a, f.end)
}

// stepTerminate has Terminate fail. The first failure is the one that counts.
func (m *model) stepTerminate(a, _ *modelActor) {
	place, f, last := pick(m.rand, faultPlaces), pick(m.rand, faults), m.throws()
	m.did("%v: %s does: %s, and then Terminate: %s", a, place.name, f.name, last.name)
	place.have(m, a, func(*doContext) error {
		a.onTerminate = func() { last.fail() }
		return f.fail()
	})
	if !f.end.crash {
		f.end = last.end
	}
	m.die(a, f.end)
}

// throws returns a random fault that needs no return value.
func (m *model) throws() fault {
	return pick(m.rand, slices.DeleteFunc(slices.Clone(thrown), func(f fault) bool { return f.name == returnsGoexit }))
}

// stepStop stops b, whose Terminate may fail.
func (m *model) stepStop(_, b *modelActor) {
	r, last := m.reason(), fault{"nothing", func() error { return nil }, false, end{}}
	if b.alive && m.chance(3) {
		last = m.throws()
		in(m.t, b.ref, func(*doContext) { b.onTerminate = func() { last.fail() } })
	}
	m.did("stop %v with %v, and then Terminate: %s", b, r.end, last.name)
	err := b.ref.PID().Stop(context.Background(), r.err)
	switch {
	case !b.alive:
		m.expectError(err, endNoProc)
		return
	case last.thrown && !r.end.crash:
		m.expectError(err, last.end)
		m.die(b, last.end)
		return
	case err != nil:
		m.t.Errorf("stop: %v", err)
	}
	m.die(b, r.end)
}

// expectError fails the test if err does not wrap what is seen as want.
func (m *model) expectError(err error, want end) {
	m.t.Helper()
	if err == nil {
		m.t.Errorf("no error, want %v", want)
		return
	}
	if got := endOf(errors.Unwrap(err), want.crash); got != want {
		m.t.Errorf("error %q (%v), want %v", err, got, want)
	}
}

// stepCall calls b, which answers, or ends instead.
func (m *model) stepCall(_, b *modelActor) {
	f := fault{"an answer", nil, false, end{}}
	if m.chance(2) {
		f = pick(m.rand, faults)
	}
	m.did("call %v, alive: %v: %s", b, b.alive, f.name)
	v, err := actor.Call(context.Background(), b.ref, func(r actor.Reply[int]) do {
		return func(*doContext) error {
			if f.fail != nil {
				return f.fail()
			}
			r.Send(42)
			return nil
		}
	})
	switch {
	case !b.alive:
		m.expectError(err, endNoProc)
	case f.fail != nil:
		m.expectError(err, f.end)
		m.die(b, f.end)
	case v != 42 || err != nil:
		m.t.Errorf("the answer is %v, %v", v, err)
	}
}

// stepCallback has a function fail that is none of the actor's handlers.
func (m *model) stepCallback(a, b *modelActor) {
	pick(m.rand, []func(a, b *modelActor){
		m.inspected, m.replaced, m.traced, m.observed, m.goes, m.constructs, m.requests, m.gives,
	})(a, b)
}

func (m *model) inspected(a, _ *modelActor) {
	f := m.throws()
	m.did("inspect %v: %s", a, f.name)
	m.expectError(a.ref.PID().Inspect(context.Background(), func(any) { f.fail() }), f.end)
}

func (m *model) replaced(a, _ *modelActor) {
	f := pick(m.rand, faults)
	m.did("replace %v: %s", a, f.name)
	m.expectError(actor.Replace(context.Background(), a.ref, func(b actor.Behavior[do]) (actor.Behavior[do], error) {
		return b, f.fail()
	}), f.end)
}

func (m *model) traced(a, b *modelActor) {
	f, n := m.throws(), 0
	m.did("trace %v: %s", a, f.name)
	if err := a.ref.PID().Trace(context.Background(), func(actor.Trace) { n++; f.fail() }); err != nil {
		m.t.Error(err)
	}
	for range 3 {
		m.message(b, a)()
	}
	m.settled()
	if n != 1 {
		m.t.Errorf("%d messages traced, want that the first failure ends it", n)
	}
}

func (m *model) observed(_, _ *modelActor) {
	f, n := m.throws(), 0
	m.did("an observer: %s", f.name)
	gate, hangs := make(chan struct{}), m.chance(3)
	stop := m.sys.Observe(func(actor.Event) {
		n++
		if !hangs {
			f.fail()
		}
		<-gate
	})
	m.spawn()
	m.spawn()
	close(gate)
	stop()
	m.settled()
	if n != 1 {
		m.t.Errorf("%d events observed, want that the first failure ends it", n)
	}
}

func (m *model) goes(a, b *modelActor) {
	f := m.throws()
	m.act(a, b, "go: "+f.name, func(ctx *doContext) { ctx.Go(func(context.Context) { f.fail() }) })
	if f.end != endGoexit {
		m.signal(a, a, f.end, false)
	}
}

// The following run on a itself, so that what they do is a's failure, and nobody else's.

func (m *model) constructs(a, b *modelActor) {
	f := pick(m.rand, thrown)
	m.did("%v: a constructor: %s", a, f.name)
	a.ref.Send(func(ctx *doContext) error {
		_, err := actor.SpawnLink(ctx, func() *script { _ = f.fail(); return (*script)(nil) }, actor.Name(m.name()))
		if f.name == returnsGoexit {
			if err == nil {
				m.t.Error("a nil behavior was spawned")
			}
			return nil
		}
		m.expectError(err, f.end)
		return nil
	})
	if f.end == endGoexit && f.name != returnsGoexit {
		m.die(a, f.end)
	}
}

func (m *model) requests(a, _ *modelActor) {
	f, b := m.throws(), m.living(a)
	m.did("%v: a request to %v: %s", a, b, f.name)
	a.ref.Send(func(ctx *doContext) error {
		_, err := actor.Call(ctx, b.ref, func(actor.Reply[int]) do { f.fail(); return nil })
		m.t.Errorf("the call returned %v", err)
		return nil
	})
	m.die(a, f.end)
}

func (m *model) gives(a, b *modelActor) {
	m.did("%v: an exit of %v with a reason whose Error calls Goexit", a, b)
	anonymous := m.chance(2)
	a.ref.Send(func(ctx *doContext) error {
		if !anonymous {
			ctx.Exit(b.ref.PID(), leavingError{})
		} else {
			b.ref.PID().Exit(leavingError{})
		}
		m.t.Error("the exit was sent")
		return nil
	})
	m.die(a, endGoexit)
}

// name returns one of a few names.
func (m *model) name() string { return fmt.Sprint("name ", m.rand.IntN(5)) }

// stepRelease ends an actor that owns what cannot be released in peace.
func (m *model) stepRelease(a, _ *modelActor) {
	f := pick(m.rand, faults)
	released := make([]int, 1+m.rand.IntN(12))
	for i := range released {
		fails := m.throws()
		if m.chance(2) {
			fails.fail = func() error { return nil }
		}
		m.own(a, func() { released[i]++; fails.fail() })
	}
	m.did("%v: %s, with %d resources", a, f.name, len(released))
	if m.chance(3) {
		f.end = endKilled
		a.ref.PID().Exit(actor.Kill)
	} else {
		a.ref.Send(func(*doContext) error { return f.fail() })
	}
	m.die(a, f.end)
	m.settled()
	if slices.ContainsFunc(released, func(n int) bool { return n != 1 }) {
		m.t.Errorf("released %v times, want each once", released)
	}
}

func (m *model) own(a *modelActor, release func()) {
	r := resource(func(owner actor.PID, reason error) {
		if owner != a.ref.PID() || endOf(reason, owner.Crashed()) != endOf(owner.Err(), owner.Crashed()) {
			m.t.Errorf("%v, which ended with %v: released for %v, %v", a, a.ref.PID().Err(), owner, reason)
		}
		release()
	})
	if !a.ref.PID().Own(&r) {
		m.t.Errorf("%v, which lives, cannot own", a)
	}
}

// stepStuckRelease ends an actor of whose resources some do not return from Release.
// Nobody hears of the end before they have, or the actor is abandoned.
func (m *model) stepStuckRelease(a, _ *modelActor) {
	f, gate := pick(m.rand, faults), make(chan struct{})
	released := make([]int, 1+m.rand.IntN(3))
	for i := range released {
		m.own(a, func() { released[i]++; <-gate })
	}
	m.did("%v: %s, with %d resources that do not return", a, f.name, len(released))
	a.ref.Send(func(*doContext) error { return f.fail() })
	m.settled()
	select {
	case <-a.ref.PID().Done():
		m.t.Errorf("%v is done in the middle of a Release", a)
	default:
	}
	w := m.living(a)
	in(m.t, w.ref, func(ctx *doContext) { w.monitors[ctx.Monitor(a.ref.PID())] = a })
	if m.chance(3) {
		close(gate)
	} else {
		if !a.ref.PID().Abandon() || a.ref.PID().Abandon() {
			m.t.Errorf("%v, stuck in a Release, must be abandoned, once", a)
		}
		m.settled()
		a.end = f.end
		m.checkDead(a)
		m.checkStuck(a)
		close(gate)
	}
	m.die(a, f.end)
	m.settled()
	if slices.ContainsFunc(released, func(n int) bool { return n != 1 }) {
		m.t.Errorf("released %v times, want each once", released)
	}
}

// stepStuck ends an actor whose handler does not return. It is dead to those who ask,
// but nobody hears of the end before the handler has returned, or the actor is
// abandoned.
func (m *model) stepStuck(a, _ *modelActor) {
	f, r, gate, abandoned := pick(m.rand, faults), m.reason(), make(chan struct{}), false
	other := m.living(a).ref.PID()
	m.did("%v: does not return, is sent %v, and then: %s", a, r.end, f.name)
	a.ref.Send(func(ctx *doContext) error {
		<-gate
		if abandoned {
			checkDeadContext(m.t, ctx, other)
		}
		return f.fail()
	})
	m.settled()
	a.ref.PID().Exit(r.err)
	doomed := r.end == endKill || !a.trap && r.end != endNormal
	if a.ref.PID().Alive() == doomed {
		m.t.Errorf("%v is alive: %v, want %v", a, !doomed, doomed)
	}
	switch {
	case !doomed:
		if a.ref.PID().Abandon() {
			m.t.Errorf("%v, which lives, was abandoned", a)
		}
		m.die(a, f.end)
	case m.chance(3):
		m.settled()
		select {
		case <-a.ref.PID().Done():
			m.t.Errorf("%v is done while its handler runs", a)
		default:
		}
		m.signal(a, nil, r.end, false)
	default:
		if abandoned = a.ref.PID().Abandon(); !abandoned || a.ref.PID().Abandon() {
			m.t.Errorf("%v is stuck and must be abandoned, once", a)
		}
		m.die(a, endKilled)
		m.settled()
		m.checkDead(a)
		m.checkStuck(a)
	}
	close(gate)
}
