package actortest

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// defaultPatience is how long a wait lasts by default.
const defaultPatience = 3 * time.Second

// Probe is an actor that keeps what comes to it, for a test to look at. It traps
// exits. Messages are taken in the order in which they came; downs and exits are
// kept apart, by the actor that ended. Only the goroutine of the test that made it
// may use it, and what fails ends that test; see [Probe.For].
type Probe[M any] struct {
	t        testing.TB
	ref      actor.Ref[M]
	keeper   *keeper[M]
	patience time.Duration
}

// NewProbe spawns a probe for messages of type M.
func NewProbe[M any](t testing.TB, sys *actor.System, opts ...actor.Option) *Probe[M] {
	t.Helper()
	k := &keeper[M]{watched: make(map[actor.PID]bool)}
	ref, err := actor.Spawn(sys, func() *keeper[M] { return k }, opts...)
	if err != nil {
		t.Fatalf("actortest: new probe: %v", err)
	}
	return &Probe[M]{t, ref, k, defaultPatience}
}

// Ref returns the probe's address, for the code under test.
func (p *Probe[M]) Ref() actor.Ref[M] { return p.ref }

// PID returns the probe's identity.
func (p *Probe[M]) PID() actor.PID { return p.ref.PID() }

// Within returns the same probe with another limit to its waits:
// probe.Within(time.Minute).Expect(want).
func (p *Probe[M]) Within(limit time.Duration) *Probe[M] {
	return &Probe[M]{p.t, p.ref, p.keeper, limit}
}

// For returns the same probe for another test, such as a subtest: it is the one that
// fails then.
func (p *Probe[M]) For(t testing.TB) *Probe[M] { return &Probe[M]{t, p.ref, p.keeper, p.patience} }

// Next waits for the next message and returns it.
func (p *Probe[M]) Next() M {
	p.t.Helper()
	m, ok := p.next(p.patience)
	if !ok {
		p.late("no message came")
	}
	return m
}

// Expect waits for the next message, which must be equal to want, as by
// reflect.DeepEqual.
func (p *Probe[M]) Expect(want M) {
	p.t.Helper()
	m, ok := p.next(p.patience)
	switch {
	case !ok:
		p.late("no message came; want " + show(want))
	case !reflect.DeepEqual(m, want):
		p.fail("came:  " + show(m) + "\nwant:  " + show(want))
	}
}

// ExpectMatch waits for the next message, which must satisfy match, and returns
// it.
func (p *Probe[M]) ExpectMatch(match func(M) bool) M {
	p.t.Helper()
	m, ok := p.next(p.patience)
	switch {
	case !ok:
		p.late("no message came; want one that matches")
	case !match(m):
		p.fail("the message does not match: " + show(m))
	}
	return m
}

// Fish waits for a message that satisfies match and returns it. Those before it
// are dropped. The limit is one for all.
func (p *Probe[M]) Fish(match func(M) bool) M {
	p.t.Helper()
	for end := time.Now().Add(p.patience); ; {
		m, ok := p.next(time.Until(end))
		if !ok {
			p.late("no message that matches came")
		}
		if match(m) {
			return m
		}
	}
}

// ExpectNone fails the test if there is a message that has not been taken. Before it looks,
// it waits for each of the actors in after, one after the other, until that one has handled
// all that it had been sent, as by [Sync]. Name those through which a message could come,
// in the order of its way. ExpectNone does not see what comes later, such as by a timer; in
// a synctest bubble let the time pass first.
func (p *Probe[M]) ExpectNone(after ...actor.PID) {
	p.t.Helper()
	for _, pid := range append(after[:len(after):len(after)], p.PID()) {
		if err := settle(pid, p.patience); err != nil {
			p.t.Fatalf("actortest: %v: %v", label(pid), err)
		}
	}
	if p.keeper.Has(isMessage[M]) {
		p.fail("want no message")
	}
}

// Watch has the probe monitor an actor, for ExpectDown.
func (p *Probe[M]) Watch(pid actor.PID) {
	p.t.Helper()
	p.in(func(ctx *actor.Context[M]) error {
		ctx.Monitor(pid)
		return nil
	})
	p.keeper.watched[pid] = true
}

// Link has the probe link to an actor, for ExpectExit, or to make it end along
// with the probe. The probe traps exits and lives on.
func (p *Probe[M]) Link(pid actor.PID) {
	p.t.Helper()
	p.in(func(ctx *actor.Context[M]) error { return ctx.Link(pid) })
}

// ExpectDown waits for the down of an actor that the probe watches and returns its
// reason, for which errors.Is(reason, want) must hold. A nil want allows every
// reason. All messages that the actor sent to the probe have come by then.
func (p *Probe[M]) ExpectDown(pid actor.PID, want error) error {
	p.t.Helper()
	if !p.keeper.watched[pid] {
		p.t.Fatalf("actortest: %v: the probe does not watch it", label(pid))
	}
	a, ok := p.keeper.Take(p.patience, func(a arrival) bool { d, ok := a.(down); return ok && d.PID == pid })
	if !ok {
		p.late("no down of " + label(pid) + " came")
	}
	reason := a.(down).Reason
	p.check("down", pid, reason, want)
	return reason
}

// ExpectExit waits for an exit signal from an actor, over a link or sent by
// Context.Exit, and returns its reason, for which errors.Is(reason, want) must
// hold. A nil want allows every reason.
func (p *Probe[M]) ExpectExit(from actor.PID, want error) error {
	p.t.Helper()
	a, ok := p.keeper.Take(p.patience, func(a arrival) bool { e, ok := a.(exit); return ok && e.From == from })
	if !ok {
		p.late("no exit signal of " + label(from) + " came")
	}
	reason := a.(exit).Reason
	p.check("exit signal", from, reason, want)
	return reason
}

func (p *Probe[M]) check(kind string, pid actor.PID, reason, want error) {
	p.t.Helper()
	if want != nil && !errors.Is(reason, want) {
		p.t.Fatalf("actortest: the %s of %v has reason: %v\nwant: %v", kind, label(pid), reason, want)
	}
}

// in runs f in the probe's actor.
func (p *Probe[M]) in(f func(*actor.Context[M]) error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), p.patience)
	defer cancel()
	outcome := make(chan error, 1) // and no variable: f may go on when Inspect has returned
	err := p.PID().Inspect(ctx, func(any) { outcome <- f(p.keeper.ctx) })
	if err == nil {
		err = <-outcome
	}
	if err != nil {
		p.t.Fatalf("actortest: probe %v: %v", p.ref, err)
	}
}

// next waits for the next message and takes it.
func (p *Probe[M]) next(limit time.Duration) (m M, ok bool) {
	a, ok := p.keeper.Take(limit, isMessage[M])
	if ok {
		m = a.(message[M]).it
	}
	return m, ok
}

// late fails the test after a wait.
func (p *Probe[M]) late(what string) {
	p.t.Helper()
	what += " within " + p.patience.String()
	if !p.PID().Alive() {
		what += "; the probe has ended: " + p.PID().Err().Error()
	}
	p.fail(what)
}

// fail fails the test with an account of what did come.
func (p *Probe[M]) fail(what string) {
	p.t.Helper()
	p.t.Fatalf("actortest: probe %v: %s\n%s", label(p.PID()), what, p.keeper.Account(arrival.String))
}
