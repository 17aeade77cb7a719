package actortest_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
)

var errBoom = errors.New("boom")

// TEST-4: messages are taken in the order in which they came, and each way of
// taking them does what it says.
func TestProbeTakesMessagesInOrder(t *testing.T) {
	t.Parallel()
	sys := actortest.NewSystem(t)
	probe := actortest.NewProbe[string](t, sys)
	a := spawn(t, sys)
	a.Send(telling(probe, "a", "b", "c", "d", "e", "f"))
	probe.Expect("a")
	if m := probe.Next(); m != "b" {
		t.Errorf("next: %q", m)
	}
	if m := probe.ExpectMatch(func(s string) bool { return s > "b" }); m != "c" {
		t.Errorf("match: %q", m)
	}
	if m := probe.Fish(func(s string) bool { return s == "e" }); m != "e" {
		t.Errorf("fished: %q", m)
	}
	probe.Expect("f")
	probe.ExpectNone(a.PID())
}

// A wait that fails says what it wanted and what did come, and does so when its
// limit has passed, in virtual time.
func TestProbeFailures(t *testing.T) {
	for name, test := range map[string]struct {
		f     func(t testing.TB, sys *actor.System, p *actortest.Probe[string], peer actor.Ref[do])
		takes time.Duration
		want  []string
	}{
		"nothing comes": {
			func(t testing.TB, _ *actor.System, p *actortest.Probe[string], _ actor.Ref[do]) { p.Next() },
			3 * time.Second, []string{"no message came within 3s", "nothing has come at all"},
		},
		"another limit": {
			func(t testing.TB, _ *actor.System, p *actortest.Probe[string], _ actor.Ref[do]) {
				p.Within(time.Minute).Expect("x")
			},
			time.Minute, []string{"no message came; want string x within 1m0s"},
		},
		"another message": {
			func(t testing.TB, _ *actor.System, p *actortest.Probe[string], peer actor.Ref[do]) {
				peer.Send(telling(p, "a", "b"))
				actortest.Sync(t, peer.PID(), p.PID())
				p.Expect("b")
			},
			0, []string{"came:  string a", "want:  string b", "2 have come in all, 1 of them not taken", "string a", "string b"},
		},
		"no match": {
			func(t testing.TB, _ *actor.System, p *actortest.Probe[string], peer actor.Ref[do]) {
				peer.Send(telling(p, "a"))
				p.ExpectMatch(func(s string) bool { return s == "b" })
			},
			0, []string{"does not match: string a"},
		},
		"nothing to match": {
			func(t testing.TB, _ *actor.System, p *actortest.Probe[string], _ actor.Ref[do]) {
				p.ExpectMatch(func(string) bool { return true })
			},
			3 * time.Second, []string{"no message came; want one that matches"},
		},
		"fish, long history": {
			func(t testing.TB, _ *actor.System, p *actortest.Probe[string], peer actor.Ref[do]) {
				peer.Send(telling(p, strings.Split(strings.Repeat("m", 30), "")...))
				p.Fish(func(s string) bool { return s == "b" })
			},
			3 * time.Second, []string{"no message that matches came within 3s", "30 have come in all, of which the last 20:"},
		},
		"one too many": {
			func(t testing.TB, _ *actor.System, p *actortest.Probe[string], peer actor.Ref[do]) {
				peer.Send(telling(p, "a"))
				p.ExpectNone(peer.PID())
			},
			0, []string{"want no message", "string a"},
		},
		"none, but the actor is stuck": {
			func(t testing.TB, _ *actor.System, p *actortest.Probe[string], peer actor.Ref[do]) {
				release := make(chan struct{})
				t.Cleanup(func() { close(release) })
				m, _ := stuck(release)
				peer.Send(m)
				p.ExpectNone(peer.PID())
			},
			3 * time.Second, []string{"(peer): ", "deadline exceeded"},
		},
		"the probe is dead": {
			func(t testing.TB, _ *actor.System, p *actortest.Probe[string], _ actor.Ref[do]) {
				p.PID().Exit(actor.Kill)
				p.Next()
			},
			3 * time.Second, []string{"the probe has ended: killed"},
		},
		"watch with a dead probe": {
			func(t testing.TB, _ *actor.System, p *actortest.Probe[string], peer actor.Ref[do]) {
				p.PID().Exit(actor.Kill)
				p.Watch(peer.PID())
			},
			0, []string{"not running"},
		},
		"down without watch": {
			func(t testing.TB, _ *actor.System, p *actortest.Probe[string], peer actor.Ref[do]) {
				p.ExpectDown(peer.PID(), nil)
			},
			0, []string{"(peer): the probe does not watch it"},
		},
		"no down": {
			func(t testing.TB, _ *actor.System, p *actortest.Probe[string], peer actor.Ref[do]) {
				p.Watch(peer.PID())
				p.ExpectDown(peer.PID(), nil)
			},
			3 * time.Second, []string{"no down of <", "(peer) came within 3s"},
		},
		"another reason": {
			func(t testing.TB, _ *actor.System, p *actortest.Probe[string], peer actor.Ref[do]) {
				p.Watch(peer.PID())
				actortest.Crash(t, peer.PID(), errBoom)
				p.ExpectDown(peer.PID(), actor.Normal)
			},
			0, []string{"the down of <", "has reason: boom", "want: normal"},
		},
		"no exit": {
			func(t testing.TB, _ *actor.System, p *actortest.Probe[string], peer actor.Ref[do]) {
				p.Watch(peer.PID())
				actortest.Crash(t, peer.PID(), errBoom)
				p.ExpectExit(peer.PID(), nil)
			},
			3 * time.Second, []string{"no exit signal of <", "(peer) came", "down of <", "(peer): boom"},
		},
		"exit with another reason": {
			func(t testing.TB, _ *actor.System, p *actortest.Probe[string], peer actor.Ref[do]) {
				p.Link(peer.PID())
				actortest.Crash(t, peer.PID(), errBoom)
				p.ExpectExit(peer.PID(), actor.Normal)
			},
			0, []string{"the exit signal of <", "has reason: boom", "want: normal"},
		},
		"it does not end": {
			func(t testing.TB, _ *actor.System, _ *actortest.Probe[string], peer actor.Ref[do]) {
				actortest.ExpectExit(t, peer.PID(), nil)
			},
			3 * time.Second, []string{"(peer) did not end within 3s: it lives"},
		},
		"it is stuck and killed": {
			func(t testing.TB, _ *actor.System, _ *actortest.Probe[string], peer actor.Ref[do]) {
				release := make(chan struct{})
				t.Cleanup(func() { close(release) })
				m, runs := stuck(release)
				peer.Send(m)
				<-runs
				actortest.Crash(t, peer.PID(), actor.Kill)
			},
			3 * time.Second, []string{"its handler does not return, and then it will end with: killed"},
		},
		"it ends with another reason": {
			func(t testing.TB, _ *actor.System, _ *actortest.Probe[string], peer actor.Ref[do]) {
				peer.Send(returning(errBoom))
				actortest.ExpectExit(t, peer.PID(), actor.Killed)
			},
			0, []string{"ended with: boom", "want: killed"},
		},
		"crash of the dead": {
			func(t testing.TB, _ *actor.System, _ *actortest.Probe[string], peer actor.Ref[do]) {
				peer.PID().Exit(actor.Kill)
				actortest.Crash(t, peer.PID(), nil)
			},
			0, []string{"not running"},
		},
		"sync with one bound to end": {
			func(t testing.TB, _ *actor.System, _ *actortest.Probe[string], peer actor.Ref[do]) {
				release := make(chan struct{})
				t.Cleanup(func() { close(release) })
				m, runs := stuck(release)
				peer.Send(m)
				<-runs
				peer.PID().Exit(actor.Kill)
				actortest.Sync(t, peer.PID())
			},
			3 * time.Second, []string{"bound to end, but its handler does not return"},
		},
		"name taken": {
			func(t testing.TB, sys *actor.System, _ *actortest.Probe[string], _ actor.Ref[do]) {
				actortest.NewProbe[string](t, sys, actor.Name("peer"))
			},
			0, []string{"new probe", "is taken"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var took time.Duration
				failures, _ := try(t, func(t testing.TB) {
					sys := actortest.NewSystem(t, actortest.Silent())
					p := actortest.NewProbe[string](t, sys)
					peer := spawn(t, sys, actor.Name("peer"))
					start := time.Now()
					defer func() { took = time.Since(start) }()
					test.f(t, sys, p, peer)
				})
				if failures == "" {
					t.Fatal("it did not fail")
				}
				wantParts(t, failures, test.want...)
				if took != test.takes {
					t.Errorf("it took %v, want %v", took, test.takes)
				}
			})
		})
	}
}

// SIG-3, MON-5, EXIT-9: a probe hears of ends, and by then has all messages.
func TestProbeHearsOfEnds(t *testing.T) {
	t.Parallel()
	sys := actortest.NewSystem(t, actortest.Silent())
	probe := actortest.NewProbe[string](t, sys)
	watched, linked, normal := spawn(t, sys), spawn(t, sys), spawn(t, sys)
	probe.Watch(watched.PID())
	probe.Link(linked.PID())
	probe.Watch(normal.PID())
	watched.Send(telling(probe, "last words"))
	actortest.Crash(t, watched.PID(), &actor.PanicError{Value: 7})
	actortest.Crash(t, linked.PID(), nil)
	normal.Send(returning(actor.Stop))

	probe.ExpectDown(normal.PID(), actor.Normal) // in any order of the ends
	var p *actor.PanicError
	if reason := probe.ExpectDown(watched.PID(), nil); !errors.As(reason, &p) || p.Value != 7 {
		t.Errorf("down: %v", reason)
	}
	probe.ExpectExit(linked.PID(), actortest.ErrInjected)
	probe.Within(0).Expect("last words") // is there already

	// MON-4, LNK-3: the dead are heard of, too.
	probe.Watch(normal.PID())
	probe.ExpectDown(normal.PID(), actor.NoProc)
	probe.Link(linked.PID())
	probe.ExpectExit(linked.PID(), actor.NoProc)
}

// An inbox takes from any goroutine, and gives what matches, in order.
func TestInbox(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var inbox actortest.Inbox[int]
		isEven := func(n int) bool { return n%2 == 0 }
		if n, ok := inbox.Take(time.Second, isEven); ok {
			t.Error("took", n, "of nothing")
		}
		for n := range 25 {
			time.AfterFunc(time.Duration(n)*time.Second, func() { inbox.Put(n) })
		}
		for _, want := range []int{0, 2, 4} {
			if n, ok := inbox.Take(3*time.Second, isEven); !ok || n != want {
				t.Error(n, ok, "instead of", want)
			}
		}
		if !inbox.Has(func(n int) bool { return n == 3 }) || inbox.Has(isEven) {
			t.Error("what does not match did not stay, or what was taken did")
		}
		time.Sleep(time.Minute)
		account := inbox.Account(strconv.Itoa)
		wantParts(t, account, "25 have come in all, 22 of them not taken, of which the last 20:\n  5\n", "  24")
	})
}

// ExpectNone waits for what the actors have yet to handle, along a chain, and
// sees what a timer sends once its time has passed.
func TestExpectNoneIsOrdered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		sys := actortest.NewSystem(t)
		probe := actortest.NewProbe[string](t, sys)
		second := spawn(t, sys)
		first := spawn(t, sys)
		for range 100 {
			first.Send(func(*actor.Context[do]) error {
				time.Sleep(time.Millisecond)
				second.Send(func(*actor.Context[do]) error { time.Sleep(time.Millisecond); return nil })
				return nil
			})
		}
		first.Send(func(*actor.Context[do]) error { second.Send(telling(probe, "late")); return nil })
		failures, _ := try(t, func(t testing.TB) { probe.For(t).ExpectNone(first.PID(), second.PID()) })
		wantParts(t, failures, "want no message", "late")
		probe.Expect("late")

		probe.Ref().SendAfter(time.Hour, "much later")
		probe.ExpectNone()
		time.Sleep(time.Hour)
		synctest.Wait()
		probe.Expect("much later")
		second.PID().Exit(actor.Kill)
		probe.ExpectNone(first.PID(), second.PID()) // the dead send nothing
	})
}
