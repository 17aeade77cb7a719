package statem_test

import (
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/statem"
)

// SM-2, SM-6, SM-7: events of any kind can be inserted. They come in the order given,
// whatever their kinds, ahead of what was postponed, and are handled as their kind.
func TestInsertedEventsOfAllKinds(t *testing.T) {
	for name, tt := range map[string]struct {
		events []step
		want   []string
	}{
		"in the order given, ahead of postponed events, timeouts of zero and the mailbox": {
			[]step{waitFor("p", "b"), to("change", "b", func(c *stateContext) {
				c.SetTimeout("z", 0, ev("z"))
				c.NextEventOf(state, ev("i1"))
				c.NextEvent(ev("i2"))
				c.NextEventOf(statem.Message, ev("i3"))
				c.NextEventOf(named, ev("i4"))
				c.NextEventOf(event, ev("i5"))
				c.NextEventOf(statem.Internal, ev("i6"))
			}), ev("queued")},
			[]string{"p in a", "change in a", "enter b from a",
				"i1 (statem.StateTimeout) in b", "i2 (statem.Internal) in b", "i3 in b", "i4 (named) in b",
				"i5 (statem.EventTimeout) in b", "i6 (statem.Internal) in b", "p in b", "z (z) in b", "queued in b"},
		},
		"a message is postponed, and comes back, as one that was sent": {
			[]step{on("m", func(c *stateContext) {
				c.NextEventOf(statem.Message, waitFor("i1", "b"))
				c.NextEventOf(named, waitFor("i2", "b"))
			}), to("change", "b", nil)},
			[]string{"m in a", "i1 in a", "i2 (named) in a", "change in a", "enter b from a", "i1 in b", "i2 (named) in b"},
		},
		"a change of state does not cancel an inserted state timeout": {
			[]step{on("m", func(c *stateContext) {
				c.NextEventOf(statem.Message, to("i1", "b", nil))
				c.NextEventOf(state, ev("i2"))
			})},
			[]string{"m in a", "i1 in a", "enter b from a", "i2 (statem.StateTimeout) in b"},
		},
		"an event does not cancel an inserted event timeout": {
			[]step{on("m", func(c *stateContext) {
				c.NextEventOf(statem.Message, ev("i1"))
				c.NextEventOf(event, ev("i2"))
			}), ev("queued")},
			[]string{"m in a", "i1 in a", "i2 (statem.EventTimeout) in a", "queued in a"},
		},
		"to cancel and to set a timeout leaves an inserted one alone": {
			[]step{on("m", func(c *stateContext) {
				c.NextEventOf("z1", ev("i1"))
				c.CancelTimeout("z1")
				c.NextEventOf("z2", ev("i2"))
				c.SetTimeout("z2", 0, ev("z2"))
			}), ev("queued")},
			[]string{"m in a", "i1 (z1) in a", "i2 (z2) in a", "z2 (z2) in a", "queued in a"},
		},
		"an inserted timeout is not there to be updated": {
			[]step{on("m", func(c *stateContext) {
				c.NextEventOf("z", ev("i"))
				c.UpdateTimeout("z", ev("z"))
			})},
			[]string{"m in a", "i (z) in a", "z (z) in a"},
		},
		"an event timeout of zero is cancelled by an inserted one": { // SM-10
			[]step{on("m", func(c *stateContext) {
				c.SetTimeout(event, 0, ev("idle"))
				c.NextEventOf(event, ev("i"))
			})},
			[]string{"m in a", "i (statem.EventTimeout) in a"},
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

// SM-10 to SM-12: an inserted timeout leaves the timer of its kind running. It is an
// event, though, and so cancels the event timeout.
func TestInsertedTimeoutLeavesTheTimer(t *testing.T) {
	for kind, want := range map[statem.Kind][]string{
		state: {"set in ", "inserted (statem.StateTimeout) in ", "timeout (statem.StateTimeout) in "},
		named: {"set in ", "inserted (named) in ", "timeout (named) in "},
		event: {"set in ", "inserted (statem.EventTimeout) in "},
	} {
		bubble(t, func(t *testing.T, sys *actor.System) {
			m := &script{}
			start(t, sys, m).Send(on("set", func(c *stateContext) {
				c.SetTimeout(kind, time.Second, ev("timeout"))
				c.NextEventOf(kind, ev("inserted"))
			}))
			time.Sleep(time.Minute)
			m.expect(t, want...)
		})
	}
}

// What Init inserts comes after the first enter call, as its kind.
func TestInitInsertsAllKinds(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		m := &hooked{}
		m.init = func(c *stateContext) error {
			c.NextEventOf(statem.Message, ev("m"))
			c.NextEventOf(named, ev("n"))
			return nil
		}
		start(t, sys, m)
		m.expect(t, "enter a from a", "m in a", "n (named) in a")
	})
}

// SM-2: a call that one event carries and another answers: the caller gets the answer
// of the inserted one, also when that waits for its state.
func TestInsertedCallIsAnswered(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		ref := start(t, sys, &hooked{})
		ref.SendAfter(time.Second, to("change", "b", nil))
		got, err := actor.Call(t.Context(), ref, func(r actor.Reply[string]) step {
			request := step{"request", func(c *stateContext, state string) (string, error) {
				if state != "b" {
					c.Postpone()
				} else {
					r.Send(string(c.Kind()) + " in " + state)
				}
				return state, nil
			}}
			return on("frame", func(c *stateContext) { c.NextEventOf(statem.Message, request) })
		})
		if got != "statem.Message in b" || err != nil {
			t.Errorf("Call = %q, %v", got, err)
		}
	})
}

func TestInsertingASignalPanics(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		ref := start(t, sys, &script{})
		ref.Send(on("m", func(c *stateContext) { c.NextEventOf(statem.Signal, ev("i")) }))
		if p := wantPanic(t, ref); p.Value != "statem: an event of kind statem.Signal cannot be inserted" {
			t.Errorf("panic: %v", p.Value)
		}
	})
}
