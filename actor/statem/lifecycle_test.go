package statem_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/statem"
	"github.com/troupe-go/troupe/supervisor"
)

var errBroken = errors.New("broken")

// SM-4: the first enter call comes after Init has returned, and before the first
// event; what Init asked for comes in its order.
func TestStart(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		m := &hooked{}
		m.init = func(c *stateContext) error {
			m.add("init")
			c.Self().Send(ev("mailed by init"))
			c.SetTimeout("zero", 0, ev("zero"))
			c.SetTimeout(statem.StateTimeout, time.Second, ev("timeout"))
			c.NextEvent(ev("inserted"))
			c.Continue(func(*actor.Context[step]) error { m.add("continued"); return nil })
			return nil
		}
		m.enter = func(c *stateContext, _, _ string) error {
			time.Sleep(time.Second)
			m.add("entered")
			return nil
		}
		begin := time.Now()
		start(t, sys, m)
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("the spawn took %v: it waited for Enter", waited)
		}
		time.Sleep(time.Minute)
		m.expect(t, "init", "enter a from a", "entered", "continued", "inserted (statem.Internal) in a",
			"zero (zero) in a", "mailed by init in a", "timeout (statem.StateTimeout) in a")
	})
}

// onlyEnter is a machine with Enter and no Init.
type onlyEnter struct{ script }

func (o *onlyEnter) Enter(c *stateContext, old, state string) error {
	o.add("enter %q from %q (%s)", state, old, c.Kind())
	return nil
}

func TestFirstStateIsTheZeroValueWithoutInit(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		m := &onlyEnter{}
		ref := start(t, sys, m)
		ref.Send(to("change", "b", nil))
		m.expect(t, `enter "" from "" (statem.Internal)`, "change in ", `enter "b" from "" (statem.Message)`)
	})
}

// onlyInit is a machine with Init and no Enter.
type onlyInit struct{ script }

func (*onlyInit) Init(c *stateContext) (string, error) { c.NextEvent(ev("i")); return "a", nil }

func TestInitWithoutEnter(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		m := &onlyInit{}
		ref := start(t, sys, m)
		ref.Send(waitFor("p", "b"))
		ref.Send(to("change", "b", nil))
		m.expect(t, "i (statem.Internal) in a", "p in a", "change in a", "p in b")
	})
}

// GS-4 to GS-7: an error of Init fails the spawn; neither Enter nor Terminate
// runs, and a linked parent lives.
func TestInitFails(t *testing.T) {
	for name, tt := range map[string]struct {
		init func(c *stateContext) error
		ok   func(error) bool
	}{
		"error":  {func(*stateContext) error { return errBroken }, func(err error) bool { return errors.Is(err, errBroken) }},
		"ignore": {func(*stateContext) error { return actor.Ignore }, func(err error) bool { return errors.Is(err, actor.Ignore) }},
		"postpones": {func(c *stateContext) error { c.Postpone(); return nil }, func(err error) bool {
			var p *actor.PanicError
			return errors.As(err, &p) && p.Value == "statem: Postpone in Init"
		}},
		"repeats": {func(c *stateContext) error { c.RepeatState(); return nil }, func(err error) bool {
			var p *actor.PanicError
			return errors.As(err, &p) && p.Value == "statem: RepeatState in Init"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				m := &hooked{init: tt.init}
				_, err := actor.Spawn(sys, statem.New(func() *hooked { return m }))
				if !tt.ok(err) {
					t.Errorf("Spawn: %v", err)
				}
				m.expect(t)
			})
		})
	}
}

// SM-5: what an enter call may not ask for ends the machine, in the new state.
func TestEnterMayNot(t *testing.T) {
	for method, do := range map[string]func(c *stateContext){
		"Postpone":    func(c *stateContext) { c.Postpone() },
		"NextEvent":   func(c *stateContext) { c.NextEvent(ev("i")) },
		"NextEventOf": func(c *stateContext) { c.NextEventOf(named, ev("i")) },
		"RepeatState": func(c *stateContext) { c.RepeatState() },
		"Become":      func(c *stateContext) { c.Become(&script{}) },
	} {
		t.Run(method, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				m := &hooked{}
				m.enter = func(c *stateContext, _, state string) error {
					if state == "b" {
						do(c)
					}
					return nil
				}
				ref := start(t, sys, m)
				ref.Send(to("change", "b", nil))
				if p := wantPanic(t, ref); p.Value != "statem: "+method+" in Enter" {
					t.Errorf("panic: %v", p.Value)
				}
				m.expect(t, "enter a from a", "change in a", "enter b from a", "terminate in b: panic: statem: "+method+" in Enter")
			})
		})
	}
}

// What is asked for outside of a handler would happen to the next event.
func TestAskingOutsideOfAHandlerPanics(t *testing.T) {
	for method, do := range map[string]func(c *stateContext){
		"Postpone":      func(c *stateContext) { c.Postpone() },
		"NextEvent":     func(c *stateContext) { c.NextEvent(ev("i")) },
		"NextEventOf":   func(c *stateContext) { c.NextEventOf(named, ev("i")) },
		"RepeatState":   func(c *stateContext) { c.RepeatState() },
		"Become":        func(c *stateContext) { c.Become(&script{}) },
		"SetTimeout":    func(c *stateContext) { c.SetTimeout("named", 0, ev("t")) },
		"UpdateTimeout": func(c *stateContext) { c.UpdateTimeout("named", ev("t")) },
		"SetTimeoutAt":  func(c *stateContext) { c.SetTimeoutAt("named", time.Now(), ev("t")) },
		"CancelTimeout": func(c *stateContext) { c.CancelTimeout("named") },
	} {
		t.Run(method, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				ref := start(t, sys, &script{})
				ref.Send(on("m", func(c *stateContext) {
					c.Continue(func(*actor.Context[step]) error { do(c); return nil })
				}))
				if p := wantPanic(t, ref); p.Value != "statem: "+method+" outside of a handler" {
					t.Errorf("panic: %v", p.Value)
				}
			})
		})
	}
}

// In Terminate it comes to nothing.
func TestAskingInTerminate(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		m := &hooked{}
		m.terminate = func(c *stateContext, _ string, _ error) {
			c.NextEvent(ev("i"))
			c.Postpone()
			c.SetTimeout("named", 0, ev("t"))
		}
		ref := start(t, sys, m)
		if err := ref.PID().Stop(t.Context(), nil); err != nil {
			t.Error(err)
		}
		m.expect(t, "enter a from a", "terminate in a: normal")
	})
}

// SM-5: an enter call may answer, which comes after what the handler answered
// (SM-6).
func TestEnterAnswers(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		m := &hooked{}
		var waiting actor.Reply[string]
		m.enter = func(c *stateContext, _, state string) error { waiting.Send("entered " + state); return nil }
		ref := start(t, sys, m)
		synctest.Wait()
		got, err := actor.Call(t.Context(), ref, func(r actor.Reply[string]) step {
			return to("change", "b", func(*stateContext) { waiting = r })
		})
		if got != "entered b" || err != nil {
			t.Errorf("Call = %q, %v", got, err)
		}
		got, err = actor.Call(t.Context(), ref, func(r actor.Reply[string]) step {
			return to("change", "c", func(*stateContext) { waiting = r; r.Send("handled") })
		})
		if got != "handled" || err != nil {
			t.Errorf("Call = %q, %v", got, err)
		}
	})
}

// A postponed call goes on waiting, and is answered in the state that can.
func TestPostponedCall(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		ref := start(t, sys, &hooked{})
		ref.SendAfter(time.Second, to("change", "b", nil))
		got, err := actor.Call(t.Context(), ref, func(r actor.Reply[string]) step {
			return step{"ask", func(c *stateContext, state string) (string, error) {
				if state != "b" {
					c.Postpone()
				} else {
					r.Send("in " + state)
				}
				return state, nil
			}}
		})
		if got != "in b" || err != nil {
			t.Errorf("Call = %q, %v", got, err)
		}
	})
}

// T-56 stop_and_reply, SM-15: both calls are answered, before Terminate.
func TestStopAndReply(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		m := &hooked{}
		var open []actor.Reply[string]
		answered := make(chan struct{})
		m.terminate = func(*stateContext, string, error) { <-answered }
		ref := start(t, sys, m)
		var wg, got sync.WaitGroup
		got.Add(2)
		for range 2 {
			wg.Go(func() {
				v, err := actor.Call(t.Context(), ref, func(r actor.Reply[string]) step {
					return on("call", func(*stateContext) { open = append(open, r) })
				})
				if v != "bye" || err != nil {
					t.Errorf("Call = %q, %v", v, err)
				}
				got.Done()
			})
		}
		synctest.Wait()
		ref.Send(step{"stop", func(*stateContext, string) (string, error) {
			for _, r := range open {
				r.Send("bye")
			}
			return "b", actor.Stop
		}})
		got.Wait() // while Terminate still waits
		if !ref.PID().Alive() {
			t.Error("ended before the answers were there")
		}
		close(answered)
		wg.Wait()
		<-ref.PID().Done()
		m.expect(t, "enter a from a", "call in a", "call in a", "stop in a", "terminate in a: normal")
	})
}

// T-59, GS-15, GS-40: an error or a panic of any handler ends the machine with
// that reason, runs Terminate, strikes a linked parent, and nothing that the
// handler had asked for happens.
func TestCrash(t *testing.T) {
	ask := func(c *stateContext) {
		c.NextEvent(ev("i"))
		c.SetTimeout("zero", 0, ev("zero"))
		c.SetTimeout("named", time.Second, ev("named"))
	}
	for name, tt := range map[string]struct {
		event     step
		enter     error
		inState   string
		isReason  func(error) bool
		afterward []string
	}{
		"error in Handle": {
			event:    step{"m", func(c *stateContext, _ string) (string, error) { ask(c); return "b", errBroken }},
			inState:  "a",
			isReason: func(err error) bool { return err == errBroken },
		},
		"panic in Handle": {
			event:    on("m", func(c *stateContext) { ask(c); panic(errBroken) }),
			inState:  "a",
			isReason: func(err error) bool { return errors.Is(err, errBroken) },
		},
		"error in Enter": {
			event:     to("m", "b", ask),
			enter:     errBroken,
			inState:   "b",
			isReason:  func(err error) bool { return err == errBroken },
			afterward: []string{"enter b from a"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				m := &hooked{}
				m.enter = func(_ *stateContext, _, state string) error {
					if state == "b" {
						return tt.enter
					}
					return nil
				}
				parent := start(t, sys, &script{})
				var ref actor.Ref[step]
				parent.Send(on("spawn", func(c *stateContext) {
					var err error
					ref, err = actor.SpawnLink(c, statem.New(func() *hooked { return m }))
					if err != nil {
						t.Error(err)
					}
				}))
				synctest.Wait()
				ref.Send(tt.event)
				<-parent.PID().Done()
				for _, reason := range []error{ref.PID().Err(), parent.PID().Err()} {
					if !tt.isReason(reason) {
						t.Errorf("ended with %v", reason)
					}
				}
				time.Sleep(time.Minute)
				want := append([]string{"enter a from a", "m in a"}, tt.afterward...)
				m.expect(t, append(want, "terminate in "+tt.inState+": "+ref.PID().Err().Error())...)
			})
		})
	}
}

// GS-40 to GS-44: when Terminate runs, and with which state.
func TestTerminate(t *testing.T) {
	for name, tt := range map[string]struct {
		trap bool
		end  func(pid actor.PID) error
		want []string
	}{
		"PID.Stop":            {false, func(pid actor.PID) error { return pid.Stop(context.Background(), nil) }, []string{"terminate in b: normal"}},
		"kill":                {true, func(pid actor.PID) error { pid.Exit(actor.Kill); return nil }, nil},
		"untrapped exit":      {false, func(pid actor.PID) error { pid.Exit(errBroken); return nil }, nil},
		"trapped exit":        {true, func(pid actor.PID) error { pid.Exit(errBroken); return nil }, []string{"exit (statem.Signal) in b: broken", "terminate in b: broken"}},
		"shutdown, trapped":   {true, nil, []string{"terminate in b: shutdown"}},
		"shutdown, untrapped": {false, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				m := &hooked{}
				m.exit = func(_ *stateContext, state string, exit actor.Exit) (string, error) { return state, exit.Reason }
				ref := start(t, sys, m)
				ref.Send(to("change", "b", func(c *stateContext) { c.TrapExit(tt.trap) }))
				synctest.Wait()
				if tt.end == nil {
					tt.end = func(actor.PID) error { return sys.Shutdown(context.Background()) }
				}
				if err := tt.end(ref.PID()); err != nil {
					t.Error(err)
				}
				<-ref.PID().Done()
				m.expect(t, append([]string{"enter a from a", "change in a", "enter b from a"}, tt.want...)...)
			})
		})
	}
}

// GO-22: a panic in Handle still runs Terminate; if that panics as well, the
// first reason counts.
func TestTerminatePanicsAfterPanic(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		m := &hooked{}
		m.terminate = func(*stateContext, string, error) { panic("second") }
		ref := start(t, sys, m)
		ref.Send(on("m", func(*stateContext) { panic("first") }))
		if p := wantPanic(t, ref); p.Value != "first" {
			t.Errorf("ended with %v", p)
		}
	})
}

// SM-2: exits and downs are events. They change the state, and can be postponed.
func TestSignalsAreEvents(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		m := &hooked{}
		m.down = func(c *stateContext, state string, _ actor.Down) (string, error) {
			if state == "a" {
				c.Postpone()
				return state, nil
			}
			c.NextEvent(ev("i"))
			return "c", nil
		}
		m.exit = m.exitPostponedUntil("b")
		ref, other := start(t, sys, m), start(t, sys, &script{})
		ref.Send(on("m", func(c *stateContext) {
			c.TrapExit(true)
			c.Monitor(other.PID())
			if err := c.Link(other.PID()); err != nil {
				t.Error(err)
			}
		}))
		synctest.Wait()
		other.Send(step{"stop", func(*stateContext, string) (string, error) { return "", errBroken }})
		synctest.Wait()
		ref.Send(to("change", "b", nil))
		// Which of exit and down comes first is not promised (LNK-9).
		synctest.Wait()
		got := map[string]int{}
		for _, line := range m.take() {
			got[line]++
		}
		for _, line := range []string{"exit (statem.Signal) in a: broken", "down (statem.Signal) in a: broken",
			"down (statem.Signal) in b: broken", "enter c from b", "i (statem.Internal) in c"} {
			if got[line] != 1 {
				t.Errorf("%q happened %d times", line, got[line])
			}
		}
	})
}

func (h *hooked) exitPostponedUntil(until string) func(c *stateContext, state string, exit actor.Exit) (string, error) {
	return func(c *stateContext, state string, _ actor.Exit) (string, error) {
		if state < until {
			c.Postpone()
		}
		return state, nil
	}
}

// Without the hooks signals are dropped, as an actor drops them.
func TestSignalsAreDroppedWithoutHandlers(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		m := &script{}
		ref, other := start(t, sys, m), start(t, sys, &script{})
		ref.Send(on("m", func(c *stateContext) {
			c.TrapExit(true)
			c.Monitor(other.PID())
			if err := c.Link(other.PID()); err != nil {
				t.Error(err)
			}
		}))
		synctest.Wait()
		other.PID().Exit(actor.Kill)
		synctest.Wait()
		ref.Send(ev("still there"))
		m.expect(t, "m in ", "still there in ")
	})
}

// SM-17: another machine takes over with the state, postponed events and timeouts;
// it is the one that enters.
func TestBecome(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		first, second := &hooked{}, &hooked{}
		ref := start(t, sys, first)
		ref.Send(waitFor("p", "b"))
		ref.Send(on("become", func(c *stateContext) {
			c.SetTimeout("named", time.Second, ev("timeout"))
			c.NextEvent(ev("i"))
			c.Become(second)
		}))
		first.expect(t, "enter a from a", "p in a", "become in a")
		ref.Send(to("back", "b", func(c *stateContext) { c.Become(first) }))
		second.expect(t, "i (statem.Internal) in a", "back in a")
		time.Sleep(time.Second)
		first.expect(t, "enter b from a", "p in b", "timeout (named) in b")
	})
}

// A signal that was postponed for a machine which has given way to one without a
// handler for it is dropped.
func TestBecomeDropsPostponedSignalThatNobodyHandles(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		first, second := &hooked{}, &script{}
		first.down = func(c *stateContext, state string, _ actor.Down) (string, error) { c.Postpone(); return state, nil }
		first.exit = first.exitPostponedUntil("b")
		ref, other := start(t, sys, first), start(t, sys, &script{})
		ref.Send(on("m", func(c *stateContext) {
			c.TrapExit(true)
			c.Monitor(other.PID())
			if err := c.Link(other.PID()); err != nil {
				t.Error(err)
			}
		}))
		synctest.Wait()
		other.PID().Exit(actor.Kill)
		synctest.Wait()
		ref.Send(to("become", "b", func(c *stateContext) { c.Become(second) }))
		synctest.Wait()
		ref.Send(ev("still there"))
		second.expect(t, "still there in b")
	})
}

// A state machine is supervised as any actor, and starts over in its first state.
func TestSupervisedMachineStartsOver(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var m *hooked // the present incarnation
		newMachine := func() *hooked { m = &hooked{}; return m }
		_, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{
			supervisor.Actor("machine", statem.New(newMachine), supervisor.With(actor.Name("machine"))),
		}})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		former := m
		ref, err := actor.Lookup[step](sys, "machine")
		if err != nil {
			t.Fatal(err)
		}
		ref.Send(to("change", "b", nil))
		ref.Send(step{"crash", func(*stateContext, string) (string, error) { return "", errBroken }})
		former.expect(t, "enter a from a", "change in a", "enter b from a", "crash in b", "terminate in b: broken")
		m.expect(t, "enter a from a")
	})
}

// The context is its actor's own: a machine can call others, and not itself.
func TestContextIsTheActors(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		other, ref := start(t, sys, &script{}), start(t, sys, &script{})
		ask := func(r actor.Reply[int]) step { return on("ask", func(*stateContext) { r.Send(7) }) }
		done := make(chan struct{})
		ref.Send(on("m", func(c *stateContext) {
			defer close(done)
			if v, err := actor.Call(c, other, ask); v != 7 || err != nil {
				t.Errorf("Call = %v, %v", v, err)
			}
			if _, err := actor.Call(c, c.Self(), ask); !errors.Is(err, actor.ErrSelf) {
				t.Errorf("Call of itself: %v", err)
			}
		}))
		<-done
	})
}
