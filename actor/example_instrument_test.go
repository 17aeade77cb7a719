package actor_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// handlerTimes counts what handlers do, by the type of the behavior.
type handlerTimes struct {
	mu     sync.Mutex
	calls  map[string]int
	failed map[string]int
	worked map[string]time.Duration
}

func newHandlerTimes() *handlerTimes {
	return &handlerTimes{calls: map[string]int{}, failed: map[string]int{}, worked: map[string]time.Duration{}}
}

// end is for an [actor.Instrument].
func (m *handlerTimes) end(_ context.Context, h *actor.Handling) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := h.Behavior.String()
	m.calls[name]++
	m.worked[name] += h.Worked
	if h.Err != nil && !actor.IsClean(h.Err) {
		m.failed[name]++
	}
}

// Metrics of all handlers. Each handling is told; OneIn: 100 would tell one in a hundred,
// drawn at random, and cost next to nothing.
func ExampleInstrument() {
	times := newHandlerTimes()
	sys := actor.NewSystem(actor.Config{Instruments: []actor.Instrument{{End: times.end}}})
	c, err := StartCounter(sys)
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		c.Add(2)
	}
	n, err := c.Get(context.Background())
	fmt.Println(n, err)

	if err := sys.Shutdown(context.Background()); err != nil { // End of the last one has returned
		fmt.Println(err)
	}
	fmt.Println(times.calls["*actor_test.counter"], "handled,", times.failed["*actor_test.counter"], "failed")
	// Output:
	// 6 <nil>
	// 4 handled, 0 failed
}

// requestID is the key of a context's value.
type requestID struct{}

// What a message is sent with reaches the handler, and whatever the handler calls.
func ExampleCarry() {
	sys := actor.NewSystem(actor.Config{Instruments: []actor.Instrument{actor.Carry(requestID{})}})
	defer sys.Shutdown(context.Background())
	type question struct{ reply actor.Reply[any] }
	ask := func(r actor.Reply[any]) question { return question{r} }

	database, err := actor.Spawn(sys, actor.Func(func(c *actor.Context[question], q question) error {
		q.reply.Send(c.Value(requestID{}))
		return nil
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	shop, err := actor.Spawn(sys, actor.Func(func(c *actor.Context[question], q question) error {
		id, err := actor.Call(c, database, ask)
		q.reply.Send(id)
		return err
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.WithValue(context.Background(), requestID{}, "request 17")
	fmt.Println(actor.Call(ctx, shop, ask))
	// Output: request 17 <nil>
}
