package actor_test

import (
	"bytes"
	"context"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/actor"
)

// An instrument that observes its system sees the very first actor.
func TestInstallComesBeforeTheFirstActor(t *testing.T) {
	var spawned []actor.PID
	var with *actor.System
	observe := actor.Instrument{Install: func(sys *actor.System) {
		with = sys
		sys.Observe(func(e actor.Event) {
			if s, ok := e.(actor.Spawned); ok {
				spawned = append(spawned, s.PID)
			}
		})
	}}
	instrumented(t, func(t *testing.T, sys *actor.System, _ *bytes.Buffer) {
		a := start(t, sys, &script{})
		if with != sys || !slices.Equal(spawned, []actor.PID{a.PID()}) {
			t.Errorf("installed in %p and saw %v spawned, want %p and %v", with, spawned, sys, a.PID())
		}
	}, observe)
}

// An Install that fails costs its instrument; the system is made, and others are installed.
func TestFaultsOfInstallCostTheInstrument(t *testing.T) {
	for name, fail := range map[string]func(gate <-chan struct{}){
		"panics":       func(<-chan struct{}) { panic("in the instrument") },
		"calls Goexit": func(<-chan struct{}) { runtime.Goexit() },
		"hangs":        func(gate <-chan struct{}) { <-gate },
	} {
		t.Run(name, func(t *testing.T) {
			var gate chan struct{}
			var j journal
			end := func(name string) func(context.Context, *actor.Handling) {
				return func(_ context.Context, h *actor.Handling) { j.add("%s %s", name, h.Handler) }
			}
			broken := actor.Instrument{
				Install: func(*actor.System) {
					gate = make(chan struct{}) // of the bubble
					fail(gate)
				},
				End: end("broken"),
			}
			sound := actor.Instrument{Install: func(*actor.System) { j.add("installed") }, End: end("sound")}
			instrumented(t, func(t *testing.T, sys *actor.System, log *bytes.Buffer) {
				defer func() { close(gate); settle() }()
				start(t, sys, &script{}).Send(func(*doContext) error { return nil })
				settle()
				j.expect(t, "installed", "sound Receive")
				if n := strings.Count(log.String(), "instrument failed and was taken off"); n != 1 || !strings.Contains(log.String(), "function=Install") {
					t.Errorf("%d records\n%s", n, log)
				}
			}, broken, sound)
		})
	}
}
