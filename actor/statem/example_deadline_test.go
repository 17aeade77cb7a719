package statem_test

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/statem"
)

type appointment struct {
	name string
	at   time.Time
}

// agenda reminds of appointments: its events are their names, its state how many are
// still to come.
type agenda struct {
	appointments []appointment
	done         chan struct{}
}

func (a *agenda) Init(c *statem.Context[int, string]) (int, error) {
	for _, a := range a.appointments {
		c.SetTimeoutAt(statem.Kind(a.name), a.at, a.name)
	}
	return len(a.appointments), nil
}

func (a *agenda) Handle(_ *statem.Context[int, string], ahead int, name string) (int, error) {
	fmt.Println("time for", name)
	if ahead == 1 {
		close(a.done)
	}
	return ahead - 1, nil
}

// A timeout for a moment is not put off by what is done before it is set. A moment that
// has passed comes at once.
func ExampleContext_SetTimeoutAt() {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(context.Background())

	now, done := time.Now(), make(chan struct{})
	_, err := actor.Spawn(sys, statem.New(func() *agenda {
		return &agenda{[]appointment{{"breakfast", now.Add(-time.Hour)}, {"lunch", now.Add(10 * time.Millisecond)}}, done}
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	<-done
	// Output:
	// time for breakfast
	// time for lunch
}
