package statem_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/statem"
)

// What an event costs in a state machine and in a plain actor that does the same:
// go test -run '^$' -bench . ./actor/statem

type tick struct{ n, m int64 }

// counter is a plain actor with a state of its own, which turns every other time.
type counter struct {
	state bool
	left  int
	done  chan struct{}
}

func (a *counter) Receive(*actor.Context[tick], tick) error {
	a.state = !a.state
	if a.left--; a.left == 0 {
		close(a.done)
	}
	return nil
}

// ticker is a machine that does with each event what its function says, until it
// has been done with so many.
type ticker struct {
	left int
	done chan struct{}
	do   func(m *ticker, c *statem.Context[bool, tick], state bool) bool
}

func (m *ticker) Handle(c *statem.Context[bool, tick], state bool, _ tick) (bool, error) {
	return m.do(m, c, state), nil
}

func (m *ticker) count() {
	if m.left--; m.left == 0 {
		close(m.done)
	}
}

func BenchmarkEvent(b *testing.B) {
	run := func(b *testing.B, done chan struct{}, newBehavior func() actor.Behavior[tick]) {
		ref, err := actor.Spawn(newSystem(b), newBehavior)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		b.ResetTimer()
		for i := range b.N {
			ref.Send(tick{int64(i), 0})
		}
		<-done
	}
	b.Run("actor", func(b *testing.B) {
		done := make(chan struct{})
		run(b, done, func() actor.Behavior[tick] { return &counter{left: b.N, done: done} })
	})
	for _, c := range []struct {
		name string
		do   func(m *ticker, c *statem.Context[bool, tick], state bool) bool
	}{
		{"keep", func(m *ticker, _ *statem.Context[bool, tick], state bool) bool {
			m.count()
			return state
		}},
		{"change", func(m *ticker, _ *statem.Context[bool, tick], state bool) bool {
			m.count()
			return !state
		}},
		// Three events for each message: it, one inserted, and it again.
		{"postpone", func(m *ticker, c *statem.Context[bool, tick], state bool) bool {
			switch {
			case c.Kind() == statem.Internal:
				return true
			case !state:
				c.Postpone()
				c.NextEvent(tick{})
			default:
				m.count()
			}
			return false
		}},
		// Two events for each message.
		{"insert", func(m *ticker, c *statem.Context[bool, tick], state bool) bool {
			if c.Kind() == statem.Message {
				c.NextEvent(tick{})
			} else {
				m.count()
			}
			return state
		}},
		{"statetimeout", func(m *ticker, c *statem.Context[bool, tick], state bool) bool {
			m.count()
			c.SetTimeout(statem.StateTimeout, time.Hour, tick{})
			return !state
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			done := make(chan struct{})
			run(b, done, statem.New(func() *ticker { return &ticker{left: b.N, done: done, do: c.do} }))
		})
	}
}

func BenchmarkSpawn(b *testing.B) {
	spawn := func(b *testing.B, newBehavior func() actor.Behavior[tick]) {
		sys := newSystem(b)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		b.ReportAllocs()
		b.ResetTimer()
		for range b.N {
			if _, err := actor.Spawn(sys, newBehavior); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/float64(b.N), "idle-B/actor")
	}
	b.Run("actor", func(b *testing.B) { spawn(b, func() actor.Behavior[tick] { return &counter{} }) })
	b.Run("statem", func(b *testing.B) { spawn(b, statem.New(func() *ticker { return &ticker{} })) })
}
