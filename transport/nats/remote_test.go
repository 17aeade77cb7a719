package nats

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
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

// remoteEnds are ways in which an actor loses its name, and the reason that a monitor is told;
// with a text if it is a RemoteError.
var remoteEnds = map[string]struct {
	end  func(a *node, name string, ref actor.Ref[string])
	is   error
	text string
}{
	"killed":                         {exit(actor.Kill), actor.Killed, ""},
	"shutdown":                       {exit(actor.Shutdown), actor.Shutdown, ""},
	"crash":                          {exit(errors.New("no more disk")), nil, "no more disk"},
	"a deadline":                     {exit(fmt.Errorf("ask: %w", context.DeadlineExceeded)), context.DeadlineExceeded, "ask: context deadline exceeded"},
	"a call of a node that has gone": {exit(errGone), nil, errGone.Error()},
	"normal":                         {send("stop"), actor.Normal, ""},
	"goexit":                         {send("goexit"), actor.Goexit, ""},
	"panic":                          {send("panic"), nil, "panic: out of order"},
	"a reason that panics":           {exit(rude{}), nil, "panic"},
	"unregistered": {func(a *node, name string, ref actor.Ref[string]) {
		_ = a.Unregister(context.Background(), name, ref.PID())
	}, actor.NoProc, ""},
	"lost": {func(a *node, name string, _ actor.Ref[string]) {
		a.leases.find(name).expire()
	}, ErrNoConnection, ""},
}

func exit(reason error) func(*node, string, actor.Ref[string]) {
	return func(_ *node, _ string, ref actor.Ref[string]) { ref.PID().Exit(reason) }
}

// rude is an error without a text.
type rude struct{}

func (rude) Error() string { panic("rude") }

func send(m string) func(*node, string, actor.Ref[string]) {
	return func(_ *node, _ string, ref actor.Ref[string]) { _ = ref.TrySend(m) }
}

// mortal starts an actor that ends as it is told.
func (n *node) mortal(t *testing.T) actor.Ref[string] {
	t.Helper()
	ref, err := actor.Spawn(n.sys, actor.Func(func(_ *actor.Context[string], m string) error {
		switch m {
		case "goexit":
			runtime.Goexit()
		case "panic":
			panic("out of order")
		}
		return actor.Stop
	}))
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// GO-28: the end of an actor elsewhere, however it comes about, with its reason. NoEcho is as
// Join has it.
func TestMonitorHearsOfTheEndOfARemoteActor(t *testing.T) {
	s := startServer(t)
	cluster := prefix()
	a, b := newNode(t, s, cluster, "a", NamesConfig{}), startNode(t, s, cluster, "b", NamesConfig{}, nats.NoEcho())
	for name, c := range remoteEnds {
		ref := a.mortal(t)
		a.register(t, name, ref)
		r := b.lookup(t, name)
		downs := []<-chan error{monitor(t, r), monitor(t, b.lookup(t, name)), monitor(t, a.lookup(t, name))}
		gone := b.watch(t, name)
		c.end(a, name, ref)
		for _, down := range downs {
			reason := await(t, down)
			remote, is := errors.AsType[*RemoteError](reason)
			if c.is != nil && !errors.Is(reason, c.is) || is != (c.text != "") || is && !strings.Contains(remote.Text, c.text) {
				t.Errorf("%s: down: %#v, want %v %q", name, reason, c.is, c.text)
			}
			if errors.Is(reason, ErrNoConnection) != (c.is == ErrNoConnection) {
				t.Errorf("%s: down: %v: whether the actor has ended", name, reason)
			}
		}
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
	expectDown(t, down, actor.Killed)

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
	if m := await(t, got); m != wrap(actor.Killed) {
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
