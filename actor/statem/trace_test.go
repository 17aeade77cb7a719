package statem_test

import (
	"errors"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/statem"
)

// traced starts a machine whose traces are written down.
func traced(t *testing.T, sys *actor.System, m machine) (actor.Ref[step], *journal) {
	t.Helper()
	var told journal
	ref := start(t, sys, m)
	err := ref.PID().Trace(t.Context(), func(tr actor.Trace) {
		what := ""
		switch m := tr.Message.(type) {
		case step:
			what = m.name
		case actor.Exit:
			what = m.Reason.Error()
		case actor.Down:
			what = m.Reason.Error()
		}
		if tr.PID != ref.PID() {
			t.Errorf("%v", tr)
		}
		told.add("%s (%v) in %v: %v, %v", what, tr.Kind, tr.State, tr.Next, tr.Result)
	})
	if err != nil {
		t.Fatal(err)
	}
	return ref, &told
}

var errTraced = errors.New("failed")

// OBS-4: a trace tells each event of a machine, wherever it comes from, with the states
// before and after it; and nothing that is no event.
func TestATraceTellsEvents(t *testing.T) {
	timeout := func(kind statem.Kind, d time.Duration) step {
		return to("set", "b", func(c *stateContext) { c.SetTimeout(kind, d, to("due", "c", nil)) })
	}
	for _, c := range []struct {
		name   string
		events []step
		want   []string
	}{
		{"a message", []step{ev("m")}, []string{"m (message) in a: a, <nil>"}},
		{"a change of state", []step{to("m", "b", nil)}, []string{"m (message) in a: b, <nil>"}},
		{"inserted", []step{on("m", func(c *stateContext) {
			c.NextEvent(to("i", "b", nil))
			c.NextEventOf(statem.Message, ev("n"))
		})}, []string{"m (message) in a: a, <nil>", "i (internal) in a: b, <nil>", "n (message) in b: b, <nil>"}},
		{"postponed", []step{waitFor("p", "b"), to("m", "b", nil)},
			[]string{"p (message) in a: a, <nil>", "m (message) in a: b, <nil>", "p (message) in b: b, <nil>"}},
		{"a state timeout", []step{timeout(statem.StateTimeout, time.Second)},
			[]string{"set (message) in a: b, <nil>", "due (timeout) in b: c, <nil>"}},
		{"an event timeout of zero", []step{timeout(statem.EventTimeout, 0)},
			[]string{"set (message) in a: b, <nil>", "due (timeout) in b: c, <nil>"}},
		{"a named timeout", []step{timeout("retry", time.Second)},
			[]string{"set (message) in a: b, <nil>", "due (timeout) in b: c, <nil>"}},
		{"a timeout that was cancelled when it had fired", []step{timeout("retry", time.Second), on("late", func(c *stateContext) {
			time.Sleep(2 * time.Second)
			c.CancelTimeout("retry")
		})}, []string{"set (message) in a: b, <nil>", "late (message) in b: b, <nil>"}},
		{"functions of the actor's Context", []step{on("m", func(c *stateContext) {
			c.Continue(func(*actor.Context[step]) error { return nil })
			c.After(time.Second, func(*actor.Context[step]) error { return nil })
		})}, []string{"m (message) in a: a, <nil>", " (timeout) in <nil>: <nil>, <nil>"}},
		{"a failure", []step{{"m", func(*stateContext, string) (string, error) { return "b", errTraced }}},
			[]string{"m (message) in a: a, failed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				ref, told := traced(t, sys, &hooked{})
				for _, e := range c.events {
					ref.Send(e)
				}
				time.Sleep(time.Minute)
				told.expect(t, c.want...)
			})
		})
	}
}

// OBS-4: signals are events, too, and the statistics count by where an event comes from.
func TestATraceTellsSignals(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		ref, told := traced(t, sys, &hooked{})
		peer := start(t, sys, &script{})
		ref.Send(on("watch", func(c *stateContext) {
			c.TrapExit(true)
			c.Monitor(peer.PID())
			if err := c.Link(peer.PID()); err != nil {
				t.Error(err)
			}
		}))
		told.expect(t, "watch (message) in a: a, <nil>")
		if err := ref.PID().KeepStatistics(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		peer.PID().Exit(errTraced)
		time.Sleep(time.Second)
		if got := told.take(); len(got) != 2 {
			t.Errorf("happened: %q", got)
		}
		ref.Send(on("m", func(c *stateContext) {
			c.NextEvent(ev("i"))
			c.SetTimeout(statem.StateTimeout, 0, ev("due"))
		}))
		told.expect(t, "m (message) in a: a, <nil>", "i (internal) in a: a, <nil>", "due (timeout) in a: a, <nil>")
		got, err := ref.PID().Statistics(t.Context())
		got.Since = time.Time{}
		if want := (actor.Statistics{Messages: 1, Exits: 1, Downs: 1, Timeouts: 1}); err != nil || got != want {
			t.Errorf("%+v, %v\nwant %+v", got, err, want)
		}
	})
}

// OBS-4: what nobody traces any more is not told.
func TestATraceOfAMachineEnds(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		ref, told := traced(t, sys, &script{})
		if err := ref.PID().Trace(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		ref.Send(on("m", func(c *stateContext) { c.NextEvent(ev("i")) }))
		told.expect(t)
	})
}
