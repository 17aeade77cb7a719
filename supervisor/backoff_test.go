package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// slow waits 1, 2, 4, 8, 8, … seconds.
var slow = supervisor.Backoff{Min: time.Second, Max: 8 * time.Second}

// expectAfter fails the test if something happens before d has passed, or not this
// when it has.
func (s *stage) expectAfter(d time.Duration, want string) {
	s.Helper()
	time.Sleep(d - 1)
	s.expect("")
	time.Sleep(time.Nanosecond)
	s.expect(want)
}

// Restarts wait longer and longer, whether the child crashes or does not start, until
// it has run for long.
func TestBackoffHoldsBackRestarts(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(plenty(supervisor.OneForOne, s.child("a", slow), s.child("b")))
		s.expect("+a, +b")
		s.send("a", errBoom)
		s.expect("-a boom")
		if got := s.state(sup); got != "a*b+" { // others have their turn
			t.Errorf("the children are %s", got)
		}
		s.failNext("a", 2)
		s.expectAfter(1*time.Second, "a fails")
		s.expectAfter(2*time.Second, "a fails")
		s.expectAfter(4*time.Second, "+a")
		s.send("a", errBoom)
		s.expect("-a boom")
		s.expectAfter(8*time.Second, "+a")
		time.Sleep(8 * time.Second)
		s.send("a", errBoom)
		s.expect("-a boom")
		s.expectAfter(1*time.Second, "+a")
		s.send("b", errBoom)
		s.expect("-b boom, +b") // it has no back-off
	})
}

// SUP-22, SUP-23: those that depend on the child are stopped at once, and started
// with it.
func TestBackoffOfAGroup(t *testing.T) {
	for strategy, want := range map[supervisor.Strategy][2]string{
		supervisor.OneForAll:  {"-b boom, -c shutdown, -a shutdown", "+a, +b, +c"},
		supervisor.RestForOne: {"-b boom, -c shutdown", "+b, +c"},
	} {
		t.Run(strategy.String(), func(t *testing.T) {
			onStage(t, func(s *stage) {
				s.start(plenty(strategy, s.child("a"), s.child("b", slow), s.child("c")))
				s.expect("+a, +b, +c")
				s.send("b", errBoom)
				s.expect(want[0])
				s.expectAfter(time.Second, want[1])
			})
		})
	}
}

// A round that an earlier sibling calls for does not wait for the child's time, and
// when that comes nothing is due any more.
func TestBackoffIsOverWhenASiblingStartsTheChild(t *testing.T) {
	onStage(t, func(s *stage) {
		s.start(plenty(supervisor.RestForOne, s.child("a"), s.child("b", slow)))
		s.expect("+a, +b")
		s.send("b", errBoom)
		s.expect("-b boom")
		s.send("a", errBoom)
		s.expect("-a boom, +a, +b")
		time.Sleep(time.Minute)
		s.expect("")
	})
}

// SUP-42: the requests treat a child that waits as one that is restarting; to
// terminate it ends the wait and forgives it.
func TestBackoffEndsWithTerminate(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(plenty(supervisor.OneForOne, s.child("a", slow)))
		s.send("a", errBoom)
		s.expect("+a, -a boom")
		_, err := sup.RestartChild(s.Context(), "a")
		s.expectError(err, supervisor.ErrRestarting)
		s.expectError(sup.DeleteChild(s.Context(), "a"), supervisor.ErrRestarting)
		s.ok(sup.TerminateChild(s.Context(), "a"))
		time.Sleep(time.Minute)
		s.expect("")
		_, err = sup.RestartChild(s.Context(), "a")
		s.ok(err)
		s.send("a", errBoom)
		s.expect("+a, -a boom")
		s.expectAfter(time.Second, "+a")
	})
}

// SUP-32, SUP-34: an attempt is paid for when its time has come.
func TestBackoffSpendsIntensityPerAttempt(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(supervisor.Spec{Intensity: 2, Period: time.Hour, Children: s.children("a", slow)})
		s.failNext("a", 0)
		s.send("a", errBoom)
		s.expect("+a, -a boom")
		s.failNext("a", 9)
		s.expectAfter(1*time.Second, "a fails")
		s.expectAfter(2*time.Second, "a fails")
		s.expectAfter(4*time.Second, "")
		s.expectEnd(sup.PID(), actor.Shutdown)

		// Attempts that are far apart cost little.
		sup = s.start(supervisor.Spec{Intensity: 1, Period: time.Second, Children: s.children("b", slow)})
		s.failNext("b", 9)
		s.send("b", errBoom)
		time.Sleep(time.Minute)
		if got := s.state(sup); got != "b*" {
			t.Errorf("the children are %s", got)
		}
	})
}

// Stop does not wait for the child's time.
func TestBackoffEndsWithTheSupervisor(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(plenty(supervisor.OneForOne, s.child("a", slow)))
		dyn := s.startDynamic(many)
		s.add(dyn, s.child("b", slow))
		s.send("a", errBoom)
		s.expect("+a, +b, -a boom")
		s.send("b", errBoom)
		s.expect("-b boom")
		begin := time.Now()
		s.ok(sup.Stop(s.Context()))
		s.ok(dyn.Stop(s.Context()))
		if took := time.Since(begin); took != 0 {
			t.Errorf("it took %v", took)
		}
		time.Sleep(time.Minute)
		s.expect("")
	})
}

// DYN-2, DYN-3: a member that waits counts, and goes by its former PID.
func TestBackoffOfAMember(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.startDynamic(many)
		s.add(sup, s.child("a", slow))
		s.send("a", errBoom)
		s.expect("+a, -a boom")
		s.expectCount(sup, supervisor.Count{Specs: 1, Workers: 1})
		s.failNext("a", 1)
		s.expectAfter(1*time.Second, "a fails")
		s.expectAfter(2*time.Second, "+a")
		s.expectCount(sup, workers(1))

		former := s.pid("a")
		s.send("a", errBoom)
		s.expect("-a boom")
		s.ok(sup.TerminateChild(s.Context(), former))
		time.Sleep(time.Minute)
		s.expect("")
		s.expectCount(sup, workers(0))
	})
}

// SUP-4: a bad back-off fails the start.
func TestBackoffIsValidated(t *testing.T) {
	onStage(t, func(s *stage) {
		for field, b := range map[string]supervisor.Backoff{
			"Backoff.Min":    {Min: -1},
			"Backoff.Max":    {Min: 2, Max: 1},
			"Backoff.Jitter": {Min: 1, Jitter: math.NaN()},
		} {
			_, err := supervisor.Start(s.sys, plenty(supervisor.OneForOne, s.child("a", b)))
			var spec *supervisor.SpecError
			if !errors.As(err, &spec) || spec.Field != field {
				t.Errorf("%+v: got %v, want a fault of %s", b, err, field)
			}
		}
	})
}

// Each restart is told of with what it was, and took.
func TestOnRestart(t *testing.T) {
	onStage(t, func(s *stage) {
		var got []supervisor.Restarted
		hook := func(r supervisor.Restarted) { got = append(got, r) }
		expect := func(want ...supervisor.Restarted) {
			t.Helper()
			synctest.Wait()
			for i := range got {
				if !got[i].At.Equal(time.Now()) {
					t.Errorf("at %v", got[i].At)
				}
				got[i].At = time.Time{}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("told of:\n got %+v\nwant %+v", got, want)
			}
			got = nil
		}
		spec := plenty(supervisor.RestForOne, s.child("a", slow), s.child("b"), s.child("c", supervisor.Transient))
		spec.OnRestart = hook
		sup := s.start(spec)
		a, b := s.pid("a"), s.pid("b")
		s.send("c", actor.Normal)
		expect()
		s.failNext("a", 1)
		s.send("a", errBoom)
		time.Sleep(3 * time.Second)
		synctest.Wait() // or the arguments would be too old
		expect(
			supervisor.Restarted{sup.PID(), "a", a, s.pid("a"), errBoom, 2, 3 * time.Second, 1, time.Time{}},
			supervisor.Restarted{sup.PID(), "b", b, s.pid("b"), actor.Shutdown, 2, 3 * time.Second, 1, time.Time{}},
			supervisor.Restarted{Supervisor: sup.PID(), Child: "c", New: s.pid("c"), Count: 2, Restarts: 1},
		)
		s.ok(sup.TerminateChild(s.Context(), "b"))
		_, err := sup.RestartChild(s.Context(), "b")
		s.ok(err)
		expect()

		dyn := s.startDynamic(supervisor.DynamicSpec{Intensity: 9, OnRestart: hook})
		x := s.add(dyn, s.child("x", slow))
		s.send("x", errBoom)
		time.Sleep(time.Second)
		synctest.Wait()
		expect(supervisor.Restarted{dyn.PID(), "", x, s.pid("x"), errBoom, 1, time.Second, 1, time.Time{}})
	})
}

// A hook that panics does the supervisor no harm.
func TestOnRestartThatPanics(t *testing.T) {
	onStage(t, func(s *stage) {
		spec := plenty(supervisor.OneForOne, s.child("a"))
		spec.OnRestart = func(supervisor.Restarted) { panic(errBoom) }
		sup := s.start(spec)
		s.send("a", errBoom)
		s.expect("+a, -a boom, +a")
		if got := s.state(sup); got != "a+" {
			t.Errorf("the children are %s", got)
		}
	})
}

func ExampleBackoff() {
	// A client of a service that may be down for a while: the first attempts come
	// quickly, later ones once a minute.
	client := supervisor.Actor("client", actor.Func(func(*actor.Context[string], string) error { return nil }), supervisor.Backoff{Min: 100 * time.Millisecond, Max: time.Minute, Jitter: 0.2})

	sys := quietSystem()
	restarted := make(chan supervisor.Restarted, 1)
	sup, err := supervisor.Start(sys, supervisor.Spec{
		Children:  []supervisor.Child{client},
		Intensity: 10,
		Period:    time.Second,
		OnRestart: func(r supervisor.Restarted) { restarted <- r },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sup.Stop(context.Background())

	list, err := sup.Children(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	list[0].PID.Exit(errors.New("connection refused"))
	r := <-restarted
	fmt.Println(r.Child, "is back after", r.Reason, r.Took >= 80*time.Millisecond)
	// Output: client is back after connection refused true
}
