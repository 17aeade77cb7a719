package pubsub_test

import (
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// reporter is an adapter that knows more of its traffic.
type reporter struct {
	pubsub.Adapter
	report func() pubsub.Traffic
}

func (r reporter) Traffic() pubsub.Traffic { return r.report() }

// A cluster counts what goes between it and the others, and has the rest from its adapter,
// which can do no harm.
func TestTrafficIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := make(chan struct{})
		var hub pubsub.Hub
		report := func() pubsub.Traffic { return pubsub.Traffic{Lost: 7, Published: 99} }
		a := pubsub.NewCluster(reporter{hub.Node("a"), func() pubsub.Traffic { return report() }})
		b := pubsub.NewCluster(hub.Node("b"))
		var ps, other, there pubsub.PubSub[string]
		for _, err := range []error{
			ps.Connect(a, "x", pubsub.JSON[string]{}), other.Connect(a, "y", pubsub.JSON[string]{}),
			there.Connect(b, "x", pubsub.JSON[string]{}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		_ = ps.Broadcast("t", "before it has joined")
		sys := actor.NewSystem(actor.Config{})
		defer sys.Shutdown(t.Context())
		run(t, sys, a)
		run(t, sys, b)
		for _, err := range []error{
			ps.Broadcast("t", "1"), other.Broadcast("t", "2"), ps.DirectBroadcast("b", "t", "3"),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := ps.DirectBroadcast("c", "t", "4"); err == nil {
			t.Error("there is a node c")
		}
		synctest.Wait()
		if got, want := a.Traffic(), (pubsub.Traffic{Published: 3, Refused: 2, Lost: 7}); got != want {
			t.Errorf("a: %+v, want %+v", got, want)
		}
		if got, want := b.Traffic(), (pubsub.Traffic{Received: 3, Stray: 1}); got != want {
			t.Errorf("b: %+v, want %+v", got, want)
		}
		for name, fault := range map[string]func(){
			"panic":  func() { panic("no") },
			"Goexit": runtime.Goexit,
			"block":  func() { <-held },
		} {
			report = func() pubsub.Traffic { fault(); return pubsub.Traffic{Lost: 8} }
			if got, want := a.Traffic(), (pubsub.Traffic{Published: 3, Refused: 2}); got != want {
				t.Errorf("%s: %+v, want %+v", name, got, want)
			}
			if name == "block" {
				close(held)
				synctest.Wait()
				held = make(chan struct{})
			}
		}
		close(held)
	})
}
