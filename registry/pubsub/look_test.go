package pubsub_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

func TestTopicsAreShownWithTheirSubscriptions(t *testing.T) {
	var ps pubsub.PubSub[string]
	sys := newSystem(t)
	want := map[string]int{}
	for i, owner := range owners(t, sys, 200) {
		for _, topic := range []string{"all", fmt.Sprint("topic:", i)} {
			subscribe(t, &ps, owner, topic, new(inbox))
			want[topic]++
		}
	}
	if got := maps.Collect(ps.All()); !maps.Equal(got, want) {
		t.Errorf("%d topics are shown, want %d", len(got), len(want))
	}
	for topic, n := range ps.All() { // and one may stop, and change what is shown
		if topic != "all" {
			for owner := range ps.Subscriptions(topic) {
				ps.Unsubscribe(owner, topic)
			}
			continue
		}
		if n != 200 {
			t.Errorf("%d subscriptions to the one topic", n)
		}
	}
	if got := maps.Collect(ps.All()); len(got) != 1 || got["all"] != 200 {
		t.Errorf("left are %v", got)
	}
}

// A walk meets the subscriptions that were there at its begin and stay, the latest first, and
// not those that come meanwhile. It is one of any number.
func TestSubscriptionsAreShownWhileTheyComeAndGo(t *testing.T) {
	const n = 300 // several batches
	var ps pubsub.PubSub[string]
	sys := newSystem(t)
	all := owners(t, sys, n)
	for _, owner := range all {
		subscribe(t, &ps, owner, "room", new(inbox))
	}
	var met []actor.PID
	for owner, to := range ps.Subscriptions("room") {
		if _, ok := to.(*inbox); !ok {
			t.Fatalf("%v is subscribed by a %T", owner, to)
		}
		met = append(met, owner)
		switch len(met) {
		case 10: // one that has been shown, one that is next, one that is far
			for _, i := range []int{n - 1, n - 11, 0} {
				ps.Unsubscribe(all[i], "room")
			}
			subscribe(t, &ps, idle(t, sys), "room", new(inbox))
			if shown := len(maps.Collect(ps.Subscriptions("room"))); shown != n-2 {
				t.Errorf("another walk shows %d", shown)
			}
		case 11:
			ps.Broadcast("room", "news") // passes by the walk
		}
	}
	want := slices.Clone(all[1:])
	want = slices.Delete(want, n-12, n-11)
	slices.Reverse(want)
	if !slices.Equal(met, want) {
		t.Errorf("met are %d, want %d, the latest first", len(met), len(want))
	}
	for range ps.Subscriptions("nobody's") {
		t.Error("a topic without subscriptions has some")
	}
}

// Walks that stop or panic halfway leave nothing on the topic.
func TestWalksOverSubscriptionsLeaveNothing(t *testing.T) {
	const n = 200
	var ps pubsub.PubSub[string]
	all := owners(t, newSystem(t), n)
	box := new(inbox)
	for _, owner := range all {
		subscribe(t, &ps, owner, "room", box)
	}
	for _, stop := range []int{1, 64, 65, 128, 199} {
		shown := 0
		for range ps.Subscriptions("room") {
			if shown++; shown == stop {
				break
			}
		}
		func() {
			defer func() { recover() }()
			for range ps.Subscriptions("room") {
				panic("while it is shown")
			}
		}()
	}
	ps.Broadcast("room", "news")
	box.expect(t, strings.Split(strings.TrimSuffix(strings.Repeat("room news,", n), ","), ",")...)
	for _, owner := range all {
		ps.Unsubscribe(owner, "room")
	}
	expectEmpty(t, &ps, "room")
}
