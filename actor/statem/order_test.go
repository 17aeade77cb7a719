package statem_test

import (
	"errors"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/statem"
)

// SM-6, SM-7, SM-10, SM-13, T-57 event_order, T-58 next_events: inserted events
// come first, in the order given, then postponed ones, oldest first, then timeouts
// of zero, then the mailbox. What is asked for twice comes as in the last request.
func TestEventOrder(t *testing.T) {
	for name, tt := range map[string]struct {
		events []step
		want   []string
	}{
		"inserted events go ahead of the mailbox, in order": {
			[]step{on("m", func(c *stateContext) { c.NextEvent(ev("i1")); c.NextEvent(ev("i2")) }), ev("queued")},
			[]string{"m in a", "i1 (statem.Internal) in a", "i2 (statem.Internal) in a", "queued in a"},
		},
		"what an inserted event inserts goes ahead of its siblings": {
			[]step{on("m", func(c *stateContext) {
				c.NextEvent(on("i1", func(c *stateContext) { c.NextEvent(ev("i1.1")) }))
				c.NextEvent(ev("i2"))
			}), ev("queued")},
			[]string{"m in a", "i1 (statem.Internal) in a", "i1.1 (statem.Internal) in a", "i2 (statem.Internal) in a", "queued in a"},
		},
		"postponed events come back on a change, oldest first, ahead of the mailbox": {
			[]step{waitFor("p1", "b"), waitFor("p2", "b"), ev("m"), to("change", "b", nil), ev("queued")},
			[]string{"p1 in a", "p2 in a", "m in a", "change in a", "enter b from a", "p1 in b", "p2 in b", "queued in b"},
		},
		"on a change: inserted, postponed, zero timeouts, mailbox": {
			[]step{waitFor("p1", "b"), waitFor("p2", "b"), to("change", "b", func(c *stateContext) {
				c.SetTimeout("z1", 0, ev("z1"))
				c.NextEvent(ev("i1"))
				c.SetTimeout(statem.StateTimeout, 0, ev("z2"))
				c.NextEvent(ev("i2"))
			}), ev("queued")},
			[]string{"p1 in a", "p2 in a", "change in a", "enter b from a",
				"i1 (statem.Internal) in b", "i2 (statem.Internal) in b", "p1 in b", "p2 in b",
				"z1 (z1) in b", "z2 (statem.StateTimeout) in b", "queued in b"},
		},
		"an event that is postponed as it changes the state comes back at once, behind older ones": {
			[]step{waitFor("p", "b"), {"self", func(c *stateContext, state string) (string, error) {
				if state == "a" {
					c.Postpone()
				}
				return "b", nil
			}}, ev("queued")},
			[]string{"p in a", "self in a", "enter b from a", "p in b", "self in b", "queued in b"},
		},
		"events that go on waiting keep their order": {
			[]step{waitFor("p1", "c"), waitFor("p2", "b"), waitFor("p3", "c"), to("b", "b", nil), to("c", "c", nil)},
			[]string{"p1 in a", "p2 in a", "p3 in a", "b in a", "enter b from a", "p1 in b", "p2 in b", "p3 in b",
				"c in b", "enter c from b", "p1 in c", "p3 in c"},
		},
		"events put back wait behind those inserted meanwhile": {
			[]step{waitFor("p1", "b"), to("change", "b", func(c *stateContext) {
				c.NextEvent(on("i1", func(c *stateContext) { c.NextEvent(ev("i1.1")) }))
			}), ev("queued")},
			[]string{"p1 in a", "change in a", "enter b from a", "i1 (statem.Internal) in b", "i1.1 (statem.Internal) in b", "p1 in b", "queued in b"},
		},
		"to name an equal state puts nothing back": { // SM-3
			[]step{waitFor("p", "b"), to("same", "a", nil), ev("m")},
			[]string{"p in a", "same in a", "m in a"},
		},
		"repeat_state enters again and puts nothing back": { // SM-4, SM-8, T-61
			[]step{waitFor("p", "b"), on("repeat", func(c *stateContext) { c.RepeatState() }), ev("m")},
			[]string{"p in a", "repeat in a", "enter a from a", "m in a"},
		},
		"a change that repeats as well enters once": {
			[]step{to("change", "b", func(c *stateContext) { c.RepeatState() })},
			[]string{"change in a", "enter b from a"},
		},
		"an inserted event may be postponed, and stays internal": {
			[]step{on("m", func(c *stateContext) { c.NextEvent(waitFor("i", "b")) }), to("change", "b", nil)},
			[]string{"m in a", "i (statem.Internal) in a", "change in a", "enter b from a", "i (statem.Internal) in b"},
		},
		"a timeout may be postponed, and keeps its kind": {
			[]step{on("m", func(c *stateContext) { c.SetTimeout("z", 0, waitFor("z", "b")) }), to("change", "b", nil)},
			[]string{"m in a", "z (z) in a", "change in a", "enter b from a", "z (z) in b"},
		},
		"an event timeout of zero occurs if nothing else waits": {
			[]step{on("m", func(c *stateContext) { c.SetTimeout(statem.EventTimeout, 0, ev("idle")) }), ev("queued")},
			[]string{"m in a", "idle (statem.EventTimeout) in a", "queued in a"},
		},
		"an event timeout of zero is cancelled by an inserted event": {
			[]step{on("m", func(c *stateContext) {
				c.SetTimeout(statem.EventTimeout, 0, ev("idle"))
				c.NextEvent(ev("i"))
			}), ev("queued")},
			[]string{"m in a", "i (statem.Internal) in a", "queued in a"},
		},
		"an event timeout of zero is cancelled by an event put back": {
			[]step{waitFor("p", "b"), to("change", "b", func(c *stateContext) { c.SetTimeout(statem.EventTimeout, 0, ev("idle")) })},
			[]string{"p in a", "change in a", "enter b from a", "p in b"},
		},
		"an event timeout of zero is cancelled by an older timeout of zero": {
			[]step{on("m", func(c *stateContext) {
				c.SetTimeout("z", 0, ev("z"))
				c.SetTimeout(statem.EventTimeout, 0, ev("idle"))
			})},
			[]string{"m in a", "z (z) in a"},
		},
		"a state timeout of zero is cancelled by an inserted event that changes the state": {
			[]step{on("m", func(c *stateContext) {
				c.SetTimeout(statem.StateTimeout, 0, ev("late"))
				c.SetTimeout("named", 0, ev("named"))
				c.NextEvent(to("i", "b", nil))
			})},
			[]string{"m in a", "i (statem.Internal) in a", "enter b from a", "named (named) in b"},
		},
		"a timeout of zero waits for events inserted later": {
			[]step{on("m", func(c *stateContext) {
				c.SetTimeout("z1", 0, on("z1", func(c *stateContext) { c.NextEvent(ev("i")) }))
				c.SetTimeout("z2", 0, ev("z2"))
			})},
			[]string{"m in a", "z1 (z1) in a", "i (statem.Internal) in a", "z2 (z2) in a"},
		},
		"a timeout of zero that is set again goes to the end": {
			[]step{on("m", func(c *stateContext) {
				c.SetTimeout("z1", 0, ev("old"))
				c.SetTimeout("z2", -time.Second, ev("z2"))
				c.SetTimeout("z1", 0, ev("z1"))
			})},
			[]string{"m in a", "z2 (z2) in a", "z1 (z1) in a"},
		},
		"a timeout of zero can be cancelled and updated": {
			[]step{on("m", func(c *stateContext) {
				c.SetTimeout("z1", 0, ev("z1"))
				c.SetTimeout("z2", 0, ev("old"))
				c.SetTimeout("z3", 0, ev("z3"))
				c.CancelTimeout("z1")
				c.UpdateTimeout("z2", ev("z2"))
			})},
			[]string{"m in a", "z2 (z2) in a", "z3 (z3) in a"},
		},
		"a timeout of zero that is set for later waits": {
			[]step{on("m", func(c *stateContext) {
				c.SetTimeout("z1", 0, ev("z1"))
				c.SetTimeout("z1", time.Hour, ev("z1"))
			}), ev("queued")},
			[]string{"m in a", "queued in a"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				m := &hooked{}
				ref := start(t, sys, m)
				m.expect(t, "enter a from a")
				together(ref, tt.events...)
				m.expect(t, tt.want...)
			})
		})
	}
}

// SM-9: an event that came from outside is a message, whatever it looks like.
func TestInternalEventsCannotBeForged(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		m := &script{}
		ref := start(t, sys, m)
		e := ev("e")
		ref.Send(on("m", func(c *stateContext) {
			c.NextEvent(e)
			c.Self().Send(e)
			c.SendAfter(time.Second, e)
		}))
		time.Sleep(time.Minute)
		m.expect(t, "m in ", "e (statem.Internal) in ", "e in ", "e in ")
	})
}

// A lethal signal comes between two inserted events, and a machine that is busy
// with itself can be killed.
func TestKillEndsAnEndlessMachine(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		m := &hooked{}
		var again step
		again = step{"again", func(c *stateContext, state string) (string, error) {
			c.NextEvent(again)
			return state, nil
		}}
		ref := start(t, sys, m)
		ref.Send(again)
		time.AfterFunc(0, func() { ref.PID().Exit(actor.Kill) })
		<-ref.PID().Done()
		if reason := ref.PID().Err(); reason != actor.Killed {
			t.Errorf("ended with %v", reason)
		}
	})
}

// GO-13: postponed events are bounded, as the stash is.
func TestTooManyPostponedEventsEndTheMachine(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		ref, err := actor.Spawn(sys, statem.New(func() postponer { return postponer{} }))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 100_000 {
			ref.Send(i)
		}
		time.Sleep(time.Second)
		if !ref.PID().Alive() {
			t.Fatal("ended with", ref.PID().Err())
		}
		ref.Send(0)
		<-ref.PID().Done()
		if reason := ref.PID().Err(); !errors.Is(reason, actor.ErrFull) {
			t.Errorf("ended with %v", reason)
		}
	})
}

type postponer struct{}

func (postponer) Handle(c *statem.Context[bool, int], state bool, _ int) (bool, error) {
	c.Postpone()
	return state, nil
}
