package statem_test

import (
	"errors"
	"io/fs"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/statem"
)

// OBS-2: the state and the machine of a running actor.
func TestInspect(t *testing.T) {
	t.Run("with hooks", func(t *testing.T) { testInspect(t, &hooked{}) })
	t.Run("without hooks", func(t *testing.T) { testInspect(t, &script{}) })
}

func testInspect(t *testing.T, m machine) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		ref := start(t, sys, m)
		ref.Send(to("change", "b", nil))
		called := false
		err := statem.Inspect(t.Context(), ref, func(state string, got statem.Machine[string, step]) {
			if called = true; state != "b" || got != m {
				t.Errorf("state %q, machine %v", state, got)
			}
		})
		if err != nil || !called {
			t.Errorf("Inspect: %v, called: %v", err, called)
		}
		err = statem.Inspect(t.Context(), ref, func(int, statem.Machine[int, step]) { t.Error("called for another type") })
		if err == nil {
			t.Error("no error for another type of state")
		}
		if err := statem.Inspect(t.Context(), actor.Ref[step]{}, func(string, statem.Machine[string, step]) {}); !errors.Is(err, actor.NoProc) {
			t.Errorf("Inspect of nobody: %v", err)
		}
	})
}

// replace is statem.Replace with a function that says what becomes of the state.
func replace(t *testing.T, ref actor.Ref[step], state string) {
	t.Helper()
	err := statem.Replace(t.Context(), ref, func(_ string, m machine) (string, machine, error) { return state, m, nil })
	if err != nil {
		t.Error(err)
	}
}

// OBS-2, SM-11: the state is another, and that is no change of state: nothing is
// entered, postponed events wait, timeouts of all kinds go on, but for an event timeout
// (GS-12). What comes next finds the new state, and changes from there.
func TestReplaceTheState(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		m := &hooked{}
		ref := start(t, sys, m)
		ref.Send(waitFor("p", "c"))
		ref.Send(on("m", func(c *stateContext) {
			c.SetTimeout(state, 2*time.Second, ev("t"))
			c.SetTimeout(named, 3*time.Second, ev("n"))
			c.SetTimeout(event, 4*time.Second, ev("idle"))
		}))
		m.expect(t, "enter a from a", "p in a", "m in a")
		replace(t, ref, "b")
		m.expect(t)
		time.Sleep(3 * time.Second)
		m.expect(t, "t (statem.StateTimeout) in b", "n (named) in b")
		replace(t, ref, "c")
		ref.Send(to("same", "c", nil))
		m.expect(t, "same in c")
		ref.Send(to("change", "b", nil))
		m.expect(t, "change in c", "enter b from c", "p in b")
		replace(t, ref, "a")
		ref.Send(to("change", "c", nil))
		m.expect(t, "change in a", "enter c from a", "p in c")
	})
}

// OBS-2: another machine takes over, with the events that wait for it.
func TestReplaceTheMachine(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		first, second := &hooked{}, &hooked{}
		second.init = func(*stateContext) error { t.Error("Init ran"); return nil }
		ref := start(t, sys, first)
		ref.Send(waitFor("p", "c"))
		first.expect(t, "enter a from a", "p in a")
		err := statem.Replace(t.Context(), ref, func(state string, m machine) (string, machine, error) {
			if state != "a" || m != first {
				t.Errorf("replaced %v in %v", m, state)
			}
			return "b", second, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		ref.Send(to("change", "c", nil))
		second.expect(t, "change in b", "enter c from b", "p in c")
		first.expect(t)
		if err := ref.PID().Stop(t.Context(), nil); err != nil {
			t.Error(err)
		}
		second.expect(t, "terminate in c: normal")
	})
}

// What goes ahead of the mailbox goes ahead of Replace: an event and those that it
// inserts find the same state.
func TestReplaceTakesItsTurn(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		m := &hooked{}
		ref := start(t, sys, m)
		m.expect(t, "enter a from a")
		ref.Send(on("m", func(c *stateContext) {
			time.Sleep(time.Second) // Replace asks meanwhile
			c.NextEvent(ev("i"))
			c.SetTimeout("z", 0, ev("z"))
		}))
		replace(t, ref, "b")
		ref.Send(ev("last"))
		m.expect(t, "m in a", "i (statem.Internal) in a", "z (z) in a", "last in b")
	})
}

// T-52, OBS-2: a replacement that fails changes nothing, and the machine goes on.
func TestReplaceFails(t *testing.T) {
	type replacement = func(string, machine) (string, machine, error)
	isPanic := func(err error) bool { var p *actor.PanicError; return errors.As(err, &p) && p.Value == "boom" }
	for name, tt := range map[string]struct {
		f  replacement
		ok func(error) bool
	}{
		"error":         {func(string, machine) (string, machine, error) { return "b", &script{}, errBroken }, func(err error) bool { return errors.Is(err, errBroken) }},
		"typed nil":     {func(string, machine) (string, machine, error) { return "b", &script{}, (*fs.PathError)(nil) }, func(err error) bool { return err != nil }},
		"panic":         {func(string, machine) (string, machine, error) { panic("boom") }, isPanic},
		"a nil machine": {func(string, machine) (string, machine, error) { return "b", nil, nil }, func(err error) bool { return err != nil }},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				m := &hooked{}
				ref := start(t, sys, m)
				if err := statem.Replace(t.Context(), ref, tt.f); !tt.ok(err) {
					t.Errorf("Replace: %v", err)
				}
				ref.Send(ev("m"))
				m.expect(t, "enter a from a", "m in a")
			})
		})
	}
}

// What cannot be replaced is refused, and f is not called.
func TestReplaceRefuses(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		f := func(string, machine) (string, machine, error) { t.Error("called"); return "b", nil, nil }
		if err := statem.Replace(t.Context(), actor.Ref[step]{}, f); !errors.Is(err, actor.NoProc) {
			t.Errorf("of nobody: %v", err)
		}
		plain, err := actor.Spawn(sys, actor.Func(func(*actor.Context[step], step) error { return nil }))
		if err != nil {
			t.Fatal(err)
		}
		if err := statem.Replace(t.Context(), plain, f); err == nil {
			t.Error("a plain actor's state was replaced")
		}
		ref := start(t, sys, &script{})
		err = statem.Replace(t.Context(), ref, func(int, statem.Machine[int, step]) (int, statem.Machine[int, step], error) {
			t.Error("called")
			return 0, nil, nil
		})
		if err == nil {
			t.Error("a state of another type was replaced")
		}
		ref.Send(on("m", func(c *stateContext) {
			if err := statem.Replace(c, ref, f); err == nil {
				t.Error("a handler replaced its own state")
			}
		}))
		synctest.Wait()
		ref.PID().Exit(actor.Kill)
		<-ref.PID().Done()
		if err := statem.Replace(t.Context(), ref, f); !errors.Is(err, actor.NoProc) {
			t.Errorf("of a dead one: %v", err)
		}
	})
}

// A machine may replace its state between its handlers.
func TestReplaceItself(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		m := &script{}
		ref := start(t, sys, m)
		ref.Send(on("m", func(c *stateContext) {
			c.Continue(func(ctx *actor.Context[step]) error {
				return statem.Replace(ctx, ctx.Self(), func(_ string, m machine) (string, machine, error) { return "b", m, nil })
			})
		}))
		ref.Send(ev("n"))
		m.expect(t, "m in ", "n in b")
	})
}
