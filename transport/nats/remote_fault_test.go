package nats

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// simWatch is a monitor by a simulated node.
type simWatch struct {
	*watch
	fired atomic.Int32
}

func newSimWatch(n *simNode, name, id string, down func(error)) *simWatch {
	w := new(simWatch)
	w.watch = &watch{mirror: n.leases.mirror, name: name, key: keyOf(name), id: id, down: func(reason error) {
		w.fired.Add(1)
		down(reason)
	}}
	return w
}

// What a monitor on node b is told of the holder on node a, whose actor ends, if it does, with
// Shutdown. The lease is a second.
var monitorFaults = map[string]struct {
	do   func(t *testing.T, s *simServer, a, b *simNode, h *holding)
	want error // nil: nothing, until the actor is killed
}{
	"nothing, for a minute": {func(*testing.T, *simServer, *simNode, *simNode, *holding) {
		time.Sleep(time.Minute)
	}, nil},
	"kill -9": {func(_ *testing.T, _ *simServer, a, _ *simNode, _ *holding) {
		a.kill()
	}, ErrNoConnection},
	"its node is shut down": {func(_ *testing.T, _ *simServer, a, _ *simNode, _ *holding) {
		_ = a.leases.close(context.Background(), func(*holding) {})
	}, errGone},
	"its node is cut off": {func(_ *testing.T, _ *simServer, a, _ *simNode, _ *holding) {
		a.set(&a.cut, time.Hour)
	}, ErrNoConnection},
	"its node is cut off for less than a lease": {func(_ *testing.T, _ *simServer, a, _ *simNode, _ *holding) {
		a.set(&a.cut, 400*time.Millisecond)
	}, nil},
	"its node is paused": {func(_ *testing.T, _ *simServer, a, _ *simNode, _ *holding) {
		a.set(&a.paused, time.Hour)
	}, ErrNoConnection},
	"this node is cut off": {func(_ *testing.T, _ *simServer, _, b *simNode, _ *holding) {
		b.set(&b.cut, time.Hour)
	}, ErrNoConnection},
	"NATS stalls for this node": {func(_ *testing.T, _ *simServer, _, b *simNode, _ *holding) {
		b.set(&b.stalled, time.Hour)
	}, ErrNoConnection},
	"this node is cut off for less than a lease": {func(_ *testing.T, _ *simServer, _, b *simNode, _ *holding) {
		b.set(&b.cut, 600*time.Millisecond)
	}, nil},
	"the actor ends meanwhile": {func(_ *testing.T, _ *simServer, _, b *simNode, h *holding) {
		b.set(&b.cut, 500*time.Millisecond)
		time.Sleep(100 * time.Millisecond)
		h.pid.Exit(actor.Shutdown)
	}, actor.Shutdown},
	"the actor ends while NATS stalls for this node": {func(_ *testing.T, _ *simServer, _, b *simNode, h *holding) {
		b.set(&b.stalled, 500*time.Millisecond)
		time.Sleep(100 * time.Millisecond)
		h.pid.Exit(actor.Shutdown)
	}, actor.Shutdown},
	"another one has the name before this node is back": {func(t *testing.T, _ *simServer, a, b *simNode, h *holding) {
		b.set(&b.cut, 300*time.Millisecond)
		h.pid.Exit(actor.Shutdown)
		for {
			if _, err := a.register(t.Context(), "x", "next"); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}, actor.Shutdown},
	"this node is paused": {func(_ *testing.T, _ *simServer, _, b *simNode, _ *holding) {
		b.set(&b.paused, time.Minute)
		time.Sleep(time.Minute)
	}, nil},
	"the actor ends while this node is paused": {func(_ *testing.T, _ *simServer, _, b *simNode, h *holding) {
		b.set(&b.paused, 30*time.Second)
		time.Sleep(10 * time.Second)
		h.pid.Exit(actor.Shutdown)
	}, actor.Shutdown},
	"NATS has lost the bucket": {func(_ *testing.T, s *simServer, _, _ *simNode, _ *holding) {
		s.lose(0)
	}, nil},
	"NATS was restarted": {func(_ *testing.T, s *simServer, _, _ *simNode, _ *holding) {
		s.lose(1)
	}, nil},
	"the bucket was made by somebody else": {func(_ *testing.T, s *simServer, _, _ *simNode, _ *holding) {
		s.lose(2)
	}, nil},
	"the bucket was emptied": {func(_ *testing.T, s *simServer, _, _ *simNode, _ *holding) {
		s.lose(3)
	}, nil},
	"NATS has lost the bucket, and the holder is away": {func(_ *testing.T, s *simServer, a, _ *simNode, _ *holding) {
		a.set(&a.cut, time.Hour)
		s.lose(0)
	}, ErrNoConnection},
	"the bucket was emptied, and the holder is away": {func(_ *testing.T, s *simServer, a, _ *simNode, _ *holding) {
		a.set(&a.cut, time.Hour)
		s.lose(3)
	}, ErrNoConnection},
}

// GO-28: see the table. What is told comes within a lease, and the time that messages take.
func TestMonitorInEachFailure(t *testing.T) {
	for name, c := range monitorFaults {
		t.Run(name, func(t *testing.T) {
			simulated(t, func(t *testing.T, s *simServer, nodes []*simNode) {
				a, b := nodes[0], nodes[1]
				h := a.tenure(t, "x")
				downs := make(chan error, 2)
				w := newSimWatch(b, "x", h.ID, func(reason error) { downs <- reason })
				if err := b.leases.watch(t.Context(), w.watch); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Second)
				c.do(t, s, a, b, h)
				began := time.Now()
				want := c.want
				if want == nil {
					time.Sleep(5 * time.Second)
					if len(downs) > 0 {
						t.Fatalf("down: %v", <-downs)
					}
					began = time.Now()
					h.pid.Exit(actor.Kill)
					want = actor.Killed
				}
				got := <-downs
				// A program that is paused hears when it goes on.
				if _, left := b.is(&b.paused); left > 0 {
					t.Errorf("told while its program is paused, for %v yet", left)
				}
				limit := time.Second + 200*time.Millisecond
				if name == "the actor ends while this node is paused" {
					limit += 20 * time.Second
				}
				if d := time.Since(began); !errors.Is(got, want) || d > limit {
					t.Errorf("down: %v after %v, want %v", got, d, want)
				}
				time.Sleep(10 * time.Second)
				if len(downs) > 0 {
					t.Errorf("down once more: %v", <-downs)
				}
			}, time.Second, time.Second)
		})
	}
}
