package supervisor_test

import (
	"fmt"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/registry"
	"github.com/troupe-go/troupe/supervisor"
)

// cast is a child that has what its next incarnation needs as well: a name, a key of a
// registry, or linked helpers that have. It tells of each of its incarnations.
type cast struct {
	began   chan<- *actor.Context[any]
	helpers int // how many it starts, each with a name and a key
	keys    *registry.Registry[string]
	key     string
	traps   bool
}

func (c cast) Init(ctx *actor.Context[any]) error {
	ctx.TrapExit(c.traps)
	for i := range c.helpers {
		name := fmt.Sprintf("%s/%d", c.key, i)
		helper := cast{keys: c.keys, key: name, traps: c.traps}
		_, err := actor.SpawnLink(ctx, func() cast { return helper }, actor.Name(name))
		if err != nil {
			return err
		}
	}
	if err := c.keys.Register(c.key, ctx.PID()); err != nil {
		return err
	}
	if c.began != nil {
		c.began <- ctx
	}
	return nil
}

func (cast) Receive(_ *actor.Context[any], reason any) error { return reason.(error) }

// SUP-30: one ordinary end is one restart, however many processors there are: the
// new child finds free what the one before had, and what belonged to its linked
// actors, which may take a moment longer to end. Otherwise it fails to start, and a
// supervisor with the default intensity gives up.
func TestARestartFindsItsNamesFree(t *testing.T) {
	crash := func(ctx *actor.Context[any]) { ctx.Self().Send(errBoom) }
	killSupervisor := func(ctx *actor.Context[any]) { ctx.Parent().Exit(actor.Kill) }
	for _, c := range []struct {
		name  string
		cast  cast
		inner bool // under a supervisor of its own
		end   func(*actor.Context[any])
	}{
		{"a child with a name crashes", cast{}, false, crash},
		{"an owner of helpers crashes", cast{helpers: 3}, false, crash},
		{"an owner of helpers that trap exits crashes", cast{helpers: 3, traps: true}, false, crash},
		{"a supervisor of a child with a name is killed", cast{}, true, killSupervisor},
		{"a supervisor of a child that traps exits is killed", cast{traps: true}, true, killSupervisor},
		{"a supervisor of an owner of helpers is killed", cast{helpers: 3}, true, killSupervisor},
		{"a supervisor of an owner of helpers that trap exits is killed", cast{helpers: 3, traps: true}, true, killSupervisor},
	} {
		t.Run(c.name, func(t *testing.T) {
			sys := newSystem(t)
			for round := range long.Rounds(100, 1000) {
				began := make(chan *actor.Context[any], 1)
				c.cast.began, c.cast.keys, c.cast.key = began, new(registry.Registry[string]), "star"
				child := supervisor.Actor("star", func() cast { return c.cast }, supervisor.With(actor.Name("star")))
				if c.inner {
					child = supervisor.Supervisor("inner", supervisor.Spec{Children: []supervisor.Child{child}})
				}
				top, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{child}}, actor.Name("top"))
				if err != nil {
					t.Fatal(err)
				}
				c.end(<-began)
				select {
				case <-began:
				case <-top.PID().Done():
					t.Fatalf("round %d: the supervisor gave up: %v", round, top.PID().Err())
				}
				if err := top.Stop(t.Context()); err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
			}
		})
	}
}
