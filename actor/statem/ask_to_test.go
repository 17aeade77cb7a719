package statem_test

import (
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// GS-30: a machine gets what it has asked for as an event of kind Message: it may be postponed,
// and goes behind what the machine inserts.
func TestAMachineAsks(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		s := &script{}
		type question = actor.Reply[string]
		server, err := actor.Spawn(sys, actor.Func(func(ctx *actor.Context[question], r question) error {
			ctx.After(time.Second, func(*actor.Context[question]) error { r.Send("answer"); return nil })
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		ref := start(t, sys, s)
		ref.Send(to("ask", "a", func(c *stateContext) {
			actor.AskTo(c.Context, server, func(r question) question { return r }, func(answer string, err error) step {
				if err != nil {
					t.Error(err)
				}
				return waitFor(answer, "b")
			})
			c.NextEvent(ev("inserted"))
		}))
		time.Sleep(2 * time.Second)
		s.expect(t, "ask in ", "inserted (statem.Internal) in a", "answer in a")
		ref.Send(to("change", "b", nil))
		s.expect(t, "change in a", "answer in b")
	})
}
