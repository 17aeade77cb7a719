package actor_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// Counter is a client: the functions that a program calls. The messages stay hidden.
type Counter struct{ ref actor.Ref[counterMsg] }

func StartCounter(sys *actor.System) (Counter, error) {
	ref, err := actor.Spawn(sys, newCounter)
	return Counter{ref}, err
}

func (c Counter) Add(n int) { c.ref.Send(add(n)) }

func (c Counter) Get(ctx context.Context) (int, error) { return actor.Call(ctx, c.ref, newGet) }

// counter is the actor: its state needs no lock.
type counter struct{ n int }

func newCounter() *counter { return &counter{} }

// counterMsg is what a counter understands: each message knows what it does.
type counterMsg interface{ apply(*counter) }

func (c *counter) Receive(_ *actor.Context[counterMsg], m counterMsg) error {
	m.apply(c)
	return nil
}

type add int

func (n add) apply(c *counter) { c.n += int(n) }

type get struct{ actor.Reply[int] }

func newGet(r actor.Reply[int]) counterMsg { return get{r} }

func (g get) apply(c *counter) { g.Send(c.n) }

func Example() {
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(ctx)

	visits, err := StartCounter(sys)
	if err != nil {
		panic(err)
	}
	visits.Add(2)
	visits.Add(3)
	fmt.Println(visits.Get(ctx))
	// Output: 5 <nil>
}

func ExampleSpawn() {
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(ctx)

	if _, err := actor.Spawn(sys, newCounter, actor.Name("visits")); err != nil {
		panic(err)
	}
	_, err := actor.Spawn(sys, newCounter, actor.Name("visits"))
	fmt.Println(err)

	ref, err := actor.Lookup[counterMsg](sys, "visits")
	fmt.Println(ref, err)
	// Output:
	// actor: spawn: name "visits" is taken by <0.1>
	// <0.1> <nil>
}

func ExampleCall() {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(context.Background())

	ref, err := actor.Spawn(sys, newCounter)
	if err != nil {
		panic(err)
	}
	// The context bounds the wait.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	fmt.Println(actor.Call(ctx, ref, newGet))

	ref.PID().Exit(actor.Kill)
	_, err = actor.Call(ctx, ref, newGet)
	fmt.Println(errors.Is(err, actor.NoProc))
	// Output:
	// 0 <nil>
	// true
}

func ExampleFunc() {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(context.Background())

	greeter, err := actor.Spawn(sys, actor.Func(func(_ *actor.Context[string], name string) error {
		if name == "" {
			return actor.Stop
		}
		fmt.Println("hello", name)
		return nil
	}))
	if err != nil {
		panic(err)
	}
	greeter.Send("Joe")
	greeter.Send("Robert")
	greeter.Send("")
	<-greeter.PID().Done()
	fmt.Println("ended:", greeter.PID().Err())
	// Output:
	// hello Joe
	// hello Robert
	// ended: normal
}

// guard looks after a worker that it is linked to.
type guard struct{ told chan<- string }

func (g *guard) Init(ctx *actor.Context[string]) error {
	ctx.TrapExit(true) // or the worker's crash would end the guard, too
	worker, err := actor.SpawnLink(ctx, actor.Func(divide))
	if err != nil {
		return err
	}
	worker.Send(0)
	return nil
}

func divide(_ *actor.Context[int], by int) error {
	fmt.Println(100 / by)
	return nil
}

func (g *guard) Receive(*actor.Context[string], string) error { return nil }

func (g *guard) HandleExit(_ *actor.Context[string], exit actor.Exit) error {
	g.told <- fmt.Sprintf("%v ended: %v", exit.From, exit.Reason)
	return nil
}

func ExampleContext_TrapExit() {
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	defer sys.Shutdown(context.Background())

	told := make(chan string)
	if _, err := actor.Spawn(sys, func() *guard { return &guard{told} }); err != nil {
		panic(err)
	}
	fmt.Println(<-told)
	// Output: <0.2> ended: panic: runtime error: integer divide by zero
}

// obituary tells of the end of another actor.
type obituary struct {
	of   actor.PID
	told chan<- string
}

func (o *obituary) Init(ctx *actor.Context[string]) error {
	ctx.Monitor(o.of)
	return nil
}

func (o *obituary) Receive(*actor.Context[string], string) error { return nil }

func (o *obituary) HandleDown(_ *actor.Context[string], down actor.Down) error {
	o.told <- fmt.Sprintf("%v ended: %v", down.PID, down.Reason)
	return nil
}

func ExampleContext_Monitor() {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(context.Background())

	ref, err := actor.Spawn(sys, newCounter)
	if err != nil {
		panic(err)
	}
	told := make(chan string)
	if _, err = actor.Spawn(sys, func() *obituary { return &obituary{ref.PID(), told} }); err != nil {
		panic(err)
	}
	ref.PID().Exit(actor.Shutdown)
	fmt.Println(<-told)
	// Output: <0.1> ended: shutdown
}

func ExampleRef_SendAfter() {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(context.Background())

	said := make(chan string)
	ref, err := actor.Spawn(sys, actor.Func(func(_ *actor.Context[string], m string) error {
		said <- m
		return nil
	}))
	if err != nil {
		panic(err)
	}
	ref.Send("now")
	ref.SendAfter(20*time.Millisecond, "later")
	never := ref.SendAfter(time.Hour, "never")
	fmt.Println(<-said)
	fmt.Println(<-said)
	fmt.Println("stopped in time:", never.Stop())
	// Output:
	// now
	// later
	// stopped in time: true
}

// saver writes its state down when it ends.
type saver struct{ counter }

func (s *saver) Init(ctx *actor.Context[counterMsg]) error {
	ctx.TrapExit(true) // so that Terminate runs at shutdown
	return nil
}

func (s *saver) Terminate(_ *actor.Context[counterMsg], reason error) {
	fmt.Println("saving", s.n, "because of:", reason)
}

func ExampleSystem_Shutdown() {
	sys := actor.NewSystem(actor.Config{})
	ref, err := actor.Spawn(sys, func() *saver { return &saver{} })
	if err != nil {
		panic(err)
	}
	ref.Send(add(7))

	// An actor that has not stopped when ctx is done is killed.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println(sys.Shutdown(ctx))
	_, err = actor.Spawn(sys, newCounter)
	fmt.Println(err)
	// Output:
	// saving 7 because of: shutdown
	// <nil>
	// actor: spawn: the system is shut down
}

// loader answers from a table that takes its time to load.
type loader struct{ table map[string]int }

type lookup struct {
	key   string
	reply actor.Reply[int]
}

func (l *loader) Init(ctx *actor.Context[lookup]) error {
	// The spawn does not wait for this, but every message does.
	ctx.Continue(func(*actor.Context[lookup]) error {
		l.table = map[string]int{"answer": 42}
		return nil
	})
	return nil
}

func (l *loader) Receive(_ *actor.Context[lookup], m lookup) error {
	m.reply.Send(l.table[m.key])
	return nil
}

func ExampleContext_Continue() {
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(ctx)

	ref, err := actor.Spawn(sys, func() *loader { return &loader{} })
	if err != nil {
		panic(err)
	}
	fmt.Println(actor.Call(ctx, ref, func(r actor.Reply[int]) lookup { return lookup{"answer", r} }))
	// Output: 42 <nil>
}

func ExampleAsk() {
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(ctx)

	var requests []*actor.Pending[int]
	for i := range 3 {
		ref, err := actor.Spawn(sys, newCounter)
		if err != nil {
			panic(err)
		}
		ref.Send(add(i))
		requests = append(requests, actor.Ask(ctx, ref, newGet))
	}
	// … work that does not need the answers …
	sum := 0
	for _, answer := range actor.Answers(ctx, requests...) { // as they come
		sum += answer.Value
	}
	fmt.Println(sum)
	fmt.Println(requests[2].Wait(ctx))
	// Output:
	// 3
	// 2 <nil>
}
