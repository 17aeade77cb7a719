package registry

import (
	"errors"
	"testing"

	"github.com/troupe-go/troupe/actor"
)

// The race that TestRegisterRacesWithDeath seldom hits, step by step: the holder
// ends after it has come to own the entry and before the entry is added.
func TestEntryReleasedBeforeItIsAddedStaysOut(t *testing.T) {
	var r Registry[string]
	e := &entry[string]{registry: &r, key: "k"}
	e.Release(actor.PID{}, actor.Normal)
	if err := r.add(e); !errors.Is(err, actor.NoProc) {
		t.Errorf("add: %v, want NoProc", err)
	}
	if n := r.Count(); n != 0 {
		t.Errorf("%d entries are left", n)
	}
}

// Another start may have come and gone since the caller found nobody.
func TestBeginLooksForTheActorOnceMore(t *testing.T) {
	sys := actor.NewSystem(actor.Config{})
	ref, err := actor.Spawn(sys, func() actor.Behavior[int] {
		return actor.Func[int](func(*actor.Context[int], int) error { return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	defer ref.PID().Stop(t.Context(), nil)
	var r Registry[string]
	if err := r.Register("k", ref.PID()); err != nil {
		t.Fatal(err)
	}
	if pid, s, mine := r.begin("k"); pid != ref.PID() || s != nil || mine {
		t.Errorf("begin: %v, %v, %v, want the actor", pid, s, mine)
	}
}
