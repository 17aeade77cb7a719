package registry

import (
	"testing"

	"github.com/troupe-go/troupe/actor"
)

// Another start may have come and gone since the caller found nobody.
func TestBeginLooksForTheActorOnceMore(t *testing.T) {
	sys := actor.NewSystem(actor.Config{})
	ref, err := actor.Spawn(sys, actor.Func(func(*actor.Context[int], int) error { return nil }))
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
