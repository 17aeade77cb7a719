package actor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/mailbox"
)

// tenant is what a request belongs to, in these tests.
type tenant struct{}

func of(name string) context.Context {
	return context.WithValue(context.Background(), tenant{}, name)
}

// tenantOf returns the tenant that ctx has, "nobody" if it has none.
func tenantOf(ctx context.Context) string {
	if name, ok := ctx.Value(tenant{}).(string); ok {
		return name
	}
	return "nobody"
}

// instrumented runs f in a bubble, with a system that has the instruments and logs to log.
func instrumented(t *testing.T, f func(t *testing.T, sys *actor.System, log *bytes.Buffer), list ...actor.Instrument) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		sys := actor.NewSystem(actor.Config{Instruments: list, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		f(t, sys, &log)
		if err := sys.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// note is a message that writes down the tenant that its handler has.
func note(j *journal, what string) do {
	return func(ctx *doContext) error { j.add("%s %s", what, tenantOf(ctx)); return nil }
}

// Each way to send with a context hands its values on; Send has none.
func TestMessagesBringTheValuesOfTheirContext(t *testing.T) {
	call := func(ctx context.Context, to actor.Ref[do], m do) error {
		_, err := actor.Call(ctx, to, func(r actor.Reply[struct{}]) do {
			return func(ctx *doContext) error { defer r.Send(struct{}{}); return m(ctx) }
		})
		return err
	}
	for _, tt := range []struct {
		name string
		send func(ctx *doContext, to actor.Ref[do], m do) error
		want string
	}{
		{"Send", func(_ *doContext, to actor.Ref[do], m do) error { to.Send(m); return nil }, "nobody"},
		{"TrySend", func(_ *doContext, to actor.Ref[do], m do) error { return to.TrySend(m) }, "nobody"},
		{"SendContext", func(ctx *doContext, to actor.Ref[do], m do) error { return to.SendContext(ctx, m) }, "ann"},
		{"SendContext to itself", func(ctx *doContext, _ actor.Ref[do], m do) error { return ctx.Self().SendContext(ctx, m) }, "ann"},
		{"Call", func(ctx *doContext, to actor.Ref[do], m do) error { return call(ctx, to, m) }, "ann"},
		{"Ask", func(ctx *doContext, to actor.Ref[do], m do) error {
			actor.Ask(ctx, to, func(actor.Reply[struct{}]) do { return m })
			return nil
		}, "ann"},
		{"AskTo", func(ctx *doContext, to actor.Ref[do], m do) error {
			request := func(r actor.Reply[int]) do { return func(ctx *doContext) error { r.Send(1); return m(ctx) } }
			actor.AskTo(ctx, to, request, func(int, error) do { return func(*doContext) error { return nil } })
			return nil
		}, "ann"},
		{"an answer to AskTo", func(ctx *doContext, to actor.Ref[do], m do) error {
			request := func(r actor.Reply[int]) do { return func(*doContext) error { r.Send(1); return nil } }
			actor.AskTo(ctx, to, request, func(int, error) do { return m })
			return nil
		}, "ann"},
		{"an answer that is made", func(ctx *doContext, to actor.Ref[do], m do) error {
			request := func(r actor.Reply[int]) do { return func(*doContext) error { r.Send(1); return nil } }
			actor.AskTo(ctx, to, request, func(int, error) do {
				if err := m(ctx); err != nil {
					t.Error(err)
				}
				return func(*doContext) error { return nil }
			})
			return nil
		}, "ann"},
		{"a derived context", func(ctx *doContext, to actor.Ref[do], m do) error {
			limited, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			return call(limited, to, m)
		}, "ann"},
		{"SendAfter", func(ctx *doContext, _ actor.Ref[do], m do) error { ctx.SendAfter(time.Second, m); return nil }, "ann"},
		{"SendAfter of a Ref", func(_ *doContext, to actor.Ref[do], m do) error { to.SendAfter(time.Second, m); return nil }, "nobody"},
		{"SetTimer", func(ctx *doContext, _ actor.Ref[do], m do) error { ctx.SetTimer("t", time.Second, m); return nil }, "ann"},
		{"After", func(ctx *doContext, _ actor.Ref[do], m do) error { ctx.After(time.Second, m); return nil }, "ann"},
		{"Continue", func(ctx *doContext, _ actor.Ref[do], m do) error { ctx.Continue(m); return nil }, "ann"},
		{"Stash", func(ctx *doContext, _ actor.Ref[do], m do) error {
			if err := ctx.Stash(m); err != nil {
				return err
			}
			ctx.Self().Send(func(ctx *doContext) error { ctx.Unstash(); return nil })
			return nil
		}, "ann"},
		{"Go", func(ctx *doContext, to actor.Ref[do], m do) error {
			ctx.Go(func(ctx context.Context) {
				time.Sleep(time.Second) // the handler has returned
				if _, ok := actor.FromContext(ctx); ok {
					t.Error("the helper's context belongs to the actor")
				}
				_ = to.SendContext(ctx, m)
			})
			return nil
		}, "ann"},
		{"Values, put aside", func(ctx *doContext, _ actor.Ref[do], m do) error {
			values := actor.Values(ctx)
			ctx.Self().Send(func(ctx *doContext) error {
				return ctx.WithValues(values, func() error { return m(ctx) })
			})
			return nil
		}, "ann"},
		{"Values of nothing", func(ctx *doContext, _ actor.Ref[do], m do) error {
			return ctx.WithValues(context.Background(), func() error { return m(ctx) })
		}, "nobody"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			instrumented(t, func(t *testing.T, sys *actor.System, _ *bytes.Buffer) {
				var j journal
				a, b := start(t, sys, &script{}), start(t, sys, &script{})
				err := a.SendContext(of("ann"), func(ctx *doContext) error {
					if err := tt.send(ctx, b, note(&j, "got by")); err != nil {
						t.Error(err)
					}
					return note(&j, "still")(ctx)
				})
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				a.Send(note(&j, "later"))
				settle()
				lines := j.take()
				got := ""
				for _, line := range lines {
					if name, ok := strings.CutPrefix(line, "got by "); ok {
						got = name
					} else if line != "still ann" && line != "later nobody" {
						t.Error(line)
					}
				}
				if got != tt.want || len(lines) != 3 {
					t.Errorf("%q, want the message by %s", lines, tt.want)
				}
			}, actor.Carry(tenant{}))
		})
	}
}

// A context of another actor, or of one that has ended, has values of its own or none.
func TestValuesOfAContextEndWithTheHandler(t *testing.T) {
	instrumented(t, func(t *testing.T, sys *actor.System, _ *bytes.Buffer) {
		a := start(t, sys, &script{})
		var kept context.Context
		if err := a.SendContext(of("ann"), func(ctx *doContext) error { kept = ctx; return nil }); err != nil {
			t.Fatal(err)
		}
		settle()
		if got := tenantOf(kept); got != "nobody" {
			t.Errorf("after the handler: %s", got)
		}
		if err := a.SendContext(of("bob"), func(*doContext) error { return errBoom }); err != nil {
			t.Fatal(err)
		}
		<-a.PID().Done()
		if got := tenantOf(kept); got != "nobody" {
			t.Errorf("after the end: %s", got)
		}
		if !errors.Is(context.Cause(kept), errBoom) {
			t.Errorf("cause %v, want boom", context.Cause(kept))
		}
	}, actor.Carry(tenant{}))
}

// The values of a context that asks its actor for them would never be found.
func TestValuesOfAnActorsContextAreRefused(t *testing.T) {
	instrumented(t, func(t *testing.T, sys *actor.System, _ *bytes.Buffer) {
		a := start(t, sys, &script{})
		a.Send(func(ctx *doContext) error {
			derived, cancel := context.WithCancel(ctx)
			defer cancel()
			return ctx.WithValues(actor.Values(derived), func() error { t.Error("called"); return nil })
		})
		var panicked *actor.PanicError
		if err := ended(t, a.PID()); !errors.As(err, &panicked) || !strings.Contains(err.Error(), "actor's context") {
			t.Error(err)
		}
	})
}

// Whatever the mailbox does, a message keeps its own values, and one that is sent without a
// context gets none: neither those of the one before it, nor those of one that was dropped.
func TestValuesStayWithTheirMessage(t *testing.T) {
	type labeled struct {
		want  string
		reply actor.Reply[int]
	}
	for _, limit := range []mailbox.Limit{
		mailbox.Unbounded, mailbox.Bounded(4, mailbox.Fail), mailbox.Bounded(4, mailbox.Block),
		mailbox.Bounded(4, mailbox.DropNewest), mailbox.Bounded(4, mailbox.DropOldest),
	} {
		t.Run(limit.Overflow.String(), func(t *testing.T) {
			sys := actor.NewSystem(actor.Config{
				Instruments: []actor.Instrument{actor.Carry(tenant{})},
				Logger:      slog.New(slog.DiscardHandler),
			})
			defer sys.Shutdown(context.Background())
			var handled atomic.Int64
			ref := spawnFunc(t, sys, func(ctx *actor.Context[labeled], m labeled) error {
				handled.Add(1)
				if got := tenantOf(ctx); got != m.want {
					t.Errorf("has the values of %s, want %s", got, m.want)
				}
				m.reply.Send(0)
				return nil
			}, actor.Mailbox(limit))
			const senders, each = 8, 500
			done := make(chan struct{})
			for s := range senders {
				go func() {
					defer func() { done <- struct{}{} }()
					for i := range each {
						switch name := fmt.Sprint(s, ".", i); i % 4 {
						case 0:
							ref.Send(labeled{want: "nobody"})
						case 1, 2:
							_ = ref.SendContext(of(name), labeled{want: name})
						default:
							ctx, cancel := context.WithTimeout(of(name), time.Millisecond) // it may be dropped
							_, _ = actor.Call(ctx, ref, func(r actor.Reply[int]) labeled { return labeled{name, r} })
							cancel()
						}
					}
				}()
			}
			for range senders {
				await(t, done)
			}
			if handled.Load() == 0 {
				t.Error("nothing was handled")
			}
		})
	}
}

// kinds is a behavior with all handlers.
type kinds struct{ script }

func (*kinds) Init(ctx *doContext) error       { time.Sleep(time.Second); return nil }
func (*kinds) HandleIdle(ctx *doContext) error { return nil }

// What is told of each kind of handler.
func TestInstrumentsAreToldOfEachHandler(t *testing.T) {
	var j journal
	var began atomic.Int64
	list := []actor.Instrument{{
		Begin: func(context.Context, *actor.Handling) context.Context { began.Add(1); return nil },
		End: func(_ context.Context, h *actor.Handling) {
			if h.Behavior != reflect.TypeFor[*kinds]() {
				return
			}
			j.add("%s %v for %v: %v", h.Handler, h.Message, h.Worked, h.Err)
		},
	}}
	instrumented(t, func(t *testing.T, sys *actor.System, _ *bytes.Buffer) {
		wait := func(*doContext) error { time.Sleep(time.Second); return nil }
		k := &kinds{}
		a := start(t, sys, k)
		a.Send(func(ctx *doContext) error { ctx.TrapExit(true); ctx.Continue(wait); return wait(ctx) })
		a.Send(func(ctx *doContext) error {
			ctx.After(time.Minute, wait)
			ctx.SetTimer("t", time.Hour, wait)
			return nil
		})
		time.Sleep(2 * time.Hour)
		peer := start(t, sys, &script{})
		in(t, a, func(ctx *doContext) { ctx.Monitor(peer.PID()); _ = ctx.Link(peer.PID()) })
		peer.Send(returning(errBoom))
		settle()
		in(t, a, func(ctx *doContext) { ctx.IdleAfter(time.Minute) })
		time.Sleep(90 * time.Second)
		a.Send(func(*doContext) error { time.Sleep(time.Second); return actor.Stop })
		<-a.PID().Done()
		const receive = "Receive actor_test.do for "
		j.expect(t, "Init <nil> for 1s: <nil>", receive+"1s: <nil>", "Continue <nil> for 1s: <nil>",
			receive+"0s: <nil>", "After <nil> for 1s: <nil>", receive+"1s: <nil>", receive+"0s: <nil>",
			"HandleExit actor.Exit for 0s: <nil>", "HandleDown actor.Down for 0s: <nil>",
			receive+"0s: <nil>", "HandleIdle <nil> for 0s: <nil>", receive+"1s: normal", "Terminate <nil> for 0s: <nil>")
	}, list...)
}

// A handler that fails does so as without instruments, and they are told of it.
func TestInstrumentsAreToldOfFailures(t *testing.T) {
	for name, tt := range map[string]struct {
		fail do
		want error // nil: a panic
	}{
		"an error": {returning(errBoom), errBoom},
		"a panic":  {func(*doContext) error { panic("at the disco") }, nil},
		"Goexit":   {func(*doContext) error { runtime.Goexit(); return nil }, actor.Goexit},
	} {
		t.Run(name, func(t *testing.T) {
			var told []error
			terminated := false
			instrumented(t, func(t *testing.T, sys *actor.System, log *bytes.Buffer) {
				a := start(t, sys, &script{terminate: func(ctx *doContext, _ error) {
					terminated = true
					if got := tenantOf(ctx); got != "nobody" {
						t.Errorf("Terminate has the values of %s", got)
					}
				}})
				if err := a.SendContext(of("ann"), tt.fail); err != nil {
					t.Fatal(err)
				}
				reason := ended(t, a.PID())
				var p *actor.PanicError
				if tt.want == nil && (!errors.As(reason, &p) || !strings.Contains(fmt.Sprintf("%v", p.Stack), "TestInstrumentsAreToldOfFailures")) {
					t.Errorf("ended with %v, stack %v", reason, p.Stack)
				} else if tt.want != nil && reason != tt.want {
					t.Errorf("ended with %v, want %v", reason, tt.want)
				}
				settle()
				if len(told) != 1 || told[0] != reason {
					t.Errorf("told of %v, want %v", told, reason)
				}
				if n := strings.Count(log.String(), "actor crashed"); n != 1 || !terminated {
					t.Errorf("%d records, terminated: %v\n%s", n, terminated, log)
				}
			}, actor.Carry(tenant{}), actor.Instrument{
				Send:  func(context.Context, actor.Sending) any { return true },
				End:   func(_ context.Context, h *actor.Handling) { told = append(told, h.Err) },
				OneIn: -1,
			})
		})
	}
}

// Waited is the time in the mailbox, and Worked that in the handler.
func TestInstrumentsAreToldHowLongAMessageWaited(t *testing.T) {
	var j journal
	instrumented(t, func(t *testing.T, sys *actor.System, _ *bytes.Buffer) {
		a := start(t, sys, &script{})
		a.Send(func(*doContext) error { time.Sleep(time.Second); return nil })
		settle()
		if err := a.SendContext(of("ann"), func(*doContext) error { time.Sleep(3 * time.Second); return nil }); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		j.expect(t,
			"<nil> waited 0s, worked 1s, sent false",
			"ann waited 1s, worked 3s, sent true")
	}, actor.Instrument{
		Send: func(ctx context.Context, s actor.Sending) any { return ctx.Value(tenant{}) },
		End: func(_ context.Context, h *actor.Handling) {
			j.add("%v waited %v, worked %v, sent %v", h.Carried, h.Waited, h.Worked, !h.Sent().IsZero() && h.Began().Sub(h.Sent()) == h.Waited)
		},
	})
}
