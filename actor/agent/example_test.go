package agent_test

import (
	"context"
	"fmt"
	"maps"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/agent"
	"github.com/troupe-go/troupe/supervisor"
)

// Visits counts visits by name. Its methods are what a program sees of the agent.
type Visits struct{ agent.Ref[map[string]int] }

func newVisits() (map[string]int, error) { return map[string]int{}, nil }

// Add counts a visit and returns how many there have been.
func (v Visits) Add(ctx context.Context, name string) (int, error) {
	return agent.GetAndUpdate(ctx, v.Ref, func(m map[string]int) (int, map[string]int) {
		m[name]++
		return m[name], m
	})
}

// All returns a copy: the agent's own map changes.
func (v Visits) All(ctx context.Context) (map[string]int, error) {
	return agent.Get(ctx, v.Ref, maps.Clone)
}

func Example() {
	ctx, sys := context.Background(), actor.NewSystem(actor.Config{})
	defer sys.Shutdown(ctx)
	ref, err := agent.Start(sys, newVisits)
	if err != nil {
		fmt.Println(err)
		return
	}
	visits := Visits{ref}
	visits.Add(ctx, "ann")
	visits.Add(ctx, "bob")
	fmt.Println(visits.Add(ctx, "ann"))
	fmt.Println(visits.All(ctx))
	// Output:
	// 2 <nil>
	// map[ann:2 bob:1] <nil>
}

// A supervised agent is called by a Ref that follows it over its restarts.
func ExampleNew() {
	ctx, sys := context.Background(), actor.NewSystem(actor.Config{})
	defer sys.Shutdown(ctx)
	child, counter := supervisor.ActorRef("counter", agent.New(func() (int, error) { return 100, nil }))
	if _, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{child}}); err != nil {
		fmt.Println(err)
		return
	}
	agent.Cast(counter.Now(), func(n int) int { return n + 1 })
	fmt.Println(agent.Get(ctx, counter.Now(), func(n int) string { return fmt.Sprintf("it is %d", n) }))
	// Output: it is 101 <nil>
}

func ExampleUpdate() {
	ctx, sys := context.Background(), actor.NewSystem(actor.Config{})
	defer sys.Shutdown(ctx)
	type limits struct{ low, high int } // a value: every function has a copy of its own
	thermostat, err := agent.Start(sys, func() (limits, error) { return limits{18, 22}, nil })
	if err != nil {
		fmt.Println(err)
		return
	}
	err = agent.Update(ctx, thermostat, func(l limits) limits {
		l.high++
		return l
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(agent.Get(ctx, thermostat, func(l limits) limits { return l }))
	// Output: {18 23} <nil>
}
