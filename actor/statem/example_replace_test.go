package statem_test

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/statem"
)

// A lock that has got stuck is put into another state by hand. Nothing is entered:
// the door does not hear of it before the next change.
func ExampleReplace() {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(context.Background())

	door := make(chan doorState, 3)
	lock, err := actor.Spawn(sys, statem.New(func() *codeLock {
		return &codeLock{code: "1234", stays: time.Hour, door: door}
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	lock.Send('1')

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	type machine = statem.Machine[doorState, button]
	err = statem.Replace(ctx, lock, func(state doorState, m machine) (doorState, machine, error) {
		l := m.(*codeLock)
		fmt.Println("was", state, "after", l.typed)
		l.typed = ""
		return open, l, nil
	})
	fmt.Println(err)
	err = statem.Inspect(ctx, lock, func(state doorState, _ machine) { fmt.Println("is", state) })
	fmt.Println(err)
	// Output:
	// was locked after 1
	// <nil>
	// is open
	// <nil>
}
