package actor_test

import (
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
)

// watchEvents writes the system's events down.
func watchEvents(sys *actor.System, j *journal) (stop func()) {
	return sys.Observe(func(e actor.Event) {
		switch e := e.(type) {
		case actor.Spawned:
			j.add("spawned %v by %v", e.PID, e.Parent)
		case actor.Exited:
			j.add("exited %v %v", e.PID, e.Reason)
		case actor.DeadLetter:
			j.add("dead letter to %v: %v", e.To, e.Reason)
		}
	})
}

func TestObserversSeeSpawnsExitsAndDeadLetters(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j, other journal
		defer watchEvents(sys, &j)()
		stop := watchEvents(sys, &other)
		parent := start(t, sys, &script{})
		kid := child(t, parent, &script{})
		stop()
		other.expect(t, fmt.Sprintf("spawned %v by <>", parent), fmt.Sprintf("spawned %v by %v", kid, parent))
		kid.Send(returning(actor.Stop))
		synctest.Wait()
		kid.Send(returning(nil))
		j.expect(t,
			fmt.Sprintf("spawned %v by <>", parent), fmt.Sprintf("spawned %v by %v", kid, parent),
			fmt.Sprintf("exited %v normal", kid), fmt.Sprintf("dead letter to %v: not running", kid))
		other.expect(t) // stopped
		stop()          // twice is once
	})
}

// A crash is told of the actor whose own it is, before anybody knows of the end: not of
// those that end because of it, are killed, or end in good order.
func TestObserversSeeWhoseCrashItIs(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		defer sys.Observe(func(e actor.Event) {
			switch e := e.(type) {
			case actor.Crashed:
				select {
				case <-e.PID.Done():
					t.Errorf("the end of %v is known already", e.PID)
				default:
				}
				j.add("crashed %v %v", e.PID, e.Reason)
			case actor.Exited:
				j.add("exited %v %v %v", e.PID, e.Reason, e.Crashed())
			}
		})()
		parent := start(t, sys, &script{})
		kid := child(t, parent, &script{})
		kid.Send(returning(errBoom))
		synctest.Wait()
		got, want := j.take(), []string{
			fmt.Sprintf("crashed %v boom", kid),
			fmt.Sprintf("exited %v boom true", parent), fmt.Sprintf("exited %v boom true", kid), // in any order
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("happened: %q, want: %q", got, want)
		}

		killed, stopped := start(t, sys, &script{}), start(t, sys, &script{})
		killed.PID().Exit(actor.Kill)
		synctest.Wait()
		stopped.Send(returning(actor.Stop))
		synctest.Wait()
		j.expect(t, fmt.Sprintf("exited %v killed true", killed), fmt.Sprintf("exited %v normal false", stopped))

		last := start(t, sys, &script{terminate: func(*doContext, error) { panic("last") }})
		last.Send(returning(actor.Stop))
		synctest.Wait()
		j.expect(t, fmt.Sprintf("crashed %v panic: last", last), fmt.Sprintf("exited %v panic: last true", last))
	})
}

// OBS-7: an observer that panics is taken off, and harms neither the actor that caused
// the event nor the other observers.
func TestPanickingObserverIsTakenOff(t *testing.T) {
	var log logBuffer
	sys := loggedSystem(t, &log)
	var bad, good atomic.Int32
	defer sys.Observe(func(actor.Event) { bad.Add(1); panic("bad observer") })()
	defer sys.Observe(func(actor.Event) { good.Add(1) })()
	for range 3 {
		start(t, sys, &script{})
	}
	if bad.Load() != 1 || good.Load() != 3 {
		t.Errorf("bad observer called %d times, want 1; the other %d times, want 3", bad.Load(), good.Load())
	}
	if !strings.Contains(log.String(), "bad observer") {
		t.Errorf("the log does not tell: %s", &log)
	}
}

// PROC-7: what waits in the mailbox at the end, and what comes after it, is counted
// as dead letters, each message once.
func TestDeadLettersAreCounted(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		ends := map[string]func(a actor.Ref[do]){
			"stops":   func(a actor.Ref[do]) { a.Send(returning(actor.Stop)) },
			"crashes": func(a actor.Ref[do]) { a.Send(func(*doContext) error { panic(errBoom) }) },
			"killed": func(a actor.Ref[do]) {
				a.Send(func(ctx *doContext) error { ctx.PID().Exit(actor.Kill); return nil })
			},
		}
		want := uint64(0)
		for name, end := range ends {
			a := start(t, sys, &script{})
			gate := make(chan struct{})
			a.Send(func(*doContext) error { <-gate; return nil })
			end(a)
			for range 500 {
				a.Send(returning(nil))
			}
			close(gate)
			ended(t, a.PID())
			a.Send(returning(nil))
			if want += 501; sys.DeadLetters() != want {
				t.Errorf("%s: %d dead letters, want %d", name, sys.DeadLetters(), want)
				want = sys.DeadLetters()
			}
		}
	})
}

// T-43, LOG-1 to LOG-4: crashes are logged once, with their stack; clean ends, kills and
// deaths by an exit signal are not.
func TestCrashLog(t *testing.T) {
	cases := map[string]struct {
		end  func(a actor.Ref[do])
		logs int
	}{
		"normal":      {func(a actor.Ref[do]) { a.Send(returning(actor.Stop)) }, 0},
		"shutdown":    {func(a actor.Ref[do]) { a.Send(returning(fmt.Errorf("bye: %w", actor.Shutdown))) }, 0},
		"kill":        {func(a actor.Ref[do]) { a.PID().Exit(actor.Kill) }, 0},
		"exit signal": {func(a actor.Ref[do]) { a.PID().Exit(errBoom) }, 0},
		"error":       {func(a actor.Ref[do]) { a.Send(returning(errBoom)) }, 1},
		"panic":       {func(a actor.Ref[do]) { a.Send(func(*doContext) error { panicsHere(); return nil }) }, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var log logBuffer
			sys := loggedSystem(t, &log)
			a := start(t, sys, &script{}, actor.Name("the name"))
			c.end(a)
			ended(t, a.PID())
			s := log.String()
			if n := strings.Count(s, "actor crashed"); n != c.logs {
				t.Errorf("%d crash logs, want %d:\n%s", n, c.logs, s)
			}
			if c.logs > 0 && (!strings.Contains(s, a.String()) || !strings.Contains(s, "the name")) {
				t.Errorf("the log does not say who: %s", s)
			}
			if name == "panic" && !strings.Contains(s, "panicsHere") {
				t.Errorf("no stack in the log: %s", s)
			}
		})
	}
}

// vault is a behavior that says how it is shown.
type vault struct {
	script
	show func() slog.Value
}

func (v *vault) LogValue() slog.Value { return v.show() }

// GS-47, T-53, LOG-3: the state is logged as its behavior shows it, whatever ends
// it, and not at all otherwise. A LogValue that fails harms nobody.
func TestCrashLogShowsTheStateThatTheBehaviorShows(t *testing.T) {
	hidden := func() slog.Value {
		return slog.GroupValue(slog.String("user", "joe"), slog.String("password", "***"))
	}
	crashes := map[string]do{
		"error":  returning(errBoom),
		"panic":  func(*doContext) error { panic(errBoom) },
		"Goexit": func(*doContext) error { runtime.Goexit(); return nil },
	}
	for name, crash := range crashes {
		t.Run(name, func(t *testing.T) {
			var log logBuffer
			sys := loggedSystem(t, &log)
			shown := &vault{show: hidden}
			for i, b := range []actor.Behavior[do]{&script{}, shown, &vault{show: func() slog.Value { panic("LogValue") }}} {
				ref, err := actor.Spawn(sys, behave(b))
				if err != nil {
					t.Fatal(err)
				}
				ref.Send(returning(nil))
				ref.Send(crash)
				ended(t, ref.PID())
				s := log.String()
				if got := strings.Contains(s, "state.user=joe state.password=***"); got != (i >= 1) {
					t.Errorf("the state of %T is shown: %v\n%s", b, got, s)
				}
				if n := strings.Count(s, "actor crashed"); n != i+1 {
					t.Errorf("%d lines, want %d:\n%s", n, i+1, s)
				}
				if !strings.Contains(s, fmt.Sprintf("behavior=%T", b)) || !strings.Contains(s, "handled=2") {
					t.Errorf("the log does not say what crashed:\n%s", s)
				}
			}
		})
	}
}

// A log that nobody reads costs nothing.
func TestSilentLogMakesNoReport(t *testing.T) {
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError + 1}))})
	ref, err := actor.Spawn(sys, behave(&vault{show: func() slog.Value { t.Error("LogValue ran"); return slog.Value{} }}))
	if err != nil {
		t.Fatal(err)
	}
	ref.Send(returning(errBoom))
	ended(t, ref.PID())
	sys.Shutdown(t.Context())
}

// The log tells of dead letters, but not of each.
func TestDeadLetterLogIsRateLimited(t *testing.T) {
	var log logBuffer
	sys := loggedSystem(t, &log)
	a := start(t, sys, &script{}, actor.Name("gone"))
	a.PID().Exit(actor.Kill)
	for range 1000 {
		a.Send(returning(nil))
	}
	s := log.String()
	if n := strings.Count(s, "dead letters"); n != 1 {
		t.Errorf("%d lines, want 1", n)
	}
	if !strings.Contains(s, "to="+a.String()) || !strings.Contains(s, "name=gone") || !strings.Contains(s, `reason="not running"`) {
		t.Errorf("the line does not tell whom they were for, and why: %s", s)
	}
}

// OBS-8: a system that nobody observes makes no events, and what would be one costs
// no memory; with the last observer gone it is so again.
func TestEventsThatNobodyObservesCostNothing(t *testing.T) {
	sys := newSystem(t)
	dead := spawnFunc(t, sys, func(*actor.Context[payload], payload) error { return nil })
	dead.PID().Exit(actor.Kill)
	ended(t, dead.PID())
	send := func() { dead.Send(payload{1 << 40, 1 << 41}) }
	measure := func(what string, observed bool) {
		t.Helper()
		if allocs := testing.AllocsPerRun(1000, send); (allocs > 0) != observed {
			t.Errorf("%s: %v allocations for a dead letter", what, allocs)
		}
	}
	send() // the first is logged
	measure("never observed", false)
	events := 0
	stop := sys.Observe(func(actor.Event) { events++ })
	measure("observed", true)
	stop()
	seen := events
	measure("no longer observed", false)
	if seen == 0 || events != seen {
		t.Errorf("%d events, %d of them after the end", events, events-seen)
	}
}

// The stream tells a crash from an orderly end.
func TestExitedTellsCrashes(t *testing.T) {
	for _, c := range []struct {
		reason error
		crash  bool
	}{{actor.Normal, false}, {fmt.Errorf("bye: %w", actor.Shutdown), false}, {errBoom, true}, {actor.Killed, true}} {
		sys := newSystem(t)
		exited := make(chan actor.Exited, 1)
		defer sys.Observe(func(e actor.Event) {
			if e, ok := e.(actor.Exited); ok {
				exited <- e
			}
		})()
		start(t, sys, &script{}).Send(returning(c.reason))
		if e := await(t, exited); e.Crashed() != c.crash {
			t.Errorf("%v: a crash: %v", e.Reason, e.Crashed())
		}
	}
}
