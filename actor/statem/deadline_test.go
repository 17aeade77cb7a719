package statem_test

import (
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/statem"
)

// SM-10 to SM-14 with times that are absolute: the machine is told what to do at 0 s,
// and in its second event, if there is one, at 1 s.
func TestSetTimeoutAt(t *testing.T) {
	type do = func(c *stateContext, begin time.Time, out func(string) step)
	moment := func(kind statem.Kind, after time.Duration, name string) do {
		return func(c *stateContext, begin time.Time, out func(string) step) {
			c.SetTimeoutAt(kind, begin.Add(after), out(name))
		}
	}
	for name, tt := range map[string]struct {
		first, second do
		next          string // the state after the second
		want          []string
	}{
		"a state timeout":                             {moment(state, 2*time.Second, "t"), nil, "", []string{"t at 2s"}},
		"an event timeout":                            {moment(event, 2*time.Second, "t"), nil, "", []string{"t at 2s"}},
		"a named timeout":                             {moment(named, 2*time.Second, "t"), nil, "", []string{"t at 2s"}},
		"a change cancels a state timeout":            {moment(state, 2*time.Second, "t"), func(*stateContext, time.Time, func(string) step) {}, "b", nil},
		"an event cancels an event timeout":           {moment(event, 2*time.Second, "t"), func(*stateContext, time.Time, func(string) step) {}, "a", nil},
		"a moment that is set again stays the moment": {moment(named, 2*time.Second, "t"), moment(named, 2*time.Second, "u"), "a", []string{"u at 2s"}},
		"a later moment replaces":                     {moment(named, 2*time.Second, "t"), moment(named, 3*time.Second, "u"), "a", []string{"u at 3s"}},
		"a moment replaces a duration": {
			func(c *stateContext, _ time.Time, out func(string) step) { c.SetTimeout(named, time.Hour, out("t")) },
			moment(named, 2*time.Second, "u"), "a", []string{"u at 2s"}},
		"a duration replaces a moment": {moment(named, 2*time.Second, "t"),
			func(c *stateContext, _ time.Time, out func(string) step) {
				c.SetTimeout(named, 2*time.Second, out("u"))
			},
			"a", []string{"u at 3s"}},
		"an update leaves the moment": {moment(named, 2*time.Second, "t"),
			func(c *stateContext, _ time.Time, out func(string) step) { c.UpdateTimeout(named, out("u")) },
			"a", []string{"u at 2s"}},
		"cancel": {moment(named, 2*time.Second, "t"),
			func(c *stateContext, _ time.Time, _ func(string) step) { c.CancelTimeout(named) },
			"a", nil},
		"the zero time cancels": {moment(named, 2*time.Second, "t"),
			func(c *stateContext, _ time.Time, out func(string) step) {
				c.SetTimeoutAt(named, time.Time{}, out("u"))
			},
			"a", nil},
		"what the handler takes is not added": {func(c *stateContext, begin time.Time, out func(string) step) {
			c.SetTimeoutAt(named, begin.Add(700*time.Millisecond), out("moment"))
			c.SetTimeout("other", 700*time.Millisecond, out("duration"))
			time.Sleep(500 * time.Millisecond)
		}, nil, "", []string{"moment at 700ms", "duration at 1.2s"}},
		"a moment that has passed": {moment(named, 2*time.Second, "t"), moment(named, time.Millisecond, "u"), "a", []string{"u at 1s"}},
		"a moment that passes meanwhile": {func(c *stateContext, begin time.Time, out func(string) step) {
			moment(named, time.Second, "t")(c, begin, out)
			time.Sleep(1500 * time.Millisecond)
		}, nil, "", []string{"t at 1.5s"}},
		"a moment that passed long ago": {func(c *stateContext, _ time.Time, out func(string) step) {
			c.SetTimeoutAt(named, time.Time{}.Add(1), out("t"))
		}, nil, "", []string{"t at 0s"}},
		"a moment that is too far to say": {func(c *stateContext, _ time.Time, out func(string) step) {
			c.SetTimeoutAt(named, time.Unix(math.MaxInt64/4, 0), out("t"))
		}, nil, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				m := &hooked{}
				begin := time.Now()
				out := func(name string) step { return at(m, begin, name) }
				ref := start(t, sys, m)
				ref.Send(on("first", func(c *stateContext) { tt.first(c, begin, out) }))
				time.Sleep(time.Second)
				if tt.second != nil {
					ref.Send(to("second", tt.next, func(c *stateContext) { tt.second(c, begin, out) }))
				}
				time.Sleep(time.Minute)
				if got := occurred(m); !slices.Equal(got, tt.want) {
					t.Errorf("timeouts %q, want %q", got, tt.want)
				}
			})
		})
	}
}

// SM-13: a moment that has passed is a timeout of zero: it comes before the mailbox,
// behind what was inserted, and one that is an event timeout only if nothing was.
func TestPassedMomentIsATimeoutOfZero(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		m := &script{}
		ref := start(t, sys, m)
		together(ref, on("m", func(c *stateContext) {
			past := time.Now().Add(-time.Second)
			c.SetTimeoutAt(named, past, ev("z"))
			c.SetTimeoutAt(event, past, ev("idle"))
			c.NextEvent(ev("i"))
		}), ev("queued"))
		m.expect(t, "m in ", "i (statem.Internal) in ", "z (named) in ", "queued in ")
	})
}

// How long it is until a timeout is due.
func TestTimeLeft(t *testing.T) {
	const none = -1
	for name, tt := range map[string]struct {
		ask  func(c *stateContext)
		kind statem.Kind
		want time.Duration // 1 s after ask
	}{
		"state timeout":            {func(c *stateContext) { c.SetTimeout(state, 3*time.Second, ev("t")) }, state, 2 * time.Second},
		"named timeout":            {func(c *stateContext) { c.SetTimeout(named, 3*time.Second, ev("t")) }, named, 2 * time.Second},
		"moment":                   {func(c *stateContext) { c.SetTimeoutAt(named, time.Now().Add(5*time.Second), ev("t")) }, named, 4 * time.Second},
		"the longest of all":       {func(c *stateContext) { c.SetTimeout(named, math.MaxInt64, ev("t")) }, named, math.MaxInt64 - time.Second},
		"of another kind":          {func(c *stateContext) { c.SetTimeout(named, 3*time.Second, ev("t")) }, state, none},
		"cancelled by the event":   {func(c *stateContext) { c.SetTimeout(event, 3*time.Second, ev("t")) }, event, none},
		"never set":                {func(*stateContext) {}, named, none},
		"cancelled":                {func(c *stateContext) { c.SetTimeout(named, 3*time.Second, ev("t")); c.CancelTimeout(named) }, named, none},
		"updated":                  {func(c *stateContext) { c.SetTimeout(named, 3*time.Second, ev("t")); c.UpdateTimeout(named, ev("u")) }, named, 2 * time.Second},
		"an inserted one is not":   {func(c *stateContext) { c.NextEventOf(named, ev("t")) }, named, none},
		"over":                     {func(c *stateContext) { c.SetTimeout(named, time.Millisecond, ev("t")) }, named, none},
		"set by the one that asks": {func(c *stateContext) {}, "late", none},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				m := &script{}
				ref := start(t, sys, m)
				ref.Send(on("ask", tt.ask))
				time.Sleep(time.Second)
				ref.Send(on("read", func(c *stateContext) {
					c.SetTimeout("late", time.Hour, ev("t"))
					if got, ok := c.TimeLeft(tt.kind); ok != (tt.want != none) || ok && got != tt.want {
						t.Errorf("TimeLeft = %v, %v, want %v", got, ok, tt.want)
					}
				}))
				synctest.Wait()
				if !ref.PID().Alive() {
					t.Error("ended with", ref.PID().Err())
				}
			})
		})
	}
}

// A timeout that waits for its turn, one of zero and one that has run out, has no time
// left, and is there until it is handled. In Enter the state timeout is the old one's.
func TestTimeLeftOfWhatWaits(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		m := &hooked{}
		read := func(c *stateContext, name string, kind statem.Kind) {
			left, running := c.TimeLeft(kind)
			m.add("%s: %v %v", name, left, running)
		}
		m.enter = func(c *stateContext, _, _ string) error { read(c, "in Enter", state); return nil }
		ref := start(t, sys, m)
		ref.Send(on("m", func(c *stateContext) {
			c.SetTimeout(state, 5*time.Second, ev("t"))
			c.SetTimeout("z", 0, on("z", func(c *stateContext) { read(c, "in its handler", "z") }))
			c.NextEvent(on("i", func(c *stateContext) { read(c, "of zero", "z") }))
			c.SetTimeout(named, time.Second, ev("n"))
		}))
		ref.Send(on("slow", func(c *stateContext) {
			time.Sleep(2 * time.Second)
			read(c, "run out", named)
		}))
		time.Sleep(4 * time.Second)
		ref.Send(to("change", "b", nil))
		m.expect(t, "enter a from a", "in Enter: 0s false", "m in a", "i (statem.Internal) in a", "of zero: 0s true",
			"z (z) in a", "in its handler: 0s false", "slow in a", "run out: 0s true", "n (named) in a",
			"change in a", "enter b from a", "in Enter: 1s true")
	})
}
