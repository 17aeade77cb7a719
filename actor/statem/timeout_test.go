package statem_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/statem"
)

const (
	state = statem.StateTimeout
	event = statem.EventTimeout
	named = statem.Kind("named")
)

// at writes down its name and the time since the test began.
func at(m *hooked, begin time.Time, name string) step {
	return on(name, func(c *stateContext) { m.add("%s at %v", name, time.Since(begin)) })
}

// occurred returns what events that at made have written down.
func occurred(m *hooked) []string {
	return slices.DeleteFunc(m.take(), func(line string) bool { return !strings.Contains(line, " at ") })
}

// SM-10 to SM-14, T-60, T-62: what cancels, restarts and replaces a timeout. The machine
// is told what to do at 0 s and at 1 s; timeouts are mostly set for 2 s.
func TestTimeouts(t *testing.T) {
	type do = func(c *stateContext, out func(string) step)
	set := func(kind statem.Kind, seconds int, name string) do {
		return func(c *stateContext, out func(string) step) {
			c.SetTimeout(kind, time.Duration(seconds)*time.Second, out(name))
		}
	}
	nothing := func(*stateContext, func(string) step) {}
	for name, tt := range map[string]struct {
		first  do
		second do
		next   string // the state after the second; "" for none, and then there is no second
		want   []string
	}{
		"state timeout fires":                              {set(state, 2, "t"), nil, "", []string{"t at 2s"}},
		"event timeout fires":                              {set(event, 2, "t"), nil, "", []string{"t at 2s"}},
		"named timeout fires":                              {set(named, 2, "t"), nil, "", []string{"t at 2s"}},
		"an event leaves a state timeout":                  {set(state, 2, "t"), nothing, "a", []string{"t at 2s"}},
		"an event leaves a named timeout":                  {set(named, 2, "t"), nothing, "a", []string{"t at 2s"}},
		"an event cancels an event timeout":                {set(event, 2, "t"), nothing, "a", nil},
		"a change cancels a state timeout":                 {set(state, 2, "t"), nothing, "b", nil},
		"a change leaves a named timeout":                  {set(named, 2, "t"), nothing, "b", []string{"t at 2s"}},
		"a state timeout set with a change belongs to it":  {set(state, 2, "t"), set(state, 2, "u"), "b", []string{"u at 3s"}},
		"a state timeout set again starts again":           {set(state, 2, "t"), set(state, 2, "u"), "a", []string{"u at 3s"}},
		"an event timeout set again starts again":          {set(event, 2, "t"), set(event, 2, "u"), "a", []string{"u at 3s"}},
		"a named timeout set again starts again":           {set(named, 2, "t"), set(named, 2, "u"), "a", []string{"u at 3s"}},
		"timeouts of two names do not meet":                {set(named, 2, "t"), set("other", 2, "u"), "a", []string{"t at 2s", "u at 3s"}},
		"a kind is not another":                            {set(named, 2, "t"), set(state, 2, "u"), "a", []string{"t at 2s", "u at 3s"}},
		"a long timeout replaced by a short one":           {set(state, 9, "t"), set(state, 1, "u"), "a", []string{"u at 2s"}},
		"a timeout replaced by one of zero":                {set(named, 2, "t"), set(named, 0, "u"), "a", []string{"u at 1s"}},
		"setting one kind twice in one handler":            {func(c *stateContext, out func(string) step) { set(named, 1, "t")(c, out); set(named, 2, "u")(c, out) }, nil, "", []string{"u at 2s"}},
		"set and cancelled in one handler":                 {func(c *stateContext, out func(string) step) { set(event, 1, "t")(c, out); c.CancelTimeout(event) }, nil, "", nil},
		"cancelled and set in one handler":                 {func(c *stateContext, out func(string) step) { c.CancelTimeout(state); set(state, 1, "t")(c, out) }, nil, "", []string{"t at 1s"}},
		"cancel state timeout":                             {set(state, 2, "t"), func(c *stateContext, _ func(string) step) { c.CancelTimeout(state) }, "a", nil},
		"cancel named timeout":                             {set(named, 2, "t"), func(c *stateContext, _ func(string) step) { c.CancelTimeout(named) }, "a", nil},
		"cancel a timeout that is not there":               {nothing, func(c *stateContext, _ func(string) step) { c.CancelTimeout(named) }, "a", nil},
		"update state timeout":                             {set(state, 2, "t"), func(c *stateContext, out func(string) step) { c.UpdateTimeout(state, out("u")) }, "a", []string{"u at 2s"}},
		"update named timeout":                             {set(named, 2, "t"), func(c *stateContext, out func(string) step) { c.UpdateTimeout(named, out("u")) }, "a", []string{"u at 2s"}},
		"update of what is not running occurs at once":     {nothing, func(c *stateContext, out func(string) step) { c.UpdateTimeout(named, out("u")) }, "a", []string{"u at 1s"}},
		"update of what the change cancels occurs at once": {set(state, 2, "t"), func(c *stateContext, out func(string) step) { c.UpdateTimeout(state, out("u")) }, "b", []string{"u at 1s"}},
		"repeat_state leaves a state timeout":              {set(state, 2, "t"), func(c *stateContext, _ func(string) step) { c.RepeatState() }, "a", []string{"t at 2s"}},
		"repeat_state cancels an event timeout":            {set(event, 2, "t"), func(c *stateContext, _ func(string) step) { c.RepeatState() }, "a", nil},
		"postponing leaves a state timeout":                {set(state, 2, "t"), func(c *stateContext, _ func(string) step) { c.Postpone() }, "a", []string{"t at 2s"}},
		"the timeout of a postponed event is set":          {nothing, func(c *stateContext, out func(string) step) { c.Postpone(); set(state, 1, "t")(c, out) }, "a", []string{"t at 2s"}},
		"an inserted event cancels an event timeout": {func(c *stateContext, out func(string) step) {
			set(event, 2, "t")(c, out)
			c.NextEvent(ev("i"))
		}, nil, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				m := &hooked{}
				begin := time.Now()
				out := func(name string) step { return at(m, begin, name) }
				ref := start(t, sys, m)
				ref.Send(on("first", func(c *stateContext) { tt.first(c, out) }))
				time.Sleep(time.Second)
				if tt.next != "" {
					ref.Send(to("second", tt.next, func(c *stateContext) { tt.second(c, out) }))
				}
				time.Sleep(time.Minute)
				if got := occurred(m); !slices.Equal(got, tt.want) {
					t.Errorf("timeouts %q, want %q", got, tt.want)
				}
			})
		})
	}
}

// SM-11: only a change of state cancels the state timeout, however it comes about; one
// that is set with the change, by the handler or by Enter, is for the new state. The
// machine begins in state "a" with a timeout for 5 s; the events come at 1 s, 2 s, ….
func TestStateTimeoutEndsWithItsState(t *testing.T) {
	for name, tt := range map[string]struct {
		events func(set func(c *stateContext)) []step // set sets the timeout anew, for 5 s
		enter  bool                                   // Enter sets it anew
		want   []string
	}{
		"nothing happens":  {func(func(*stateContext)) []step { return nil }, false, []string{"t at 5s"}},
		"keep_state":       {func(func(*stateContext)) []step { return []step{ev("m"), to("m", "a", nil)} }, false, []string{"t at 5s"}},
		"repeat_state":     {func(func(*stateContext)) []step { return []step{on("m", (*stateContext).RepeatState)} }, false, []string{"t at 5s"}},
		"postpone":         {func(func(*stateContext)) []step { return []step{on("m", (*stateContext).Postpone)} }, false, []string{"t at 5s"}},
		"set again":        {func(set func(*stateContext)) []step { return []step{ev("m"), on("m", set)} }, false, []string{"u at 7s"}},
		"next_state":       {func(func(*stateContext)) []step { return []step{to("m", "b", nil)} }, false, nil},
		"there and back":   {func(func(*stateContext)) []step { return []step{to("m", "b", nil), to("m", "a", nil)} }, false, nil},
		"set with it":      {func(set func(*stateContext)) []step { return []step{to("m", "b", set)} }, false, []string{"u at 6s"}},
		"set, then left":   {func(set func(*stateContext)) []step { return []step{to("m", "b", set), to("m", "a", nil)} }, false, nil},
		"set, then kept":   {func(set func(*stateContext)) []step { return []step{to("m", "b", set), to("m", "b", nil)} }, false, []string{"u at 6s"}},
		"set by Enter":     {func(func(*stateContext)) []step { return []step{to("m", "b", nil)} }, true, []string{"u at 6s"}},
		"set by re-entry":  {func(func(*stateContext)) []step { return []step{ev("m"), on("m", (*stateContext).RepeatState)} }, true, []string{"u at 7s"}},
		"set twice, Enter": {func(set func(*stateContext)) []step { return []step{to("m", "b", set), ev("m"), to("m", "c", nil)} }, true, []string{"u at 8s"}},
		"in the middle of inserted events": {func(func(*stateContext)) []step {
			return []step{on("m", func(c *stateContext) { c.NextEvent(to("i", "b", nil)); c.NextEvent(to("j", "a", nil)) })}
		}, false, nil},
		"by a postponed event": {func(set func(*stateContext)) []step {
			return []step{{"p", func(c *stateContext, state string) (string, error) {
				if state == "a" {
					c.Postpone()
					return state, nil
				}
				return "c", nil
			}}, to("m", "b", set)} // the timeout of b is over before it begins
		}, false, nil},
		"by another timeout": {func(func(*stateContext)) []step {
			return []step{on("m", func(c *stateContext) { c.SetTimeout(named, time.Second, to("n", "b", nil)) })}
		}, false, nil},
		"by a timeout of zero": {func(func(*stateContext)) []step {
			return []step{on("m", func(c *stateContext) { c.SetTimeout(named, 0, to("n", "b", nil)) })}
		}, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				m, begin := &hooked{}, time.Now()
				set := func(c *stateContext) { c.SetTimeout(state, 5*time.Second, at(m, begin, "u")) }
				m.init = func(c *stateContext) error {
					c.SetTimeout(state, 5*time.Second, at(m, begin, "t"))
					return nil
				}
				m.enter = func(c *stateContext, old, state string) error {
					if tt.enter && time.Since(begin) > 0 {
						set(c)
					}
					return nil
				}
				ref := start(t, sys, m)
				for _, e := range tt.events(set) {
					time.Sleep(time.Second)
					ref.Send(e)
				}
				time.Sleep(time.Minute)
				if got := occurred(m); !slices.Equal(got, tt.want) {
					t.Errorf("state timeouts %q, want %q", got, tt.want)
				}
			})
		})
	}
}

// SM-10: an event that comes back from being postponed cancels an event timeout
// as any other does.
func TestPostponedEventCancelsEventTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		m := &hooked{}
		ref := start(t, sys, m)
		ref.Send(waitFor("p", "b"))
		ref.Send(to("change", "b", func(c *stateContext) { c.SetTimeout(event, time.Second, ev("idle")) }))
		time.Sleep(time.Minute)
		m.expect(t, "enter a from a", "p in a", "change in a", "enter b from a", "p in b")
	})
}

// SM-10: an exit or a down is an event, if the machine handles it.
func TestHandledSignalCancelsEventTimeout(t *testing.T) {
	for name, tt := range map[string]struct {
		m    machine
		want bool // that the timeout occurs
	}{
		"handled": {&hooked{}, false},
		"dropped": {&script{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				ref, other := start(t, sys, tt.m), start(t, sys, &script{})
				occurred := false
				ref.Send(on("m", func(c *stateContext) {
					c.Monitor(other.PID())
					c.SetTimeout(event, 2*time.Second, on("idle", func(*stateContext) { occurred = true }))
				}))
				time.Sleep(time.Second)
				other.PID().Exit(actor.Kill)
				time.Sleep(time.Minute)
				synctest.Wait()
				if occurred != tt.want {
					t.Errorf("timeout occurred: %v", occurred)
				}
			})
		})
	}
}

// SM-14, GO-26, T-62: a timeout that has expired, and waits in the mailbox, while
// a handler cancels or replaces it is not delivered.
func TestStaleTimeoutIsNotDelivered(t *testing.T) {
	for name, tt := range map[string]struct {
		kind  statem.Kind
		next  string
		stale func(c *stateContext)
		want  []string
	}{
		"cancelled":            {named, "a", func(c *stateContext) { c.CancelTimeout(named) }, nil},
		"replaced":             {named, "a", func(c *stateContext) { c.SetTimeout(named, time.Second, ev("new")) }, []string{"new (named) in a"}},
		"replaced by zero":     {named, "a", func(c *stateContext) { c.SetTimeout(named, 0, ev("new")) }, []string{"new (named) in a"}},
		"state timeout":        {state, "b", func(c *stateContext) {}, []string{"enter b from a"}},
		"update does not stop": {named, "a", func(c *stateContext) { c.UpdateTimeout(named, ev("new")) }, []string{"new (named) in a"}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				m := &hooked{}
				ref := start(t, sys, m)
				ref.Send(on("set", func(c *stateContext) { c.SetTimeout(tt.kind, time.Second, ev("stale")) }))
				ref.Send(to("slow", tt.next, func(c *stateContext) {
					time.Sleep(2 * time.Second) // it expires
					tt.stale(c)
				}))
				time.Sleep(time.Minute)
				m.expect(t, append([]string{"enter a from a", "set in a", "slow in a"}, tt.want...)...)
			})
		})
	}
}

// SM-14: an event timeout that has expired is cancelled by a message that was
// ahead of it in the mailbox.
func TestExpiredEventTimeoutBehindMessage(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		m := &script{}
		ref := start(t, sys, m)
		ref.Send(on("set", func(c *stateContext) { c.SetTimeout(event, time.Second, ev("idle")) }))
		time.Sleep(500 * time.Millisecond)
		if err := ref.PID().Suspend(t.Context()); err != nil {
			t.Fatal(err)
		}
		ref.Send(ev("m"))
		time.Sleep(time.Minute) // the timeout is in the mailbox now, behind m
		if err := ref.PID().Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		m.expect(t, "set in ", "m in ")
	})
}

// SM-13: a timer's expiry takes its place among the messages.
func TestTimeoutTakesItsPlaceInTheMailbox(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		m := &script{}
		ref := start(t, sys, m)
		ref.Send(on("set", func(c *stateContext) { c.SetTimeout(named, time.Second, ev("timeout")) }))
		ref.Send(on("slow", func(c *stateContext) {
			c.Self().Send(ev("before"))
			time.Sleep(2 * time.Second)
			c.Self().Send(ev("after"))
		}))
		time.Sleep(time.Minute)
		m.expect(t, "set in ", "slow in ", "before in ", "timeout (named) in ", "after in ")
	})
}

// SM-5: the timeouts of an enter call count, and come after the handler's, so
// that the last word is Enter's.
func TestTimeoutsOfEnter(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		m := &hooked{}
		m.enter = func(c *stateContext, old, state string) error {
			c.SetTimeout(statem.StateTimeout, 2*time.Second, to("over", state+"'", nil))
			return nil
		}
		ref := start(t, sys, m)
		time.Sleep(time.Second)
		ref.Send(to("change", "b", func(c *stateContext) { c.SetTimeout(state, time.Second, ev("handler's")) }))
		time.Sleep(2500 * time.Millisecond)
		m.expect(t, "enter a from a", "change in a", "enter b from a", "over (statem.StateTimeout) in b", "enter b' from b")
		ref.Send(to("change", "c", nil))
		time.Sleep(time.Second)
		m.expect(t, "change in b'", "enter c from b'")
	})
}

// TMR-3: timeouts go with their machine.
func TestTimeoutsDieWithTheMachine(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		m := &script{}
		ref := start(t, sys, m)
		ref.Send(on("set", func(c *stateContext) {
			for _, kind := range []statem.Kind{state, event, named} {
				c.SetTimeout(kind, time.Second, ev("late"))
			}
		}))
		ref.Send(step{"stop", func(*stateContext, string) (string, error) { return "", actor.Stop }})
		time.Sleep(time.Minute)
		m.expect(t, "set in ", "stop in ")
	})
}

func TestTimeoutOfAKindThatIsNonePanics(t *testing.T) {
	for _, kind := range []statem.Kind{statem.Message, statem.Internal, statem.Signal} {
		for _, do := range []func(c *stateContext){
			func(c *stateContext) { c.SetTimeout(kind, time.Second, ev("")) },
			func(c *stateContext) { c.SetTimeoutAt(kind, time.Now(), ev("")) },
			func(c *stateContext) { c.SetTimeoutAt(kind, time.Time{}, ev("")) },
			func(c *stateContext) { c.TimeLeft(kind) },
			func(c *stateContext) { c.UpdateTimeout(kind, ev("")) },
			func(c *stateContext) { c.CancelTimeout(kind) },
		} {
			bubble(t, func(t *testing.T, sys *actor.System) {
				ref := start(t, sys, &script{})
				ref.Send(on("m", do))
				wantPanic(t, ref)
			})
		}
	}
}
