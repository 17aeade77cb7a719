package actor_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// Steps of the model test that spawn actors with an Init, and with names.

// birth is a spawn by an actor of the model: how the Init is, and what happens to
// those concerned while it runs. It begins at once, the start timeout, if there is one,
// comes after a second, and the gate opens after two.
type birth struct {
	*model
	by, child *modelActor
	kind      string // of the spawn
	init      string // "ends", "heeds", which waits until the gate opens or the actor is doomed, or "waits", which heeds nothing
	meanwhile string
	limit     bool   // there is a start timeout
	f         *fault // what Init does in the end; nil is return nil

	gate   chan struct{}
	helper *modelActor
	before func(ctx *doContext) // what Init does at first

	ref actor.Ref[do]
	mon actor.Monitor
	err error
}

// stepBirth has a spawn an actor with an Init.
func (m *model) stepBirth(a, other *modelActor) {
	b := &birth{
		model: m, by: a, child: m.newActor(nil), gate: make(chan struct{}),
		kind:  pick(m.rand, []string{"Spawn", "SpawnLink", "SpawnMonitor"}),
		init:  pick(m.rand, []string{"ends", "heeds", "waits"}),
		limit: m.chance(2),
	}
	if b.init != "ends" {
		b.meanwhile = pick(m.rand, []string{"nothing", "kill child", "exit child", "kill caller", "exit caller", "tell caller"})
		if b.meanwhile == "tell caller" && (a.parent == nil || !a.parent.alive) {
			b.meanwhile = "nothing"
		}
	}
	if m.chance(2) {
		f := pick(m.rand, faults)
		b.f = &f
	}
	b.tame()
	if m.chance(2) {
		b.child.name = m.name()
	}
	if b.kind == "SpawnLink" {
		b.child.parent = a
	}
	b.did("%v: %s of %q, whose Init %s (limit: %v), meanwhile: %s", a, b.kind, b.child.name, b.init, b.limit, b.meanwhile)
	if b.f != nil {
		b.latest += ", and does: " + b.f.name
	}
	if holder := m.names[b.child.name]; holder != nil {
		b.refused(holder)
		return
	}
	b.prepare(other)
	a.ref.Send(func(ctx *doContext) error { b.spawn(ctx); return nil })
	b.settled()
	b.enterFamily()
	b.happen()
}

// tame takes out what would make two ends, of the child and of its caller, for different
// reasons, at one time: actors that are tied to both may then die of either.
func (b *birth) tame() {
	told := b.meanwhile == "tell caller" && b.by.trap
	if told || b.kind == "Spawn" && b.meanwhile != "nothing" && b.meanwhile != "kill child" && b.meanwhile != "exit child" {
		b.limit, b.f = false, nil // the caller ends when the Init has
	}
	if told && b.kind == "SpawnLink" && b.init == "waits" {
		b.init = "heeds" // it is not abandoned
	}
}

// refused is a birth under a name that is taken.
func (b *birth) refused(holder *modelActor) {
	in(b.t, b.by.ref, b.spawn)
	taken, ok := errors.AsType[*actor.NameTakenError](b.err)
	if !ok || taken.Holder != holder.ref.PID() || taken.Name != b.child.name {
		b.t.Errorf("the name of %v is taken, but the spawn failed with: %v", holder, b.err)
	}
	if !b.child.ref.PID().IsZero() {
		b.t.Error("Init ran all the same")
	}
}

func (b *birth) spawn(ctx *doContext) {
	opts := []actor.Option{actor.Name(b.child.name)}
	if b.limit {
		opts = append(opts, actor.StartTimeout(time.Second))
	}
	nb := behave(modelInit{modelBehavior{b.child}, b.run})
	switch b.kind {
	case "Spawn":
		b.ref, b.err = actor.Spawn(b.sys, nb, opts...)
	case "SpawnLink":
		b.ref, b.err = actor.SpawnLink(ctx, nb, opts...)
	case "SpawnMonitor":
		b.ref, b.mon, b.err = actor.SpawnMonitor(ctx, nb, opts...)
	}
}

// prepare says what Init does first: it traps, links, monitors, owns, sends and starts
// a linked helper that has a name. If Init fails all of that must go.
func (b *birth) prepare(other *modelActor) {
	var first []func(ctx *doContext)
	do := func(f func(ctx *doContext)) {
		if b.chance(2) {
			first = append(first, f)
		}
	}
	do(func(ctx *doContext) {
		b.child.trap = true
		ctx.TrapExit(true)
	})
	if other.alive && other != b.by {
		do(func(ctx *doContext) {
			if err := ctx.Link(other.ref.PID()); err != nil {
				b.t.Error(err)
			}
			b.link(b.child, other)
		})
		do(func(ctx *doContext) { b.child.monitors[ctx.Monitor(other.ref.PID())] = other })
	}
	do(func(ctx *doContext) {
		ctx.SendAfter(100*time.Hour, nil)
		ctx.IdleAfter(100 * time.Hour)
	})
	if name := b.name(); b.names[name] == nil && name != b.child.name {
		do(func(ctx *doContext) { b.help(ctx, name) })
	}
	b.before = func(ctx *doContext) {
		for _, f := range first {
			f(ctx)
		}
	}
}

// help spawns a linked helper that has a name. The parent is the child.
func (b *birth) help(ctx *doContext, name string) {
	b.helper = b.newActor(b.child)
	b.helper.name = name
	ref, err := actor.SpawnLink(ctx, behave(modelBehavior{b.helper}), actor.Name(name))
	if err != nil {
		b.t.Errorf("spawn a helper: %v", err)
	}
	b.helper.ref = ref
}

// run is the Init.
func (b *birth) run(ctx *doContext) error {
	b.child.ref = ctx.Self()
	b.before(ctx)
	switch b.init {
	case "heeds":
		select {
		case <-b.gate:
		case <-ctx.Done():
			return nil // nobody cares any more
		}
	case "waits":
		<-b.gate
	}
	if b.f != nil {
		return b.f.fail()
	}
	return nil
}

// enterFamily puts the new actors into the model, as they are while Init runs or when
// it has just ended.
func (b *birth) enterFamily() {
	b.enter(b.child, b.child.ref)
	if b.helper != nil {
		b.enter(b.helper, b.helper.ref)
		b.link(b.child, b.helper)
	}
	switch b.kind {
	case "SpawnLink":
		b.link(b.child, b.by)
	case "SpawnMonitor":
		if b.init == "ends" && b.err == nil {
			b.by.monitors[b.mon] = b.child
		}
	}
}

// happen is what the rules say about the birth.
func (b *birth) happen() {
	if b.init == "ends" {
		b.ends()
		return
	}
	doom := b.happensMeanwhile()
	b.settled()
	switch {
	case doom != nil && b.init == "heeds":
		b.endsEarly(*doom, *doom)
	case doom != nil:
		b.endsEarly(endKilled, endKilled)
	case b.limit:
		b.unlink(b.child, b.by) // the caller gets the error and is not struck
		b.endsEarly(endKilled, endOf(actor.ErrStartTimeout, true))
	default:
		b.pass(2 * time.Second)
		close(b.gate)
		b.settled()
		if b.kind == "SpawnMonitor" && b.err == nil {
			b.by.monitors[b.mon] = b.child
		}
		b.ends()
	}
	if b.by.bound != nil { // its handler has returned
		b.die(b.by, *b.by.bound)
	}
}

// happensMeanwhile does what happens while Init runs. It returns what the child is
// doomed to end with.
func (b *birth) happensMeanwhile() *end {
	switch b.meanwhile {
	case "kill child":
		b.child.ref.PID().Exit(actor.Kill)
		return &endKilled
	case "exit child":
		b.child.ref.PID().Exit(errBoom)
		if !b.child.trap {
			return &endBoom
		}
		b.child.want = append(b.child.want, heard{actor.PID{}, fmt.Sprint("exit ", endBoom)})
	case "kill caller":
		b.by.ref.PID().Exit(actor.Kill)
		return b.callerIsDoomed(endKilled)
	case "exit caller":
		b.by.ref.PID().Exit(errBoom)
		if !b.by.trap {
			return b.callerIsDoomed(endBoom)
		}
		b.by.want = append(b.by.want, heard{actor.PID{}, fmt.Sprint("exit ", endBoom)})
	case "tell caller":
		in(b.t, b.by.parent.ref, func(ctx *doContext) { ctx.Exit(b.by.ref.PID(), actor.Shutdown) })
		if !b.by.trap {
			return b.callerIsDoomed(endShutdown)
		}
		b.by.bound = &endShutdown // when its handler has returned
		switch {
		case b.kind != "SpawnLink":
		case b.child.trap:
			b.child.bound = &endShutdown // when its Init has
		default:
			return &endShutdown
		}
	}
	return nil
}

// callerIsDoomed tells that the caller will not live on. If it waits for the child by
// a link or a monitor it does not wait any longer, and the child ends for the same
// reason.
func (b *birth) callerIsDoomed(e end) *end {
	b.by.bound = &e
	if b.kind == "Spawn" {
		return nil // what does the caller have to do with it?
	}
	b.settled()
	b.expectError(b.err, e) // at once
	b.unlink(b.child, b.by)
	if b.child.bound = &e; b.init == "waits" {
		b.child.bound = &endKilled // it will be abandoned
	}
	b.die(b.by, e)
	return &e
}

// endsEarly is an end before the gate opens. The caller, if it still waits, gets err,
// and a monitor says nothing.
func (b *birth) endsEarly(e, err end) {
	b.pass(1500 * time.Millisecond)
	called := b.by.alive
	b.child.bound = nil
	b.die(b.child, e)
	// The end may come round to the caller, which then may hear of that first.
	if called && (b.by.alive || b.err == nil || endOf(errors.Unwrap(b.err), b.by.end.crash) != b.by.end) {
		b.expectError(b.err, err)
	}
	b.checkDead(b.child)
	if b.init == "waits" {
		b.checkStuck(b.child)
	}
	close(b.gate)
}

// ends is an Init that comes to its end.
func (b *birth) ends() {
	if b.f == nil {
		if b.err != nil || b.ref != b.child.ref {
			b.t.Errorf("the spawn returned %v, %v, want %v", b.ref, b.err, b.child)
		}
		if b.child.bound != nil {
			b.die(b.child, *b.child.bound)
		}
		return
	}
	b.expectError(b.err, b.f.end)
	b.child.bound = nil
	e := b.f.end
	if !b.f.thrown { // the caller gets the error, and is not struck as well
		b.unlink(b.child, b.by)
		if e.reason == endOf(actor.Ignore, true).reason || e.reason == endOf(anyError{}, false).reason {
			e = endNormal
		}
	}
	b.die(b.child, e)
}

// stepNameOfTheDoomed spawns an actor under the name of one that is doomed, whose
// handler has not returned: the spawn waits for that.
func (m *model) stepNameOfTheDoomed(a, _ *modelActor) {
	name := m.name()
	if m.names[name] != nil {
		return
	}
	old, gate := m.newActor(nil), make(chan struct{})
	old.name = name
	ref, err := actor.Spawn(m.sys, behave(modelBehavior{old}), actor.Name(name))
	if err != nil {
		m.t.Errorf("spawn: %v", err)
	}
	m.enter(old, ref)
	old.ref.Send(func(*doContext) error { <-gate; return nil })
	m.settled()
	old.ref.PID().Exit(actor.Kill)

	b := &birth{model: m, by: a, child: m.newActor(nil), gate: gate, kind: "SpawnLink", init: "ends", before: func(*doContext) {}}
	b.child.name, b.child.parent = name, a
	how := pick(m.rand, []string{"it ends", "it is abandoned", "nothing", "kill caller"})
	m.did("%v: a spawn of %s, which the doomed %v has; meanwhile: %s", a, name, old, how)
	a.ref.Send(func(ctx *doContext) error { b.spawn(ctx); return nil })
	m.settled()
	switch how {
	case "it ends":
		m.pass(500 * time.Millisecond)
		close(gate)
		m.settled()
		m.die(old, endKilled)
		b.enterFamily()
		b.ends()
		return
	case "it is abandoned":
		old.ref.PID().Abandon()
		m.settled()
		m.die(old, endKilled)
		b.enterFamily()
		b.ends()
	case "nothing":
		m.pass(2 * time.Second)
		if taken, ok := errors.AsType[*actor.NameTakenError](b.err); !ok || taken.Holder != old.ref.PID() {
			m.t.Errorf("the holder does not end, but the spawn returned: %v", b.err)
		}
		m.die(old, endKilled)
	case "kill caller":
		a.ref.PID().Exit(actor.Kill)
		m.settled()
		m.expectError(b.err, endKilled)
		m.die(a, endKilled)
		m.die(old, endKilled)
	}
	close(gate)
}

// stepRestart has a parent that starts its child, which has a name and a linked helper
// with a name, anew as soon as it hears of its end.
func (m *model) stepRestart(a, _ *modelActor) {
	name, helper := "child of "+a.String(), "helper of "+a.String()
	if m.names[name] != nil || m.names[helper] != nil {
		return
	}
	spawn := func(ctx *doContext, traps bool) *birth {
		b := &birth{model: m, by: a, child: m.newActor(a), kind: "SpawnLink", init: "ends"}
		b.child.name = name
		b.before = func(ctx *doContext) {
			b.help(ctx, helper)
			if traps {
				in(m.t, b.helper.ref, func(ctx *doContext) { ctx.TrapExit(true) })
			}
		}
		b.spawn(ctx)
		return b
	}
	var first, second *birth
	traps := m.chance(2)
	in(m.t, a.ref, func(ctx *doContext) {
		ctx.TrapExit(true)
		first = spawn(ctx, traps)
		a.onExit = func() error {
			if h := first.helper.ref.PID(); h.Alive() && !traps {
				m.t.Error("the parent was told before the helper")
			}
			second = spawn(ctx, traps)
			return nil
		}
	})
	a.trap = true
	first.enterFamily()
	first.helper.trap = traps
	first.ends()
	f := pick(m.rand, faults)
	for f.end == endNormal && !traps { // the helper would live on
		f = pick(m.rand, faults)
	}
	m.did("%v: restart its child with its helper (traps: %v), after: %s", a, traps, f.name)
	first.child.ref.Send(func(*doContext) error { return f.fail() })
	m.settled()
	m.die(first.child, f.end)
	if second == nil {
		m.t.Errorf("%v has not heard of the end of its child", a)
		return
	}
	second.enterFamily()
	second.helper.trap = traps
	second.ends()
}
