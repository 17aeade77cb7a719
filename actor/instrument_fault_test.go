package actor_test

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// ctxOfNobody is a context of which only a nil pointer is ever made.
type ctxOfNobody struct{ context.Context }

// An instrument has five seconds of its own, whatever those before it have taken: also after
// one that hangs, beside which another runner has gone on.
func TestEachInstrumentHasFiveSeconds(t *testing.T) {
	for _, at := range []string{"Begin", "End"} {
		t.Run(at, func(t *testing.T) {
			gate := make(chan struct{})
			var j journal
			takes := func(d time.Duration) actor.Instrument {
				in := func(what string, h *actor.Handling) {
					if what == at && h.Handler == "Receive" {
						time.Sleep(d)
						j.add("%v in %s", d, what)
					}
				}
				return actor.Instrument{
					Begin: func(_ context.Context, h *actor.Handling) context.Context { in("Begin", h); return nil },
					End:   func(_ context.Context, h *actor.Handling) { in("End", h) },
				}
			}
			hangs := actor.Instrument{
				Begin: func(_ context.Context, h *actor.Handling) context.Context {
					if at == "Begin" && h.Handler == "Receive" {
						<-gate
					}
					return nil
				},
				End: func(_ context.Context, h *actor.Handling) {
					if at == "End" && h.Handler == "Receive" {
						<-gate
					}
				},
			}
			instrumented(t, func(t *testing.T, sys *actor.System, log *bytes.Buffer) {
				gate = make(chan struct{})
				defer func() { close(gate); settle() }()
				a := start(t, sys, &script{})
				began := time.Now()
				a.Send(returning(nil))
				a.Send(returning(actor.Stop))
				<-a.PID().Done()
				j.expect(t, "3s in "+at, "4s in "+at, "2s in "+at, "3s in "+at, "4s in "+at, "2s in "+at)
				if took := time.Since(began); took != 23*time.Second {
					t.Errorf("it took %v, want 18 s and five for the one that hangs", took)
				}
				if n := strings.Count(log.String(), "instrument failed and was taken off"); n != 1 {
					t.Errorf("%d records\n%s", n, log)
				}
			}, takes(3*time.Second), hangs, takes(4*time.Second), takes(2*time.Second))
		})
	}
}

// Whatever an instrument does costs the instrument, and neither the actor nor the other
// instruments: the actor handles all that it is sent, once, with the values it should have.
func TestFaultsOfAnInstrumentCostTheInstrument(t *testing.T) {
	faults := map[string]func(gate <-chan struct{}){
		"panics":       func(<-chan struct{}) { panic("in the instrument") },
		"calls Goexit": func(<-chan struct{}) { runtime.Goexit() },
		"hangs":        func(gate <-chan struct{}) { <-gate },
	}
	for fault, fail := range faults {
		for _, at := range []string{"Begin", "End"} {
			for _, handler := range []string{"Init", "Receive", "HandleExit", "HandleDown", "HandleIdle", "After", "Continue", "Terminate"} {
				t.Run(fmt.Sprint(at, " of ", handler, " ", fault), func(t *testing.T) {
					testFault(t, at, handler, fail)
				})
			}
		}
	}
}

// testFault has an actor go through all its handlers, with an instrument that fails in one of
// them, between two that do not.
func testFault(t *testing.T, at, handler string, fail func(gate <-chan struct{})) {
	var j journal
	var failed atomic.Int32
	var gate chan struct{}
	broken := actor.Instrument{
		Send: func(context.Context, actor.Sending) any { return true },
		Begin: func(ctx context.Context, h *actor.Handling) context.Context {
			if at == "Begin" && h.Handler == handler {
				failed.Add(1)
				fail(gate)
			}
			return context.WithValue(ctx, ctxOfNobody{}, true)
		},
		End: func(_ context.Context, h *actor.Handling) {
			if at == "End" && h.Handler == handler {
				failed.Add(1)
				fail(gate)
			}
		},
	}
	counted := func(name string) actor.Instrument {
		return actor.Instrument{End: func(_ context.Context, h *actor.Handling) { j.add("%s %s", name, h.Handler) }}
	}
	instrumented(t, func(t *testing.T, sys *actor.System, log *bytes.Buffer) {
		gate = make(chan struct{})
		defer func() { close(gate); settle() }()
		var did journal
		note := func(what string) do {
			return func(ctx *doContext) error { did.add("%s by %s", what, tenantOf(ctx)); return nil }
		}
		a := start(t, sys, &faulty{kinds{script{
			exit:      func(ctx *doContext, _ actor.Exit) error { return note("exit")(ctx) },
			down:      func(ctx *doContext, _ actor.Down) error { return note("down")(ctx) },
			terminate: func(ctx *doContext, reason error) { did.add("terminate %v", reason) },
		}}, note("idle")})
		peer := start(t, sys, &script{})
		send := func(m do) {
			if err := a.SendContext(of("ann"), m); err != nil {
				t.Error(err)
			}
		}
		send(func(ctx *doContext) error {
			ctx.TrapExit(true)
			ctx.Monitor(peer.PID())
			ctx.After(time.Minute, note("after"))
			ctx.Continue(note("continue"))
			ctx.IdleAfter(24 * time.Hour)
			if err := ctx.Link(peer.PID()); err != nil {
				return err
			}
			return note("first")(ctx)
		})
		send(note("second"))
		time.Sleep(time.Hour)
		peer.Send(returning(errBoom))
		time.Sleep(time.Hour)
		send(note("third"))
		time.Sleep(25 * time.Hour)
		send(returning(actor.Stop))
		<-a.PID().Done()
		time.Sleep(time.Hour)
		did.expect(t, "first by ann", "continue by ann", "second by ann", "after by ann", "exit by nobody",
			"down by nobody", "third by ann", "idle by nobody", "terminate normal")
		if n := failed.Load(); n != 1 {
			t.Errorf("called %d times where it fails, want once", n)
		}
		if n := strings.Count(log.String(), "instrument failed and was taken off"); n != 1 || strings.Contains(log.String(), "crashed") && !strings.Contains(log.String(), "boom") {
			t.Errorf("%d records\n%s", n, log)
		}
		seen := map[string]int{}
		for _, line := range j.take() {
			seen[line]++
		}
		for _, h := range []string{"Init", "HandleExit", "HandleDown", "HandleIdle", "After", "Continue"} {
			if seen["one "+h] != 1 || seen["two "+h] != 1 {
				t.Errorf("the others were told of %s %d and %d times", h, seen["one "+h], seen["two "+h])
			}
		}
	}, counted("one"), actor.Carry(tenant{}), broken, counted("two"))
}

// faulty is an actor with all handlers.
type faulty struct {
	kinds
	idle do
}

func (f *faulty) HandleIdle(ctx *doContext) error { return f.idle(ctx) }

func TestFaultsOfSendCostTheInstrument(t *testing.T) {
	for name, tt := range map[string]struct {
		fail func()
		sent bool
	}{
		"panics":       {func() { panic("in the instrument") }, true},
		"calls Goexit": {runtime.Goexit, false}, // as if a method of ctx had
	} {
		t.Run(name, func(t *testing.T) {
			instrumented(t, func(t *testing.T, sys *actor.System, log *bytes.Buffer) {
				var j journal
				a := start(t, sys, &script{})
				call := func() (err error) {
					_, err = actor.Call(of("ann"), a, func(r actor.Reply[int]) do {
						return func(ctx *doContext) error { r.Send(1); return note(&j, "by")(ctx) }
					})
					return err
				}
				sent := make(chan bool, 1)
				go func() {
					ok := false
					defer func() { sent <- ok }()
					ok = call() == nil
				}()
				if got := <-sent; got != tt.sent {
					t.Errorf("sent: %v, want %v", got, tt.sent)
				}
				if err := call(); err != nil { // nothing of the first is left with the callee
					t.Error(err)
				}
				settle()
				if n := strings.Count(log.String(), "instrument failed and was taken off"); n != 1 || len(j.take()) == 0 {
					t.Errorf("%d records\n%s", n, log)
				}
			}, actor.Carry(tenant{}), actor.Instrument{Send: func(context.Context, actor.Sending) any { tt.fail(); return nil }})
		})
	}
}

// What Begin returns is asked for its values by handlers, so it is looked at before.
func TestContextsThatNobodyCanUseAreRefused(t *testing.T) {
	var self context.Context
	for name, tt := range map[string]struct {
		begin func(context.Context, *actor.Handling) context.Context
		want  string // in the log
	}{
		"nil":            {func(context.Context, *actor.Handling) context.Context { return nil }, ""},
		"a nil pointer":  {func(context.Context, *actor.Handling) context.Context { return (*ctxOfNobody)(nil) }, "nil pointer"},
		"an actor's":     {func(context.Context, *actor.Handling) context.Context { return self }, "context of an actor"},
		"without values": {func(ctx context.Context, _ *actor.Handling) context.Context { return ctxOfNobody{nil} }, "taken off"},
	} {
		t.Run(name, func(t *testing.T) {
			instrumented(t, func(t *testing.T, sys *actor.System, log *bytes.Buffer) {
				var j journal
				a := start(t, sys, &script{})
				in(t, start(t, sys, &script{}), func(ctx *doContext) { self = context.WithValue(ctx, tenant{}, "eve") })
				for range 2 {
					if err := a.SendContext(of("ann"), note(&j, "by")); err != nil {
						t.Fatal(err)
					}
					settle()
				}
				j.expect(t, "by ann", "by ann")
				if text := log.String(); !strings.Contains(text, tt.want) || tt.want == "" && text != "" {
					t.Error(text)
				}
			}, actor.Carry(tenant{}), actor.Instrument{
				Send: func(context.Context, actor.Sending) any { return true },
				Begin: func(ctx context.Context, h *actor.Handling) context.Context {
					if h.Carried == nil {
						return nil
					}
					return tt.begin(ctx, h)
				},
			})
		})
	}
}

// lazy is a context whose values cannot be had once it is armed.
type lazy struct {
	context.Context
	armed *atomic.Bool
}

func (c lazy) Value(key any) any {
	if c.armed.Load() {
		panic("no value")
	}
	return c.Context.Value(key)
}

func TestAContextThatFailsLaterCostsTheValues(t *testing.T) {
	ask := func(j *journal, values context.Context) { j.add("by %v", values.Value(tenant{})) }
	for where, f := range map[string]func(*journal, *doContext){
		"in the handler":              func(j *journal, ctx *doContext) { ask(j, ctx) },
		"in a goroutine of the actor": func(j *journal, ctx *doContext) { ctx.Go(func(values context.Context) { ask(j, values) }) },
	} {
		t.Run(where, func(t *testing.T) {
			var armed atomic.Bool
			instrumented(t, func(t *testing.T, sys *actor.System, log *bytes.Buffer) {
				var j journal
				a := start(t, sys, &script{})
				err := a.SendContext(of("ann"), func(ctx *doContext) error {
					armed.Store(true)
					f(&j, ctx)
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				settle()
				j.expect(t, "by <nil>")
				if n := strings.Count(log.String(), "context of an instrument failed"); n != 1 {
					t.Errorf("%d records\n%s", n, log)
				}
				if !a.PID().Alive() {
					t.Error("the actor has ended")
				}
			}, actor.Carry(tenant{}), actor.Instrument{
				Begin: func(ctx context.Context, _ *actor.Handling) context.Context { return lazy{ctx, &armed} },
			})
		})
	}
}

// An actor that is killed while an instrument has its runner handles nothing more, and what
// it had in hand is a dead letter.
func TestKilledWhileAnInstrumentHangs(t *testing.T) {
	for _, hang := range []time.Duration{time.Second, time.Hour} {
		t.Run(hang.String(), func(t *testing.T) {
			instrumented(t, func(t *testing.T, sys *actor.System, log *bytes.Buffer) {
				var dead, handled atomic.Int32
				defer sys.Observe(func(e actor.Event) {
					if _, ok := e.(actor.DeadLetter); ok {
						dead.Add(1)
					}
				})()
				a := start(t, sys, &script{terminate: func(*doContext, error) { handled.Add(1) }})
				for range 2 {
					a.Send(func(*doContext) error { handled.Add(1); return nil })
				}
				settle() // the runner is in Begin
				a.PID().Exit(actor.Kill)
				time.Sleep(10 * time.Second)
				select {
				case <-a.PID().Done():
				default:
					t.Error("has not ended")
				}
				if dead.Load() != 2 || handled.Load() != 0 {
					t.Errorf("%d dead letters and %d handled, want 2 and 0", dead.Load(), handled.Load())
				}
				time.Sleep(2 * time.Hour)
			}, actor.Instrument{Begin: func(context.Context, *actor.Handling) context.Context {
				time.Sleep(hang)
				return nil
			}})
		})
	}
}

// wrapper fails when it is asked for its type before a handler.
type wrapper struct {
	kinds
	left int // how many answers come before
	fail func()
}

func (w *wrapper) Wrapped() reflect.Type {
	if w.left--; w.left == -1 {
		w.fail()
	}
	return nil // as good as no Wrapper
}

// A Wrapper that fails is an actor that fails in the handler which is to be told of.
func TestFaultsOfAWrapperAreItsOwn(t *testing.T) {
	for fault, fail := range map[string]func(){
		"panics":       func() { panic("in Wrapped") },
		"calls Goexit": runtime.Goexit,
	} {
		for left, handler := range []string{"Init", "Receive", "Terminate"} {
			t.Run(fmt.Sprint("of ", handler, " ", fault), func(t *testing.T) {
				instrumented(t, func(t *testing.T, sys *actor.System, log *bytes.Buffer) {
					a, err := actor.Spawn(sys, func() *wrapper { return &wrapper{left: left, fail: fail} })
					if handler == "Init" {
						if err == nil {
							t.Fatal("it has started")
						}
					} else if err != nil {
						t.Fatal(err)
					} else {
						a.Send(returning(actor.Stop))
						if actor.IsClean(ended(t, a.PID())) {
							t.Error("ended well")
						}
					}
					settle()
					if n := strings.Count(log.String(), "actor crashed"); n != 1 {
						t.Errorf("%d records\n%s", n, log)
					}
				}, actor.Instrument{End: func(_ context.Context, h *actor.Handling) {
					if h.Behavior != reflect.TypeFor[*wrapper]() {
						t.Errorf("told of %v", h.Behavior)
					}
				}})
			})
		}
	}
}
