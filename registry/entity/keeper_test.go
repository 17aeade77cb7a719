package entity

import (
	"testing"

	"github.com/troupe-go/troupe/actor"
)

func TestKeeperThatComesLateDoesNotOpenTheSet(t *testing.T) {
	create := func(string) actor.Behavior[int] {
		return actor.BehaviorFunc[int](func(*actor.Context[int], int) error { return nil })
	}
	set := New(Config{ID: "rooms"}, create)
	early, late := set.newKeeper(), set.newKeeper()
	if !set.open(late) || set.open(early) || set.keeper != late {
		t.Error("an earlier keeper has opened the set of a later one")
	}
	set.shut(early)
	if set.keeper != late {
		t.Error("an earlier keeper has shut the set of a later one")
	}
	set.shut(late)
	if set.open(early) || set.keeper != nil {
		t.Error("an earlier keeper has opened a set that a later one has shut")
	}
}
