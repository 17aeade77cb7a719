package statem_test

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/statem"
)

type doorState string

const (
	locked doorState = "locked"
	open   doorState = "open"
)

// button is the event: a digit was pressed.
type button rune

// codeLock opens when the last digits were its code, and locks itself again.
type codeLock struct {
	code  string
	typed string
	stays time.Duration // open
	door  chan<- doorState
}

type lockContext = statem.Context[doorState, button]

func (l *codeLock) Init(c *lockContext) (doorState, error) { return locked, nil }

func (l *codeLock) Handle(c *lockContext, state doorState, digit button) (doorState, error) {
	switch {
	case state == locked:
		l.typed += string(digit)
		l.typed = l.typed[max(0, len(l.typed)-len(l.code)):]
		if l.typed == l.code {
			return open, nil
		}
	case c.Kind() == statem.StateTimeout:
		return locked, nil
	}
	return state, nil
}

func (l *codeLock) Enter(c *lockContext, old, state doorState) error {
	l.typed = ""
	if state == open {
		c.SetTimeout(statem.StateTimeout, l.stays, 0)
	}
	l.door <- state
	return nil
}

// A code lock: two states, a state timeout that locks the door again, and an
// enter call for what belongs to each state.
func Example() {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(context.Background())

	door := make(chan doorState, 3)
	lock, err := actor.Spawn(sys, statem.New(func() *codeLock {
		return &codeLock{code: "1234", stays: 10 * time.Millisecond, door: door}
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, digit := range "91234" {
		lock.Send(button(digit))
	}
	fmt.Println(<-door)
	fmt.Println(<-door)
	fmt.Println(<-door)
	// Output:
	// locked
	// open
	// locked
}
