package pool_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor/pool"
)

type tenant struct{}

// A job brings the values of the context that it was sent with to its worker, each time that
// one begins it, and the next job has its own.
func TestJobsBringTheValuesOfTheirContexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor(t, pool.Config{Min: 1, Attempts: 2})
		f.sys = actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler), Instruments: []actor.Instrument{
			actor.Carry(tenant{}),
			{End: func(_ context.Context, h *actor.Handling) {
				if h.Handler == "Receive" && h.Err != nil {
					f.note(fmt.Sprint("instrument: ", h.Err))
				}
			}},
		}})
		defer func() { f.ok(f.sys.Shutdown(context.Background())) }()
		tree, err := f.pool.Start(f.sys)
		f.ok(err)
		f.tree = tree
		f.expect("+w")

		who := func(ctx *actor.Context[order]) error { f.note(fmt.Sprint("of ", ctx.Value(tenant{}))); return nil }
		of := func(name string) context.Context { return context.WithValue(f.Context(), tenant{}, name) }
		f.ok(f.pool.SendContext(of("ann"), order{name: "a", do: who}))
		f.expect("a, of ann")
		f.pool.Send(order{name: "b", do: who})
		f.expect("b, of <nil>")

		newOrder := func(r actor.Reply[string]) order {
			return order{name: "c", do: func(ctx *actor.Context[order]) error { r.Send("done"); return who(ctx) }}
		}
		_, err = pool.Call(of("bob"), f.pool, newOrder)
		f.ok(err)
		f.expect("c, of bob")
		asker, err := actor.Spawn(f.sys, func() actor.BehaviorFunc[string] {
			return func(c *actor.Context[string], m string) error {
				if m == "ask" {
					pool.AskTo(c, f.pool, newOrder, func(answer string, _ error) string { return answer })
				} else {
					f.note(fmt.Sprint(m, " for ", c.Value(tenant{})))
				}
				return nil
			}
		})
		f.ok(err)
		f.ok(asker.SendContext(of("cid"), "ask"))
		f.expect("c, of cid, done for cid")

		tries := 0
		f.ok(f.pool.SendContext(of("dan"), order{name: "d", do: func(ctx *actor.Context[order]) error {
			if tries++; tries == 1 {
				return errBoom
			}
			return who(ctx)
		}}))
		time.Sleep(time.Second)
		f.expect("d, instrument: boom, +w, d, of dan")
	})
}

// An instrument is asked once for each job, or it would draw twice which ones it samples.
func TestInstrumentsAreAskedOnceForAJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor(t, pool.Config{Min: 1})
		var asked []string
		f.sys = actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler), Instruments: []actor.Instrument{{
			OneIn: -1,
			Send: func(ctx context.Context, s actor.Sending) any {
				if ctx.Value(tenant{}) == nil || s.By == "Answer" {
					return nil
				}
				asked = append(asked, s.By)
				return s.By
			},
			Begin: func(ctx context.Context, h *actor.Handling) context.Context {
				return context.WithValue(ctx, tenant{}, h.Carried)
			},
		}}})
		defer func() { f.ok(f.sys.Shutdown(context.Background())) }()
		tree, err := f.pool.Start(f.sys)
		f.ok(err)
		f.tree = tree
		f.expect("+w")

		newOrder := func(r actor.Reply[string]) order {
			return order{name: "job", do: func(ctx *actor.Context[order]) error {
				f.note(fmt.Sprint("by ", ctx.Value(tenant{})))
				r.Send("done")
				return nil
			}}
		}
		asker, err := actor.Spawn(f.sys, actor.Func(func(c *actor.Context[string], m string) error {
			if m == "ask" {
				pool.AskTo(c, f.pool, newOrder, func(answer string, _ error) string { return answer })
			}
			return nil
		}))
		f.ok(err)
		ctx := context.WithValue(f.Context(), tenant{}, "ann")
		for by, send := range map[string]func(){
			"SendContext": func() { f.ok(f.pool.SendContext(ctx, newOrder(actor.Reply[string]{}))) },
			"Call":        func() { _, err := pool.Call(ctx, f.pool, newOrder); f.ok(err) },
			"AskTo":       func() { f.ok(asker.SendContext(ctx, "ask")) },
		} {
			asked = nil
			send()
			f.expect("job, by " + by)
			want := []string{by}
			if by == "AskTo" {
				want = []string{"SendContext", by} // the first is for the asker
			}
			if !slices.Equal(asked, want) {
				t.Errorf("%s: asked for %q, want %q", by, asked, want)
			}
		}
	})
}
