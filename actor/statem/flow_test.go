package statem

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// fakeTimer is the timer of a timeout whose time never comes.
type fakeTimer struct{ stopped bool }

func (f *fakeTimer) Stop() bool { f.stopped = true; return true }

func (f *fakeTimer) Left() (time.Duration, bool) { return time.Hour, !f.stopped }

// newFlow returns a flow without a clock, and the timers that it starts.
func newFlow() (*flow[int, string], *[]*fakeTimer) {
	var started []*fakeTimer
	f := &flow[int, string]{}
	f.timeouts.start = func(time.Duration, *timeout[string]) timer {
		started = append(started, &fakeTimer{})
		return started[len(started)-1]
	}
	return f, &started
}

// through takes a transition from the handling of its event to its end.
func through(f *flow[int, string], t *transition[int, string]) error {
	f.handling()
	old, _ := f.enter(t)
	return f.finish(t, old != t.next)
}

// drain takes all events that go ahead of the mailbox, without handling them.
func drain(f *flow[int, string]) string {
	var order []string
	for f.waiting() {
		order = append(order, f.next().message)
	}
	return strings.Join(order, " ")
}

func events(kind Kind, messages string) (list []event[string]) {
	for _, m := range strings.Fields(messages) {
		list = append(list, event[string]{kind: kind, message: m})
	}
	return list
}

// SM-6: what goes ahead of the mailbox after one transition.
func TestTransitionOrder(t *testing.T) {
	zero := func(messages string) (list []timeoutChange[string]) {
		for _, m := range strings.Fields(messages) {
			list = append(list, timeoutChange[string]{kind: Kind(m), message: m})
		}
		return list
	}
	e := event[string]{kind: Message, message: "e"}
	for _, tt := range []struct {
		name      string
		queue     string // before the transition, from state 0
		postponed string
		tr        transition[int, string]
		want      string
	}{
		{"nothing", "", "", transition[int, string]{event: e}, ""},
		{"keep", "q1 q2", "p1 p2", transition[int, string]{event: e}, "q1 q2"},
		{"keep and postpone", "q1", "p1", transition[int, string]{event: e, postpone: true}, "q1"},
		{"keep and insert", "q1", "p1", transition[int, string]{event: e, inserted: events(Internal, "i1 i2")}, "i1 i2 q1"},
		{"keep and time out", "q1", "p1", transition[int, string]{event: e, timeouts: zero("z1 z2")}, "q1 z1 z2"},
		{"repeat", "q1", "p1", transition[int, string]{event: e, repeat: true}, "q1"},
		{"change", "q1", "p1 p2", transition[int, string]{event: e, next: 1}, "p1 p2 q1"},
		{"change and postpone", "q1", "p1", transition[int, string]{event: e, next: 1, postpone: true}, "p1 e q1"},
		{"all", "q1", "p1", transition[int, string]{event: e, next: 1, postpone: true, inserted: events(Internal, "i1 i2"), timeouts: zero("z1")}, "i1 i2 p1 e q1 z1"},
	} {
		f, _ := newFlow()
		f.putBack(events(Message, tt.queue))
		f.postponed = events(Message, tt.postponed)
		if err := through(f, &tt.tr); err != nil {
			t.Error(err)
		}
		if f.state != tt.tr.next {
			t.Errorf("%s: state %d", tt.name, f.state)
		}
		if got := drain(f); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// A timeout that is cancelled, replaced or outlived by its state stops its timer,
// so that none is left behind.
func TestTimersAreStopped(t *testing.T) {
	set := func(k Kind, d time.Duration) []timeoutChange[string] {
		return []timeoutChange[string]{{kind: k, d: d}}
	}
	for _, tt := range []struct {
		name string
		kind Kind
		then transition[int, string]
		want bool
	}{
		{"an event keeps a state timeout", StateTimeout, transition[int, string]{}, false},
		{"an event stops an event timeout", EventTimeout, transition[int, string]{}, true},
		{"a change stops a state timeout", StateTimeout, transition[int, string]{next: 1}, true},
		{"a change keeps a named timeout", "n", transition[int, string]{next: 1}, false},
		{"another takes its place", "n", transition[int, string]{timeouts: set("n", 1)}, true},
		{"one of zero takes its place", "n", transition[int, string]{timeouts: set("n", 0)}, true},
		{"cancel", "n", transition[int, string]{timeouts: []timeoutChange[string]{{op: cancelTimeout, kind: "n"}}}, true},
		{"update", "n", transition[int, string]{timeouts: []timeoutChange[string]{{op: updateTimeout, kind: "n"}}}, false},
	} {
		f, started := newFlow()
		first := transition[int, string]{timeouts: set(tt.kind, 1)}
		if err := through(f, &first); err != nil {
			t.Error(err)
		}
		if err := through(f, &tt.then); err != nil {
			t.Error(err)
		}
		if got := (*started)[0].stopped; got != tt.want {
			t.Errorf("%s: stopped: %v", tt.name, got)
		}
	}
}

// An idle machine neither keeps the room of a busy hour nor what was in it.
func TestIdleFlowKeepsLittle(t *testing.T) {
	for _, n := range []int{1, kept, 1000} {
		f, _ := newFlow()
		next := 0
		for i := range n {
			f.postponed = append(f.postponed, event[string]{message: fmt.Sprint(i)})
		}
		tr := transition[int, string]{next: 1}
		for range n {
			tr.inserted = append(tr.inserted, event[string]{message: "i"})
			tr.timeouts = append(tr.timeouts, timeoutChange[string]{kind: "z", message: "z"})
		}
		if err := through(f, &tr); err != nil {
			t.Fatal(err)
		}
		tr.done()
		for f.waiting() {
			f.next()
			next++
		}
		if next != 2*n+1 {
			t.Errorf("%d events", next)
		}
		for _, list := range [][]event[string]{f.queue, f.postponed, tr.inserted} {
			if cap(list) > kept {
				t.Errorf("n = %d: room for %d", n, cap(list))
			}
			for _, e := range list[:cap(list)] {
				if e != (event[string]{}) {
					t.Errorf("n = %d: kept %v", n, e)
				}
			}
		}
		if cap(tr.timeouts) > kept {
			t.Errorf("n = %d: room for %d timeouts", n, cap(tr.timeouts))
		}
	}
}
