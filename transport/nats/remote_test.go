package nats

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/actor"
)

func (n *node) lookup(t *testing.T, name string) Remote[string] {
	t.Helper()
	r, err := n.Lookup(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// monitor returns where the end of the actor is told.
func monitor(t *testing.T, r Remote[string]) <-chan error {
	t.Helper()
	down := make(chan error, 2)
	stop, err := r.Monitor(t.Context(), func(reason error) { down <- reason })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return down
}

func expectDown(t *testing.T, down <-chan error, want error) {
	t.Helper()
	if reason := await(t, down); !errors.Is(reason, want) {
		t.Errorf("down: %v, want %v", reason, want)
	}
}

// GO-28: the end of an actor elsewhere, however it comes about.
func TestMonitorHearsOfTheEndOfARemoteActor(t *testing.T) {
	s := startServer(t)
	cluster := prefix()
	a, b := newNode(t, s, cluster, "a", NamesConfig{}), newNode(t, s, cluster, "b", NamesConfig{})
	for name, end := range map[string]func(actor.PID){
		"death":      func(pid actor.PID) { pid.Exit(actor.Kill) },
		"unregister": func(pid actor.PID) { _ = a.Unregister(t.Context(), "unregister", pid) },
	} {
		ref, _ := a.listener(t)
		a.register(t, name, ref)
		r := b.lookup(t, name)
		first, second := monitor(t, r), monitor(t, a.lookup(t, name))
		gone := b.watch(t, name)
		end(ref.PID())
		expectDown(t, first, actor.NoProc)
		expectDown(t, second, actor.NoProc)
		awaitGone(t, gone)
		expectDown(t, monitor(t, r), actor.NoProc) // it had ended before
		next, _ := b.listener(t)
		b.register(t, name, next)
		expectDown(t, monitor(t, r), actor.NoProc) // the next one is another one
	}
	if _, err := (Remote[string]{}).Monitor(t.Context(), func(error) {}); !errors.Is(err, actor.NoProc) {
		t.Errorf("monitor nobody: %v, want NoProc", err)
	}
}

// GO-28: noconnection on both sides of a split, when the heartbeats end and not
// before.
func TestMonitorFiresWhenAHolderIsHeardOfNoMore(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	cluster := prefix()
	config := NamesConfig{Lease: shortLease}
	a, b := newNode(t, s, cluster, "a", config), newNode(t, s, cluster, "b", config)
	ref, _ := a.listener(t)
	there, _ := b.listener(t)
	a.register(t, "x", ref)
	b.register(t, "y", there)
	x, y := monitor(t, b.lookup(t, "x")), monitor(t, a.lookup(t, "y"))
	renewals := b.watch(t, "x")
	for range 4 { // more than a lease
		if e := await(t, renewals); e.Operation() != jetstream.KeyValuePut {
			t.Fatalf("the name has gone: %v", e.Operation())
		}
	}
	if len(x)+len(y) > 0 {
		t.Error("a monitor has fired beside heartbeats")
	}
	a.wire.cut()
	expectDown(t, x, ErrNoConnection)
	expectDown(t, y, ErrNoConnection)
	if !there.PID().Alive() {
		t.Error("the actor on the other side has ended")
	}
}

func TestStoppedMonitorDoesNotFire(t *testing.T) {
	s := startServer(t)
	a := newNode(t, s, prefix(), "a", NamesConfig{})
	ref, _ := a.listener(t)
	a.register(t, "x", ref)
	r := a.lookup(t, "x")
	stop, err := r.Monitor(t.Context(), func(reason error) { t.Errorf("down after stop: %v", reason) })
	if err != nil {
		t.Fatal(err)
	}
	stop()
	stop()
	down := monitor(t, r)
	ref.PID().Exit(actor.Kill)
	expectDown(t, down, actor.NoProc)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Monitor(ctx, func(error) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("monitor with a context that is done: %v, want its error", err)
	}
}

func TestMonitorToSendsToTheActorAndEndsWithIt(t *testing.T) {
	s := startServer(t)
	a := newNode(t, s, prefix(), "a", NamesConfig{})
	ref, _ := a.listener(t)
	a.register(t, "x", ref)
	r := a.lookup(t, "x")
	watcher, got := a.listener(t)
	mortal, _ := a.listener(t)
	wrap := func(reason error) string { return "down: " + reason.Error() }
	if _, err := MonitorTo(t.Context(), r, watcher, wrap); err != nil {
		t.Fatal(err)
	}
	if _, err := MonitorTo(t.Context(), r, mortal, func(error) string {
		t.Error("a monitor has fired for an actor that has ended")
		return ""
	}); err != nil {
		t.Fatal(err)
	}
	mortal.PID().Exit(actor.Kill)
	await(t, mortal.PID().Done())
	ref.PID().Exit(actor.Kill)
	if m := await(t, got); m != wrap(actor.NoProc) {
		t.Errorf("received %q", m)
	}
	for _, dead := range []actor.Ref[string]{mortal, {}} {
		if _, err := MonitorTo(t.Context(), r, dead, wrap); !errors.Is(err, actor.NoProc) {
			t.Errorf("monitor by a dead actor: %v, want NoProc", err)
		}
	}
	if _, err := MonitorTo(t.Context(), Remote[string]{}, watcher, wrap); !errors.Is(err, actor.NoProc) {
		t.Errorf("monitor nobody: %v, want NoProc", err)
	}
}
