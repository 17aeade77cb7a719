package nats

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// A name whose lease has ended before NATS had said that it is granted is lost, and its actor has
// not ended.
func TestNameGrantedTooLateIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, sys := new(simServer), actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
		n := newSimNode(server, "a", 1, sys, time.Second, 0)
		if _, err := n.register(t.Context(), "before", "0"); err != nil {
			t.Fatal(err)
		}
		server.mu.Lock()
		server.meddle = func(_ *simNode, what string) (m meddling) {
			if what == "put "+keyOf("x") {
				m.back = 2 * time.Second
			}
			return m
		}
		server.mu.Unlock()
		if _, err := n.register(t.Context(), "x", "1"); !errors.Is(err, ErrLost) || errors.Is(err, actor.NoProc) {
			t.Errorf("register: %v, want ErrLost", err)
		}
		n.kill()
		if err := sys.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
	})
}

// A connection that waits for a server that takes nothing keeps what registers for the first time
// no longer than it has time, and nothing else of the names.
func TestFirstRegisterDoesNotWaitForAStalledServer(t *testing.T) {
	s := startServer(t)
	gate := &sluice{waiting: make(chan struct{}, 1), open: make(chan struct{})}
	cluster := prefix()
	newNode(t, s, cluster, "b", NamesConfig{})
	a := startNode(t, s, cluster, "a", NamesConfig{}, nats.SetCustomDialer(gate))
	ref, _ := a.listener(t)
	gate.shut.Store(true)
	if err := a.ps.Broadcast("t", "x"); err != nil {
		t.Fatal(err)
	}
	await(t, gate.waiting)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := a.Register(ctx, "x", ref)
		ended <- err
	}()
	for begins := false; !begins; {
		a.calls.mu.Lock()
		begins = a.calls.begins != nil
		a.calls.mu.Unlock()
	}
	if err := a.Serve(); err != nil {
		t.Error(err)
	}
	cancel()
	if err := await(t, ended); !errors.Is(err, context.Canceled) {
		t.Errorf("register: %v", err)
	}
	gate.shut.Store(false)
	close(gate.open)
	if _, err := a.Register(t.Context(), "x", ref); err != nil {
		t.Errorf("register, when the server takes what comes: %v", err)
	}
}

// A codec that does not return keeps a call, or a request without an answer, no longer than the
// names of its node, though its context has no end.
func TestEndlessCodecDoesNotOutliveTheNames(t *testing.T) {
	_, here, there := pair(t, NamesConfig{})
	there.worker(t, "x")
	x := here.find(t, "x")
	began, release := make(chan struct{}, 2), make(chan struct{})
	defer close(release)
	m := Method[order, string, string]{Name: "endless", Make: do.Make, Requests: badCodec{encode: func() {
		began <- struct{}{}
		<-release
	}, decode: func() {}}}
	ended := make(chan error, 2)
	go func() {
		_, err := m.Call(context.Background(), x, "say hello")
		ended <- err
	}()
	go func() { ended <- m.Send(context.Background(), x, "say hello") }()
	await(t, began)
	await(t, began)
	if err := here.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := await(t, ended); !errors.Is(err, ErrClosed) {
			t.Errorf("%v, want ErrClosed", err)
		}
	}
}

// longName is a codec whose name is too long.
type longName struct{ pubsub.JSON[string] }

func (longName) Name() string { return strings.Repeat("n", 65) }

// The name of a codec goes along with each request, and is bounded.
func TestCodecWithALongNameIsRefused(t *testing.T) {
	_, here, there := pair(t, NamesConfig{})
	there.worker(t, "x")
	x := here.find(t, "x")
	for _, m := range []Method[order, string, string]{
		{Name: "requests", Make: do.Make, Requests: longName{}},
		{Name: "responses", Make: do.Make, Responses: longName{}},
	} {
		if err := there.Serve(m); !errors.Is(err, pubsub.ErrEncoding) {
			t.Errorf("serve %s: %v", m.Name, err)
		}
	}
	m := Method[order, string, string]{Name: "requests", Make: do.Make, Requests: longName{}}
	if _, err := m.Call(t.Context(), x, "say hello"); !errors.Is(err, pubsub.ErrEncoding) {
		t.Errorf("call: %v", err)
	}
	if err := m.Send(t.Context(), x, "say hello"); !errors.Is(err, pubsub.ErrEncoding) {
		t.Errorf("send: %v", err)
	}
}
