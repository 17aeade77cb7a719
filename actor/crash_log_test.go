package actor_test

import (
	"context"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/actor"
)

// One failure makes one record of level ERROR, that of the actor in which it came up, and a
// clean end makes none.
func TestOneFailureIsOneRecord(t *testing.T) {
	boom := returning(errBoom)
	panics := func(*doContext) error { panic("ouch") }
	child := func(traps bool) do { // of the actor that fails
		return func(ctx *doContext) error {
			_, err := actor.SpawnLink(ctx, behave(&scriptInit{init: func(kid *doContext) error { kid.TrapExit(traps); return nil }}))
			return err
		}
	}
	for name, c := range map[string]struct {
		do   []do
		want int
	}{
		"Stop":                     {[]do{returning(actor.Stop)}, 0},
		"Shutdown":                 {[]do{returning(actor.Shutdown)}, 0},
		"error":                    {[]do{boom}, 1},
		"panic":                    {[]do{panics}, 1},
		"error, with children":     {[]do{child(false), child(true), child(true), boom}, 1},
		"panic, with children":     {[]do{child(false), child(true), child(true), panics}, 1},
		"clean end, with children": {[]do{child(false), child(true), returning(actor.Shutdown)}, 0},
		"panic of a goroutine":     {[]do{func(ctx *doContext) error { ctx.Go(func(context.Context) { panic("ouch") }); <-ctx.Done(); return nil }}, 1},
		"panic after a kill":       {[]do{func(ctx *doContext) error { ctx.PID().Exit(actor.Kill); panic("ouch") }}, 1},
		"kill":                     {[]do{func(ctx *doContext) error { ctx.PID().Exit(actor.Kill); return nil }}, 0},
		"panic of Terminate at an end": {[]do{func(ctx *doContext) error {
			ctx.Become(&script{terminate: func(*doContext, error) { panic("ouch") }})
			return actor.Stop
		}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var log logBuffer
			sys := loggedSystem(t, &log)
			a := start(t, sys, &script{})
			for _, m := range c.do {
				a.Send(m)
			}
			ended(t, a.PID())
			if err := sys.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			if got := strings.Count(log.String(), "level=ERROR"); got != c.want {
				t.Errorf("%d records:\n%s", got, log.String())
			}
		})
	}
}
