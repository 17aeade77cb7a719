package nats

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
)

// The first message on a topic that a node has just subscribed to has no number that the node
// could miss. If it is lost in a cut, the reconnect tells that something may be missing.
func TestFirstMessageLostInACutIsAGap(t *testing.T) {
	forgetTimers()
	defer forgetTimers()
	synctest.Test(t, func(t *testing.T) {
		defer time.Sleep(time.Minute) // all that is on its way has come
		bus := newSimBus()
		var nodes [2]*simProgram
		var ps [2]pubsub.PubSub[string]
		for i, name := range []string{"a", "b"} {
			var err error
			if nodes[i], err = startProgram(bus, newPlace(name, 1), func(*Node) []supervisor.Child { return nil }); err != nil {
				t.Fatal(err)
			}
			defer nodes[i].stop()
			if err := ps[i].Connect(nodes[i].node.Cluster(), "test", pubsub.JSON[string]{}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(5 * defaultTimes.beat) // they know each other, so messages go to those that want them
		owner, err := actor.Spawn(nodes[1].sys, actor.Func(func(*actor.Context[int], int) error { return nil }))
		if err != nil {
			t.Fatal(err)
		}
		var heard []string
		var gaps []pubsub.Gap
		if err := ps[1].Subscribe(owner.PID(), "t", deliver[string](func(m string) { heard = append(heard, m) })); err != nil {
			t.Fatal(err)
		}
		if err := ps[1].SubscribeGaps(owner.PID(), "t", deliver[pubsub.Gap](func(g pubsub.Gap) { gaps = append(gaps, g) })); err != nil {
			t.Fatal(err)
		}
		time.Sleep(defaultTimes.beat / 4)
		bus.cut(nodes[1].place, defaultTimes.beat/4)
		for i, message := range []string{"lost", "heard"} {
			if err := ps[0].Broadcast("t", message); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second) // by then it is connected again
			synctest.Wait()
			if want := []string{"heard"}[:i]; !slices.Equal(heard, want) {
				t.Errorf("heard %q, want %q", heard, want)
			}
			if want := []pubsub.Gap{{Topic: "t", Anywhere: true}}; !slices.Equal(gaps, want) {
				t.Errorf("after %q: gaps %+v, want %+v", message, gaps, want)
			}
		}
	})
}

// A node that is heard again after a silence may have told all of what was lost meanwhile: that is
// a gap, of nothing that is known.
func TestNodeThatWasSilentIsAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newFair(10, 100)
		ps := peers{
			node: "a", times: defaultTimes, list: make(map[string]*peer), emit: func(actor.Event) {}, suspect: q.suspect,
		}
		for i, pause := range []time.Duration{0, defaultTimes.beat, defaultTimes.gap, defaultTimes.gap + 1, defaultTimes.beat} {
			time.Sleep(pause)
			if _, _, err := ps.told("b", beat{incarnation: 1}, false); err != nil {
				t.Fatal(err)
			}
			var want []pubsub.Gap
			if pause > defaultTimes.gap {
				want = []pubsub.Gap{{Anywhere: true}}
			}
			if _, more := q.next(); more {
				t.Error("there is a message")
			}
			if got := q.gaps(); !slices.Equal(got, want) {
				t.Errorf("beat %d, after %v: %v, want %v", i, pause, got, want)
			}
		}
	})
}
