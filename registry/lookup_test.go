package registry_test

import (
	"errors"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry"
)

func TestLookup(t *testing.T) {
	sys := newSystem(t)
	var r registry.Registry[string]
	ref := idle(t, sys)
	register(t, &r, "k", ref.PID())

	if got, err := registry.Lookup[do](&r, "k"); err != nil || got != ref {
		t.Errorf("lookup: %v, %v", got, err)
	}
	// Another message type is an error.
	if _, err := registry.Lookup[string](&r, "k"); !errors.Is(err, registry.ErrType) {
		t.Errorf("lookup with the wrong type: %v, want ErrType", err)
	}
	// REG-4: nobody, and nobody alive.
	end(t, ref.PID())
	for _, key := range []string{"k", "no such key"} {
		if _, err := registry.Lookup[do](&r, key); !errors.Is(err, actor.NoProc) {
			t.Errorf("lookup of %q: %v, want NoProc", key, err)
		}
	}
}
