package actor_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"

	"github.com/troupe-go/troupe/actor"
)

// A library calls its users' functions from an actor of its own, which must go on.
func ExampleGuard() {
	ctx := context.Background()
	fmt.Println(actor.Guard(ctx, func() error { return nil }))
	fmt.Println(actor.Guard(ctx, func() error { panic("oops") }))
	fmt.Println(actor.Guard(ctx, func() error { runtime.Goexit(); return nil }))
	// Output:
	// <nil>
	// panic: oops
	// handler called runtime.Goexit
}

// A Via is good over restarts: it finds the actor that has the name now.
func ExampleVia() {
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(ctx)

	visits := actor.Via[counterMsg]{System: sys, Name: "visits"}
	for range 2 {
		ref, err := actor.Spawn(sys, newCounter, actor.Name("visits"))
		if err != nil {
			panic(err)
		}
		visits.Send(add(1))
		n, err := actor.Call(ctx, visits.Now(), newGet)
		fmt.Println(n, err)
		_ = ref.PID().Stop(ctx, nil)
	}
	fmt.Println(visits.TrySend(add(1)))
	// Output:
	// 1 <nil>
	// 1 <nil>
	// not running
}

// An actor that runs gets a name, and loses it.
func ExampleSystem_Register() {
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	defer sys.Shutdown(ctx)

	ref, err := actor.Spawn(sys, newCounter)
	if err != nil {
		panic(err)
	}
	fmt.Println(sys.Register("visits", ref.PID()), sys.Names())
	fmt.Println(sys.Register("hits", ref.PID()))
	fmt.Println(sys.Unregister("visits"), sys.Names())
	// Output:
	// <nil> [visits]
	// actor: register "visits" as "hits": it has a name already
	// true []
}

// What package sys does in OTP: look into an actor that runs.
func ExamplePID_Install() {
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(ctx)

	ref, err := actor.Spawn(sys, newCounter)
	if err != nil {
		panic(err)
	}
	stop, err := ref.PID().Install(ctx, func(t actor.Trace) { fmt.Println(t.Kind, t.Message, t.Result) })
	if err != nil {
		panic(err)
	}
	if err := ref.PID().KeepStatistics(ctx, true); err != nil {
		panic(err)
	}
	ref.Send(add(2))
	s, err := ref.PID().Statistics(ctx)
	fmt.Println(s.Messages, err)
	stop()
	ref.Send(add(3))
	log := ref.PID().KeepLog(ctx, 10)
	ref.Send(add(4))
	last, err := ref.PID().Log(ctx)
	fmt.Println(log, len(last), last[0].Message, err)
	// Output:
	// message 2 <nil>
	// 1 <nil>
	// <nil> 1 4 <nil>
}

// counterByTen is the next version of counter.
type counterByTen struct{ counter }

func (c *counterByTen) Receive(ctx *actor.Context[counterMsg], m counterMsg) error {
	if n, ok := m.(add); ok {
		m = 10 * n
	}
	return c.counter.Receive(ctx, m)
}

// An actor that runs gets other code, and keeps its state and what waits for it. In OTP that
// is sys:suspend/1, change_code/4 and resume/1.
func ExampleReplace() {
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(ctx)

	ref, err := actor.Spawn(sys, newCounter)
	if err != nil {
		panic(err)
	}
	ref.Send(add(2))
	fmt.Println(ref.PID().Suspend(ctx))
	ref.Send(add(3)) // waits
	err = actor.Replace(ctx, ref, func(old actor.Behavior[counterMsg]) (actor.Behavior[counterMsg], error) {
		return &counterByTen{*old.(*counter)}, nil
	})
	fmt.Println(err)
	fmt.Println(ref.PID().Resume(ctx))
	fmt.Println(actor.Call(ctx, ref, newGet))
	// Output:
	// <nil>
	// <nil>
	// <nil>
	// 32 <nil>
}

// table is one of many: its label says which.
type table struct{ number int } // does not change, so that others may read it

func (t *table) ActorLabel() string { return fmt.Sprintf("table %d", t.number) }

func (*table) Receive(*actor.Context[string], string) error { return nil }

func ExampleLabeler() {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(context.Background())

	for n := range 3 {
		if _, err := actor.Spawn(sys, func() *table { return &table{n + 1} }); err != nil {
			fmt.Println(err)
			return
		}
	}
	for _, pid := range sys.Actors() {
		fmt.Println(pid, pid.Label())
	}
	// Output:
	// <0.1> table 1
	// <0.2> table 2
	// <0.3> table 3
}
