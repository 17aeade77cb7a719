package statem_test

import (
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/actor/statem"
)

// turning changes its state with each event and tells when it has.
type turning struct{ done chan struct{} }

func (m *turning) Handle(_ *statem.Context[bool, tick], state bool, _ tick) (bool, error) {
	m.done <- struct{}{}
	return !state, nil
}

func TestAnEventDoesNotAllocate(t *testing.T) {
	if long.Race {
		t.Skip("sync.Pool drops items at random under the race detector")
	}
	done := make(chan struct{}, 1)
	ref, err := actor.Spawn(newSystem(t), statem.New(func() *turning { return &turning{done} }))
	if err != nil {
		t.Fatal(err)
	}
	if allocs := testing.AllocsPerRun(1000, func() {
		ref.Send(tick{})
		<-done
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
