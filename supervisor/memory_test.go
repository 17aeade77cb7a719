package supervisor_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/supervisor"
)

// heap returns the bytes in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what the first one moved out of pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestAllocationsOfARestart(t *testing.T) {
	if long.Race {
		t.Skip("the race detector allocates")
	}
	const limit = 18
	ready := make(chan actor.Ref[error], 1)
	spec := often
	spec.Children = []supervisor.Child{supervisor.Actor("mortal", func() mortal { return mortal{ready} })}
	if _, err := supervisor.Start(newSystem(t), spec); err != nil {
		t.Fatal(err)
	}
	ref := <-ready
	allocs := testing.AllocsPerRun(1000, func() {
		ref.Send(errBoom)
		ref = <-ready
	})
	t.Log(allocs)
	if allocs > limit {
		t.Errorf("%v allocations, want at most %d", allocs, limit)
	}
}

// The bounds are for an idle actor with what its supervisor knows of it.
func TestMemoryOfAChild(t *testing.T) {
	if long.Race {
		t.Skip("the race detector takes memory of its own")
	}
	const n = 10_000
	for _, test := range []struct {
		name  string
		limit int64
		start func(sys *actor.System) (stop func(context.Context) error, err error)
	}{
		{"static", 1300, func(sys *actor.System) (func(context.Context) error, error) {
			var spec supervisor.Spec
			for i := range n {
				spec.Children = append(spec.Children, supervisor.Actor(fmt.Sprint(i), sleeper))
			}
			tree, err := supervisor.Start(sys, spec)
			return tree.Stop, err
		}},
		{"dynamic", 1000, func(sys *actor.System) (func(context.Context) error, error) {
			sup, err := supervisor.StartDynamic(sys, supervisor.DynamicSpec{})
			for range n {
				if err == nil {
					_, err = sup.StartChild(t.Context(), supervisor.Actor("", sleeper, supervisor.Temporary))
				}
			}
			return sup.Stop, err
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			sys := newSystem(t)
			before := heap()
			stop, err := test.start(sys)
			if err != nil {
				t.Fatal(err)
			}
			each := (heap() - before) / n
			t.Logf("%d bytes", each)
			if each > test.limit {
				t.Errorf("a child takes %d bytes, want at most %d", each, test.limit)
			}
			if err := stop(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
