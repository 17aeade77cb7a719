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
// kept apart, by the actor that ended. One goroutine at a time may use it.
type Probe[M any] struct {
	ref      actor.Ref[M]
	inbox    *inbox[M]
	patience time.Duration
}

// NewProbe spawns a probe for messages of type M.
func NewProbe[M any](t testing.TB, sys *actor.System, opts ...actor.Option) *Probe[M] {
	t.Helper()
	b := &inbox[M]{watched: make(map[actor.PID]bool)}
	ref, err := actor.Spawn(sys, func() actor.Behavior[M] { return b }, opts...)
	if err != nil {
		t.Fatalf("actortest: new probe: %v", err)
	}
	return &Probe[M]{ref, b, defaultPatience}
}

// Ref returns the probe's address, for the code under test.
func (p *Probe[M]) Ref() actor.Ref[M] { return p.ref }

// PID returns the probe's identity.
func (p *Probe[M]) PID() actor.PID { return p.ref.PID() }

// Within returns the same probe with another limit to its waits:
// probe.Within(time.Minute).Expect(t, want).
func (p *Probe[M]) Within(limit time.Duration) *Probe[M] {
	return &Probe[M]{p.ref, p.inbox, limit}
}

// Next waits for the next message and returns it.
func (p *Probe[M]) Next(t testing.TB) M {
	t.Helper()
	m, ok := p.next()
	if !ok {
		p.fail(t, "no message came")
	}
	return m
}

// Expect waits for the next message, which must be equal to want, as by
// reflect.DeepEqual.
func (p *Probe[M]) Expect(t testing.TB, want M) {
	t.Helper()
	m, ok := p.next()
	switch {
	case !ok:
		p.fail(t, "no message came; want "+show(want))
	case !reflect.DeepEqual(m, want):
		p.failNow(t, "came:  "+show(m)+"\nwant:  "+show(want))
	}
}

// ExpectMatch waits for the next message, which must satisfy match, and returns
// it.
func (p *Probe[M]) ExpectMatch(t testing.TB, match func(M) bool) M {
	t.Helper()
	m, ok := p.next()
	switch {
	case !ok:
		p.fail(t, "no message came; want one that matches")
	case !match(m):
		p.failNow(t, "the message does not match: "+show(m))
	}
	return m
}

// Fish waits for a message that satisfies match and returns it. Those before it
// are dropped. The limit is one for all.
func (p *Probe[M]) Fish(t testing.TB, match func(M) bool) M {
	t.Helper()
	var m M
	ok := p.await(func() bool {
		for len(p.inbox.messages) > 0 {
			if m = p.inbox.pop(); match(m) {
				return true
			}
		}
		return false
	})
	if !ok {
		p.fail(t, "no message that matches came")
	}
	return m
}

// ExpectNone fails the test if there is a message that has not been taken. Before
// it looks, it waits until each of the actors in after has handled all that had
// been sent to it, as by [Sync], one after the other: name those through which a
// message could come, in the order of its way. What comes later, by a timer for
// one, it does not see; in a synctest bubble let the time pass first.
func (p *Probe[M]) ExpectNone(t testing.TB, after ...actor.PID) {
	t.Helper()
	for _, pid := range append(after[:len(after):len(after)], p.PID()) {
		if err := settle(pid, p.patience); err != nil {
			t.Fatalf("actortest: %v: %v", label(pid), err)
		}
	}
	p.inbox.mu.Lock()
	n := len(p.inbox.messages)
	p.inbox.mu.Unlock()
	if n > 0 {
		p.failNow(t, "want no message")
	}
}

// Watch has the probe monitor an actor, for ExpectDown.
func (p *Probe[M]) Watch(t testing.TB, pid actor.PID) {
	t.Helper()
	p.in(t, func(ctx *actor.Context[M]) error {
		ctx.Monitor(pid)
		return nil
	})
	p.inbox.mu.Lock()
	defer p.inbox.mu.Unlock()
	p.inbox.watched[pid] = true
}

// Link has the probe link to an actor, for ExpectExit, or to make it end along
// with the probe. The probe traps exits and lives on.
func (p *Probe[M]) Link(t testing.TB, pid actor.PID) {
	t.Helper()
	p.in(t, func(ctx *actor.Context[M]) error { return ctx.Link(pid) })
}

// ExpectDown waits for the down of an actor that the probe watches and returns its
// reason, for which errors.Is(reason, want) must hold. A nil want allows every
// reason. All messages that the actor sent to the probe have come by then.
func (p *Probe[M]) ExpectDown(t testing.TB, pid actor.PID, want error) error {
	t.Helper()
	p.inbox.mu.Lock()
	watched := p.inbox.watched[pid]
	p.inbox.mu.Unlock()
	if !watched {
		t.Fatalf("actortest: %v: the probe does not watch it", label(pid))
	}
	var down actor.Down
	ok := p.await(func() bool {
		return take(&p.inbox.downs, &down, func(d actor.Down) bool { return d.PID == pid })
	})
	if !ok {
		p.fail(t, "no down of "+label(pid)+" came")
	}
	p.check(t, "down", pid, down.Reason, want)
	return down.Reason
}

// ExpectExit waits for an exit signal from an actor, over a link or sent by
// Context.Exit, and returns its reason, for which errors.Is(reason, want) must
// hold. A nil want allows every reason.
func (p *Probe[M]) ExpectExit(t testing.TB, from actor.PID, want error) error {
	t.Helper()
	var exit actor.Exit
	ok := p.await(func() bool {
		return take(&p.inbox.exits, &exit, func(e actor.Exit) bool { return e.From == from })
	})
	if !ok {
		p.fail(t, "no exit signal of "+label(from)+" came")
	}
	p.check(t, "exit signal", from, exit.Reason, want)
	return exit.Reason
}

func (p *Probe[M]) check(t testing.TB, kind string, pid actor.PID, reason, want error) {
	t.Helper()
	if want != nil && !errors.Is(reason, want) {
		t.Fatalf("actortest: the %s of %v has reason: %v\nwant: %v", kind, label(pid), reason, want)
	}
}

// in runs f in the probe's actor.
func (p *Probe[M]) in(t testing.TB, f func(*actor.Context[M]) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), p.patience)
	defer cancel()
	var err error
	failed := p.PID().Inspect(ctx, func(any) { err = f(p.inbox.ctx) })
	if err := errors.Join(failed, err); err != nil {
		t.Fatalf("actortest: probe %v: %v", p.ref, err)
	}
}

// next waits for the next message and takes it.
func (p *Probe[M]) next() (m M, ok bool) {
	ok = p.await(func() bool {
		if len(p.inbox.messages) == 0 {
			return false
		}
		m = p.inbox.pop()
		return true
	})
	return m, ok
}

// await waits until there returns true, which it calls with the inbox's lock held
// whenever something has come.
func (p *Probe[M]) await(there func() bool) bool {
	b := p.inbox
	limit := time.NewTimer(p.patience)
	defer limit.Stop()
	for {
		b.mu.Lock()
		if there() {
			b.mu.Unlock()
			return true
		}
		if b.changed == nil {
			b.changed = make(chan struct{})
		}
		changed := b.changed
		b.mu.Unlock()
		select {
		case <-changed:
		case <-limit.C:
			return false
		}
	}
}

// fail fails the test after a wait, failNow without one.
func (p *Probe[M]) fail(t testing.TB, what string) {
	t.Helper()
	what += " within " + p.patience.String()
	if !p.PID().Alive() {
		what += "; the probe has ended: " + p.PID().Err().Error()
	}
	p.failNow(t, what)
}

func (p *Probe[M]) failNow(t testing.TB, what string) {
	t.Helper()
	p.inbox.mu.Lock()
	account := p.inbox.account()
	p.inbox.mu.Unlock()
	t.Fatalf("actortest: probe %v: %s\n%s", label(p.PID()), what, account)
}
