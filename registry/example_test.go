package registry_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry"
)

// say is what a room's messages are here: lines to print.
type say string

func newRoom(name string) func() actor.Behavior[say] {
	return actor.Func(func(_ *actor.Context[say], line say) error {
		fmt.Printf("%s: %s\n", name, line)
		return nil
	})
}

func Example() {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(context.Background())

	var rooms registry.Registry[string]
	lobby, err := actor.Spawn(sys, newRoom("lobby"))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := rooms.Register("lobby", lobby.PID()); err != nil {
		fmt.Println(err)
		return
	}

	_, err = registry.Lookup[int](&rooms, "lobby")
	fmt.Println("as an actor of int:", errors.Is(err, registry.ErrType))
	if ref, err := registry.Lookup[say](&rooms, "lobby"); err == nil {
		ref.Send("hello")
	}

	// The end of an actor frees its keys.
	lobby.PID().Stop(context.Background(), nil)
	_, err = registry.Lookup[say](&rooms, "lobby")
	fmt.Println("after its end:", errors.Is(err, actor.NoProc))
	// Output:
	// as an actor of int: true
	// lobby: hello
	// after its end: true
}

// An actor that is spawned with a key has it until it ends, so that one that a supervisor
// has restarted is found under the same key, and no second one starts.
func ExampleRegistry_As() {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(context.Background())

	var rooms registry.Registry[string]
	lobby, err := actor.Spawn(sys, newRoom("lobby"), rooms.As("lobby"))
	fmt.Println(err)

	_, err = actor.Spawn(sys, newRoom("lobby"), rooms.As("lobby"))
	var taken *registry.TakenError
	fmt.Println(errors.As(err, &taken) && taken.Holder == lobby.PID())
	// Output:
	// <nil>
	// true
}

// Plug-ins register under the events that they want, with a function of their own.
func ExampleMulti() {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(context.Background())

	var hooks registry.Multi[string]
	plugin, err := actor.Spawn(sys, newRoom("plugin"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, greeting := range []string{"hello", "welcome"} {
		if err := hooks.Register("join", plugin.PID(), greeting); err != nil {
			fmt.Println(err)
		}
	}
	hooks.Dispatch("join", func(entries []registry.Entry) {
		for _, e := range entries {
			fmt.Println(e.Value)
		}
	})
	hooks.Unregister("join", plugin.PID())
	fmt.Println(len(hooks.Entries("join")))
	// Output:
	// hello
	// welcome
	// 0
}

func ExampleRegistry_Observe() {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(context.Background())

	var rooms registry.Registry[string]
	stop := rooms.Observe(func(e registry.Event[string]) { fmt.Println(e.Key, e.Kind) })
	defer stop()

	lobby, err := actor.Spawn(sys, newRoom("lobby"))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := rooms.Register("lobby", lobby.PID()); err != nil {
		fmt.Println(err)
	}
	lobby.PID().Stop(context.Background(), nil)
	// Output:
	// lobby registered
	// lobby unregistered
}
