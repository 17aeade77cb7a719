package statem_test

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/statem"
)

type linkState int

const (
	down linkState = iota
	up
)

// request is the only event from outside: to send a line, which is answered
// when it is sent. connected is the machine's own.
type (
	linkEvent interface{ linkEvent() }
	request   struct {
		line string
		done actor.Reply[string]
	}
	connected struct{}
)

func (request) linkEvent()   {}
func (connected) linkEvent() {}

type uplink struct{}

func newUplink() *uplink { return &uplink{} }

func (*uplink) Init(c *statem.Context[linkState, linkEvent]) (linkState, error) {
	c.SetTimeout("dial", 10*time.Millisecond, connected{}) // it takes a while
	return down, nil
}

func (*uplink) Handle(c *statem.Context[linkState, linkEvent], state linkState, event linkEvent) (linkState, error) {
	switch event := event.(type) {
	case connected:
		return up, nil
	case request:
		if state == down {
			c.Postpone()
			break
		}
		event.done.Send("sent " + event.line)
	}
	return state, nil
}

// A connection postpones what it is asked to send until it is up. Those who ask
// need not know: they wait for their answer a little longer.
func ExampleContext_Postpone() {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(context.Background())

	link, err := actor.Spawn(sys, statem.New(newUplink))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, line := range []string{"hello", "world"} {
		answer, err := actor.Call(ctx, link, func(r actor.Reply[string]) linkEvent { return request{line, r} })
		fmt.Println(answer, err)
	}
	// Output:
	// sent hello <nil>
	// sent world <nil>
}
