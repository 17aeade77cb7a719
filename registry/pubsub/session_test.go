package pubsub_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/registry/pubsub"
)

// spring is an adapter that the test is.
type spring struct {
	pubsub.Adapter
	to pubsub.Receiver
}

func (*spring) Node() string                   { return "here" }
func (s *spring) Join(r pubsub.Receiver) error { s.to = r; return nil }
func (*spring) Leave(context.Context) error    { return nil }

// Whatever one message does to the codec or to a subscriber, those before and behind it in a
// stream are received, in order; and nobody asks for the next one from two sides, or when
// ReceiveAll has returned.
func TestStreamGoesOnBehindAFault(t *testing.T) {
	for name, fault := range faults {
		for _, at := range []string{"Decode", "Deliver"} {
			if at == "Deliver" && (name == "error" || name == "typed nil") {
				continue // it returns nothing
			}
			t.Run(at+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					held := make(chan struct{})
					defer close(held)
					var node pubsub.PubSub[string]
					a, sys := new(spring), newSystem(t)
					r := &rogue{Adapter: a, at: "Decode"}
					connect(t, &node, a, r)
					var sent atomic.Int32
					r.fault = func() error {
						if at == "Decode" && sent.Load() == 2 {
							return fault(held)
						}
						return nil
					}
					var in inbox
					subscribe(t, &node, idle(t, sys), "t", &in)
					subscribe(t, &node, idle(t, sys), "t", deliver(func(_, msg string) {
						if at == "Deliver" && msg == "2" {
							_ = fault(held)
						}
					}))
					subscribe(t, &node, idle(t, sys), "t", &in) // called before it
					busy := make(chan struct{}, 1)
					a.to.(pubsub.Stream).ReceiveAll(func() (m pubsub.Message, ok bool) {
						busy <- struct{}{}
						defer func() { <-busy }()
						n := sent.Add(1)
						if n > 4 {
							return m, false
						}
						return pubsub.Message{From: "there", Topic: "test/t", Data: fmt.Appendf(nil, "%q", fmt.Sprint(n))}, true
					})
					busy <- struct{}{} // there is no room for another call
					time.Sleep(time.Minute)
					if n := sent.Load(); n != 5 {
						t.Errorf("asked for %d messages, want 5", n)
					}
					in.expectOf(t, name, at)
				})
			})
		}
	}
}

// expectOf expects the messages 1 to 4 in each of two inboxes, less what a fault of number 2 costs.
func (in *inbox) expectOf(t *testing.T, fault, at string) {
	t.Helper()
	var want []string
	for i := 1; i <= 4; i++ {
		times := 2
		switch {
		case i == 2 && at == "Decode":
			times = 0
		case i == 2 && fault == "block": // the one behind it
			times = 1
		}
		for range times {
			want = append(want, fmt.Sprint("t ", i))
		}
	}
	in.expect(t, want...)
}

// wrapped is an adapter around one that vouches for itself.
type wrapped struct {
	pubsub.Prompt
	held chan struct{}
}

func (w *wrapped) Broadcast(string, []byte) error { <-w.held; return nil }

// An adapter vouches for itself, and not for what wraps it; nor does it for a codec.
func TestGuardIsLeftOutForWhatVouchesForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := make(chan struct{})
		defer close(held)
		var a, b pubsub.PubSub[string]
		inner := new(pubsub.Hub).Node("a").(pubsub.Prompt)
		connect(t, &a, &wrapped{inner, held}, pubsub.JSON[string]{})
		began := time.Now()
		expectErr(t, a.Broadcast("t", "x"), pubsub.ErrOverloaded)
		if d := time.Since(began); d != time.Second {
			t.Errorf("it was waited for for %v", d)
		}
		connect(t, &b, new(pubsub.Hub).Node("b"), slowEncode{held: held})
		expectErr(t, b.Broadcast("t", "x"), pubsub.ErrOverloaded)
	})
}

// slowEncode is a codec that has a method of one of the package's, and another one of its own.
type slowEncode struct {
	pubsub.JSON[string]
	held chan struct{}
}

func (s slowEncode) Encode(string, string) ([]byte, error) { <-s.held; return nil, nil }
