package statem_test

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/statem"
)

// retry has the number of failed attempts as its state.
type retry struct{ done chan struct{} }

func (*retry) Init(c *statem.Context[int, string]) (int, error) {
	c.NextEvent("try")
	return 0, nil
}

func (r *retry) Handle(c *statem.Context[int, string], failed int, _ string) (int, error) {
	if failed == 2 {
		fmt.Println("attempt 3 worked")
		close(r.done)
		return failed, nil
	}
	failed++
	fmt.Println("attempt", failed, "failed")
	c.SetTimeout("retry", time.Millisecond<<failed, "try")
	return failed, nil
}

// A retry that waits twice as long each time is a named timeout: it goes on
// through all states, until it is cancelled or set again.
func ExampleContext_SetTimeout() {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(context.Background())

	done := make(chan struct{})
	_, err := actor.Spawn(sys, statem.New(func() *retry { return &retry{done: done} }))
	if err != nil {
		fmt.Println(err)
		return
	}
	<-done
	// Output:
	// attempt 1 failed
	// attempt 2 failed
	// attempt 3 worked
}
