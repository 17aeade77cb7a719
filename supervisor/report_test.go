package supervisor_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// failing is a child whose second start fails in that way.
func failing(s *stage, fail func(*actor.Context[any]) error) supervisor.Child {
	starts := 0
	return supervisor.Actor("a", func() starter {
		starts++
		return starter{player{s: s, id: "a"}, starts == 2, fail}
	})
}

type starter struct {
	player
	fails bool
	fail  func(*actor.Context[any]) error
}

func (st starter) Init(ctx *actor.Context[any]) error {
	if st.fails {
		return st.fail(ctx)
	}
	return st.player.Init(ctx)
}

// SUP-15, SUP-20: one failure is one error in the log, by the one that knows most of it,
// however many supervisors hear of it.
func TestOneFailureIsOneErrorInTheLog(t *testing.T) {
	const crash = "actor crashed"
	boom := func(*actor.Context[any]) error { panic(errBoom) }
	for _, c := range []struct {
		name  string
		child func(s *stage) supervisor.Child
		fault func(s *stage) // nil: a crash
		want  []string
	}{
		{"a crash", nil, nil, []string{crash}},
		{"a panic", nil, func(s *stage) { s.send("a", boom) }, []string{crash}},
		{"a clean end", nil, func(s *stage) { s.send("a", actor.Normal) }, nil},
		{"a shutdown", nil, func(s *stage) { s.send("a", actor.Shutdown) }, nil},
		{"a kill", nil, func(s *stage) { s.pid("a").Exit(actor.Kill) }, []string{"supervisor: child terminated"}},
		{"an exit from outside", nil, func(s *stage) { s.mortal("a").Exit(errBoom) }, []string{"supervisor: child terminated"}},
		{"an exit whose methods panic", nil, func(s *stage) { s.mortal("a").Exit((*brittle)(nil)) }, []string{"supervisor: child terminated"}},
		{"a shutdown from outside", nil, func(s *stage) { s.mortal("a").Exit(fmt.Errorf("moved: %w", actor.Shutdown)) }, nil},
		{"a stop with a crash", nil, func(s *stage) { s.ok(s.pid("a").Stop(s.Context(), errBoom)) }, []string{crash}},
		{"a handler that returns Killed", nil, func(s *stage) { s.send("a", actor.Killed) }, []string{crash}},
		{"a handler that returns NoProc", nil, func(s *stage) { s.send("a", actor.NoProc) }, []string{crash}},
		{"a runtime.Goexit", nil, func(s *stage) {
			s.send("a", func(*actor.Context[any]) error { runtime.Goexit(); return nil })
		}, []string{crash}},
		{"a panic of a goroutine", nil, func(s *stage) {
			s.mortal("a")
			s.send("a", func(ctx *actor.Context[any]) error { ctx.Go(func(context.Context) { panic(errBoom) }); return nil })
		}, []string{crash}},
		{"a panic after a kill", nil, func(s *stage) {
			s.send("a", func(ctx *actor.Context[any]) error { ctx.PID().Exit(actor.Kill); panic(errBoom) })
		}, []string{crash}},
		{"a crash of one to which it is linked", nil, func(s *stage) {
			s.linkToFirst("a")
			s.send("first", errBoom)
		}, []string{crash}},
		{"a kill of one to which it is linked", nil, func(s *stage) {
			s.linkToFirst("a")
			s.pid("first").Exit(actor.Kill)
		}, []string{"supervisor: child terminated"}},
		{"an exit from outside of one to which it is linked", nil, func(s *stage) {
			s.linkToFirst("a")
			s.mortal("first").Exit(errBoom)
		}, []string{"supervisor: child terminated"}},
		{
			"a kill of an actor that it has started", nil, func(s *stage) {
				s.mortal("a")
				s.send("a", func(ctx *actor.Context[any]) error {
					below, err := actor.SpawnLink(ctx, func() player { return player{s: s, id: "below"} })
					if err == nil {
						below.PID().Exit(actor.Kill)
					}
					return err
				})
			}, []string{"supervisor: child terminated"},
		},
		{
			"a crash, and an Init that fails", func(s *stage) supervisor.Child {
				return failing(s, func(*actor.Context[any]) error { return errFlat })
			}, nil, []string{crash, "supervisor: child did not start"},
		},
		{"a crash, and an Init that panics", func(s *stage) supervisor.Child { return failing(s, boom) },
			nil, []string{crash, crash}},
		{
			"a crash, and an Init that calls Goexit", func(s *stage) supervisor.Child {
				return failing(s, func(*actor.Context[any]) error { runtime.Goexit(); return nil })
			}, nil, []string{crash, crash},
		},
		{
			"a crash, and a constructor that panics", func(s *stage) supervisor.Child {
				starts := 0
				return supervisor.Actor("a", func() player {
					if starts++; starts == 2 {
						panic(errFlat)
					}
					return player{s: s, id: "a"}
				})
			}, nil, []string{crash, "actor not made: its constructor panicked"},
		},
		{
			"a crash, and an Init that returns a panic", func(s *stage) supervisor.Child {
				return failing(s, func(*actor.Context[any]) error {
					return actor.Guard(s.Context(), func() error { panic(errFlat) })
				})
			}, nil, []string{crash, "supervisor: child did not start"},
		},
		{
			"a crash, and an Init that returns Goexit", func(s *stage) supervisor.Child {
				return failing(s, func(*actor.Context[any]) error { return actor.Goexit })
			}, nil, []string{crash, "supervisor: child did not start"},
		},
		{
			"a crash, and a kill of an Init", func(s *stage) supervisor.Child {
				return failing(s, func(ctx *actor.Context[any]) error { ctx.PID().Exit(actor.Kill); return nil })
			}, nil, []string{crash, "supervisor: child did not start"},
		},
		{
			"a crash, and a spawn hook that panics", func(s *stage) supervisor.Child {
				return hooked(s, func() error { panic(errFlat) })
			}, nil, []string{crash, "actor not made: its spawn hook panicked"},
		},
		{
			"a crash, and a spawn hook that calls Goexit", func(s *stage) supervisor.Child {
				return hooked(s, func() error { runtime.Goexit(); return nil })
			}, nil, []string{crash, "actor not made: its spawn hook called runtime.Goexit"},
		},
		{
			"a crash, and a spawn hook that fails", func(s *stage) supervisor.Child {
				return hooked(s, func() error { return errFlat })
			}, nil, []string{crash, "supervisor: child did not start"},
		},
		{
			"a crash, and a Start that panics", func(s *stage) supervisor.Child {
				child, starts := s.child("a"), 0
				start := child.Start
				child.Start = func(parent actor.Self) (actor.PID, error) {
					if starts++; starts == 2 {
						panic(errFlat)
					}
					return start(parent)
				}
				return child
			}, nil, []string{crash, "supervisor: child did not start"},
		},
		{
			"a child that does not stop", func(s *stage) supervisor.Child {
				return s.as(player{id: "a", lazy: time.Hour}, supervisor.Shutdown(time.Second))
			}, func(s *stage) {
				s.send("first", errBoom)
				time.Sleep(time.Second)
			}, []string{crash, "supervisor: child did not stop in order"},
		},
		{
			"a child that is stuck", func(s *stage) supervisor.Child {
				stuck := true
				return supervisor.Service("a", func(ctx context.Context) error {
					<-ctx.Done()
					if stuck {
						stuck = false
						time.Sleep(10 * time.Second)
					}
					return ctx.Err()
				}, supervisor.Shutdown(time.Second))
			}, func(s *stage) {
				s.send("first", errBoom)
				time.Sleep(10 * time.Second)
			}, []string{crash, "actor abandoned: it was killed, and its handler does not return"},
		},
		{
			"a crash while it stops", func(s *stage) supervisor.Child {
				return supervisor.Service("a", func(ctx context.Context) error {
					<-ctx.Done()
					panic("too late")
				})
			}, func(s *stage) { s.send("first", errBoom) }, []string{crash, crash},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				child := s.child("a")
				if c.child != nil {
					child = c.child(s)
				}
				sub := supervisor.Supervisor("sub", plenty(supervisor.RestForOne, s.child("first"), child))
				s.start(plenty(supervisor.OneForOne, sub))
				s.settle()
				if c.fault == nil {
					s.send("a", errBoom)
				} else {
					c.fault(s)
				}
				s.expectErrors(c.want...)
			})
		})
	}
}

// hooked is a child whose spawn hook fails in that way at the second start.
func hooked(s *stage, fail func() error) supervisor.Child {
	starts := 0
	return s.child("a", supervisor.With(actor.BeforeInit(func(actor.PID) error {
		if starts++; starts == 2 {
			return fail()
		}
		return nil
	})))
}

// brittle is an error whose methods panic if it is nil.
type brittle struct{ text string }

func (b *brittle) Error() string { return b.text }

// mortal has a child trap no exits.
func (s *stage) mortal(id string) actor.PID {
	s.send(id, func(ctx *actor.Context[any]) error { ctx.TrapExit(false); return nil })
	s.settle()
	return s.pid(id)
}

// linkToFirst links a child to the child "first", whose failure ends it.
func (s *stage) linkToFirst(id string) {
	s.mortal(id)
	s.send(id, func(ctx *actor.Context[any]) error { return ctx.Link(s.pid("first")) })
	s.settle()
}

// Two ends of the same kind are two failures, also for a dynamic supervisor.
func TestEachFailureIsAnErrorOfItsOwn(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.startDynamic(supervisor.DynamicSpec{Intensity: 100})
		for _, reason := range []error{errBoom, actor.Kill, actor.NoProc, actor.Goexit} {
			for _, id := range []string{"a", "b"} {
				s.add(sup, s.child(id))
				s.settle()
				s.mortal(id).Exit(reason)
			}
			s.expectErrors("supervisor: child terminated", "supervisor: child terminated")
		}
	})
}

// A failure that climbs the tree is one error, and the rest of the story are reports below
// that level.
func TestFailureThatClimbsIsOneErrorInTheLog(t *testing.T) {
	onStage(t, func(s *stage) {
		fragile := supervisor.Spec{Period: time.Hour, Children: s.children("a")} // no restart
		once := supervisor.Spec{Intensity: 1, Period: time.Hour, Children: []supervisor.Child{supervisor.Supervisor("sub", fragile)}}
		s.start(once)
		s.send("a", errBoom)
		s.expectErrors("actor crashed")
		s.expectReports("child terminated a boom",
			"giving up: too many restarts a more than 0 restarts in 1h0m0s",
			`child terminated sub child "a": more than 0 restarts in 1h0m0s: boom`)

		s.failNext("a", 1)
		s.send("a", errBoom)
		s.expectErrors("actor crashed")
		s.expectReports("child terminated a boom",
			"giving up: too many restarts a more than 0 restarts in 1h0m0s",
			`child terminated sub child "a": more than 0 restarts in 1h0m0s: boom`,
			"giving up: too many restarts sub more than 1 restart in 1h0m0s")
	})
}

// A start that fails deep in the tree is the error of the one that tries again, with all
// that happened to it; a start by request is the caller's.
func TestStartThatFailsBelowIsOneErrorInTheLog(t *testing.T) {
	onStage(t, func(s *stage) {
		fragile := supervisor.Spec{Period: time.Hour, Children: s.children("a")}
		sub := supervisor.Supervisor("sub", fragile)
		sup := s.start(plenty(supervisor.OneForOne, sub))
		s.settle()
		s.failNext("a", 1)
		s.send("a", errBoom)
		s.expectErrors("actor crashed", "supervisor: child did not start")
		s.expectReports("child terminated a boom",
			"giving up: too many restarts a more than 0 restarts in 1h0m0s",
			`child terminated sub child "a": more than 0 restarts in 1h0m0s: boom`,
			"child did not start a flat",
			`child did not start sub child "a": flat`)

		s.failNext("b", 1)
		_, err := sup.StartChild(s.Context(), s.child("b"))
		s.expectText(err, `supervisor: start child "b": flat`)
		s.expectErrors()
	})
}

// The record of a crash is the actor's own, and says which child it was.
func TestCrashSaysWhichChildItWas(t *testing.T) {
	crash := func() starter {
		return starter{fails: true, fail: func(ctx *actor.Context[any]) error {
			ctx.Continue(func(*actor.Context[any]) error { return errBoom })
			return nil
		}}
	}
	below := supervisor.Spec{Children: []supervisor.Child{supervisor.Actor("below", crash)}}
	for _, c := range []struct {
		name  string
		child supervisor.Child
		want  string
	}{
		{"an actor", supervisor.Actor("house", crash), ` label=house reason=boom`},
		{"a service", supervisor.Service("house", func(context.Context) error { return errBoom }), ` label=house reason=boom`},
		{"a supervisor", supervisor.Supervisor("house", below), ` label=house child=below `},
		{"one with a name as well", supervisor.Actor("house", crash, supervisor.With(actor.Name("h"))), ` name=h label=house reason=boom`},
		{"one with a label of its own", supervisor.Actor("house", crash, supervisor.With(actor.Label("h"))), ` label=h reason=boom`},
		{"one without an ID", supervisor.Actor("", crash), ` reason=boom`},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
				c.child.Restart = supervisor.Temporary
				dynamic, err := supervisor.StartDynamic(sys, supervisor.DynamicSpec{})
				if err != nil {
					t.Fatal(err)
				}
				pid, err := dynamic.StartChild(t.Context(), c.child)
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				shutdown(t, sys)
				if !strings.Contains(log.String(), fmt.Sprintf("=%v%s", pid, c.want)) {
					t.Errorf("no %v%s in the log:\n%s", pid, c.want, &log)
				}
			})
		})
	}
}

// What a supervisor starts when it is killed is no child that has failed.
func TestAKilledSupervisorBlamesNoChild(t *testing.T) {
	restarts := func(s *stage, sup actor.PID) {
		s.settleReports()
		s.send("a", errBoom)
		time.Sleep(time.Second) // the restart takes two
		s.settleReports()
		sup.Exit(actor.Kill)
	}
	for name, kill := range map[string]func(s *stage){
		"in its Init": func(s *stage) {
			time.AfterFunc(time.Second, func() {
				pid, _ := s.sys.WhereIs("top")
				pid.Exit(actor.Kill)
			})
			spec := supervisor.Spec{Children: []supervisor.Child{late(s.child("a"))}}
			_, err := supervisor.Start(s.sys, spec, actor.Name("top"))
			s.expectError(err, actor.Killed)
		},
		"in a restart": func(s *stage) {
			restarts(s, s.start(plenty(supervisor.OneForOne, late(s.child("a")))).PID())
		},
		"in a restart of a dynamic one": func(s *stage) {
			sup := s.startDynamic(supervisor.DynamicSpec{Intensity: 100, Period: time.Hour})
			_, err := sup.StartChild(s.Context(), late(s.child("a")))
			s.ok(err)
			restarts(s, sup.PID())
		},
	} {
		t.Run(name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				kill(s)
				time.Sleep(time.Hour)
				s.expectReports()
			})
		})
	}
}
