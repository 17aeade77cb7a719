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
