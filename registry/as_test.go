package registry_test

import (
	"errors"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry"
)

// born looks itself up in its Init.
type born struct {
	r     *registry.Registry[string]
	found *actor.PID
	err   error
}

func (b born) Init(*actor.Context[do]) error {
	*b.found, _ = b.r.WhereIs("k")
	return b.err
}

func (born) Receive(*actor.Context[do], do) error { return nil }

// REG-10: an actor that is spawned with a key has it before its Init, and until it ends.
func TestActorSpawnedWithAKeyHasItFromTheBegin(t *testing.T) {
	sys := newSystem(t)
	var r registry.Registry[string]
	var inInit actor.PID
	spawn := func(err error) (actor.Ref[do], error) {
		return actor.Spawn(sys, func() born { return born{&r, &inInit, err} }, r.As("k"))
	}
	for range 2 {
		ref, err := spawn(nil)
		if err != nil || inInit != ref.PID() {
			t.Fatalf("spawned %v, found %v in Init: %v", ref, inInit, err)
		}
		inInit = actor.PID{}
		_, err = spawn(nil)
		var taken *registry.TakenError
		if !errors.As(err, &taken) || taken.Holder != ref.PID() || !inInit.IsZero() {
			t.Errorf("a second one: %v, and its Init found %v", err, inInit)
		}
		end(t, ref.PID())
		if pid, ok := r.WhereIs("k"); ok {
			t.Errorf("%v is still there", pid)
		}
	}
	no := errors.New("no")
	if _, err := spawn(no); !errors.Is(err, no) || r.Count() != 0 {
		t.Errorf("error %v, and %d keys are left", err, r.Count())
	}
}

// What a supervisor's start sees of an error says what, once, and who has it.
func TestErrorsSayWhatIsTaken(t *testing.T) {
	sys := newSystem(t)
	var r registry.Registry[string]
	var n registry.Registry[int]
	pid := idle(t, sys).PID()
	for key, err := range map[string]error{
		`"lobby"`: errors.Join(r.Register("lobby", pid), r.Register("lobby", pid)),
		`7`:       errors.Join(n.Register(7, pid), n.Register(7, pid)),
	} {
		if want := "registry: register " + key + ": taken by " + pid.String(); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}
