package pool_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/mailbox"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/supervisor/pool"
)

// charge is the job of the workers in these examples. One that is sent and not called for
// has nobody to reply to, and needs no other code.
type charge struct {
	order string
	cents int
	reply actor.Reply[string]
}

// teller charges, one order at a time.
type teller struct{}

var errGateway = errors.New("gateway: connection reset")

func (t *teller) Receive(_ *actor.Context[charge], c charge) error {
	if c.cents < 0 {
		c.reply.Fail(errors.New("negative amount")) // the answer is an error; the worker goes on
		return nil
	}
	if c.cents == 0 {
		return errGateway // the worker crashes
	}
	c.reply.Send("receipt for " + c.order)
	return nil
}

func quietSystem() *actor.System {
	return actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
}

// Workers answer calls. A call fails when its worker refuses, and when it crashes.
func Example() {
	sys := quietSystem()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	defer sys.Shutdown(ctx)

	payments := pool.New(pool.Config{ID: "payments", Min: 2, Max: 8}, func() *teller { return new(teller) })
	if _, err := supervisor.Start(sys, supervisor.Spec{
		Children: []supervisor.Child{payments.Child()},
	}); err != nil {
		fmt.Println(err)
		return
	}

	for _, cents := range []int{1999, -1, 0} {
		receipt, err := pool.Call(ctx, payments, func(r actor.Reply[string]) charge {
			return charge{order: "order 42", cents: cents, reply: r}
		})
		fmt.Println(receipt, err)
	}
	// Output:
	// receipt for order 42 <nil>
	//  pool: call "payments": negative amount
	//  pool: call "payments": the worker ended: gateway: connection reset
}

// Send does not wait. A full queue refuses what is sent, and OnDrop hears of it.
func ExamplePool_Send() {
	sys := quietSystem()
	ctx := context.Background()
	defer sys.Shutdown(ctx)

	dropped := make(chan pool.Dropped)
	thumbnails := pool.New(pool.Config{
		Min:    1,
		Queue:  mailbox.Bounded(1, mailbox.Fail),
		OnDrop: func(d pool.Dropped) { dropped <- d },
	}, actor.Func(func(ctx *actor.Context[string], picture string) error {
		fmt.Println("scaling", picture)
		return nil
	}))
	tree, err := thumbnails.Start(sys)
	if err != nil {
		fmt.Println(err)
		return
	}
	thumbnails.Send("a.png")
	if err := tree.Stop(ctx); err != nil { // after what is in the queue
		fmt.Println(err)
	}
	thumbnails.Send("b.png")
	d := <-dropped
	fmt.Println("dropped", d.Job, "because it is", d.Reason)
	fmt.Println(thumbnails.TrySend("c.png"))
	// Output:
	// scaling a.png
	// dropped b.png because it is not running
	// not running
}

// A job whose worker crashes may be tried again, by another worker.
func ExampleConfig_attempts() {
	sys := quietSystem()
	ctx := context.Background()
	defer sys.Shutdown(ctx)

	attempts := make(chan int, 3)
	attempts <- 1
	uploads := pool.New(pool.Config{
		Min:      1,
		Attempts: 3,
		Backoff:  supervisor.Backoff{Min: time.Millisecond},
	}, actor.Func(func(ctx *actor.Context[actor.Reply[int]], r actor.Reply[int]) error {
		n := <-attempts
		attempts <- n + 1
		if n < 3 {
			return errGateway
		}
		r.Send(n)
		return nil
	}))
	if _, err := uploads.Start(sys); err != nil {
		fmt.Println(err)
		return
	}
	n, err := pool.Call(ctx, uploads, func(r actor.Reply[int]) actor.Reply[int] { return r })
	fmt.Println("done in attempt", n, err)
	fmt.Println("workers that crashed:", uploads.Stats().Crashed)
	// Output:
	// done in attempt 3 <nil>
	// workers that crashed: 2
}

// A pool between two sizes has another worker when a job waits and nobody is free.
func ExampleConfig_elastic() {
	sys := quietSystem()
	defer sys.Shutdown(context.Background())

	begun, finish := make(chan struct{}), make(chan struct{})
	reports := pool.New(pool.Config{
		Min:       1,
		Max:       4,
		IdleAfter: time.Minute, // then those beyond Min end
	}, actor.Func(func(*actor.Context[int], int) error {
		begun <- struct{}{}
		<-finish
		return nil
	}))
	if _, err := reports.Start(sys); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(reports.Stats().Workers, "worker")
	for i := range 3 {
		reports.Send(i)
		<-begun
	}
	fmt.Println(reports.Stats().Workers, "workers")
	close(finish)
	// Output:
	// 1 worker
	// 3 workers
}
