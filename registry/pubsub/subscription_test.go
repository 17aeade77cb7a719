package pubsub

import (
	"testing"

	"github.com/troupe-go/troupe/actor"
)

// The race that TestSubscribeRacesWithItsOwnersDeath seldom hits, step by step:
// the owner ends after it has come to own the subscription and before that is
// added to the topic.
func TestSubscriptionReleasedBeforeItIsAddedStaysOut(t *testing.T) {
	var ps PubSub[string]
	sub := new(subscription[string])
	sub.Release(actor.PID{}, actor.Normal)
	if ok, _, _ := ps.shard("t").add(&ps, "t", sub); ok {
		t.Error("the subscription was added")
	}
	if n := ps.Topics(); n != 0 {
		t.Errorf("%d topics are left", n)
	}
}
