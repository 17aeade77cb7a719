package supervisor_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// late makes each start of the child take two seconds.
func late(c supervisor.Child) supervisor.Child {
	start := c.Start
	c.Start = func(parent actor.Self) (actor.PID, error) {
		time.Sleep(2 * time.Second)
		return start(parent)
	}
	return c
}

// starting is a way to have a child with the ID a started by request.
type starting struct {
	name  string
	begin func(s *stage) (start func(ctx context.Context, c supervisor.Child) (actor.PID, error), state func() string)
}

var startings = []starting{
	{"Dynamic.StartChild", func(s *stage) (func(context.Context, supervisor.Child) (actor.PID, error), func() string) {
		sup := s.startDynamic(supervisor.DynamicSpec{MaxChildren: 1})
		return sup.StartChild, func() string {
			s.Helper()
			n, err := sup.Count(s.Context())
			s.ok(err)
			if n == workers(1) {
				return "a+"
			}
			return ""
		}
	}},
	{"Tree.StartChild", func(s *stage) (func(context.Context, supervisor.Child) (actor.PID, error), func() string) {
		sup := s.start(supervisor.Spec{})
		return sup.StartChild, func() string { return s.state(sup) }
	}},
	{"Tree.RestartChild", func(s *stage) (func(context.Context, supervisor.Child) (actor.PID, error), func() string) {
		rests := s.child("a")
		rests.Start = func(actor.Self) (actor.PID, error) { return actor.PID{}, actor.Ignore }
		sup := s.start(supervisor.Spec{Children: []supervisor.Child{rests}})
		return func(ctx context.Context, c supervisor.Child) (actor.PID, error) {
				s.change(sup, c)
				return sup.RestartChild(ctx, "a")
			}, func() string {
				s.Helper()
				if got := s.state(sup); got != "a-" {
					return got
				}
				return ""
			}
	}},
}

// SUP-61, DYN-2: a caller that gives up has no child. One that is being started then is
// stopped again, in order, and nothing is kept of it; it takes no place.
func TestNoChildForACallerThatGivesUp(t *testing.T) {
	for _, how := range startings {
		t.Run(how.name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				start, state := how.begin(s)
				ctx, cancel := context.WithTimeout(s.Context(), time.Second)
				defer cancel()
				_, err := start(ctx, late(s.child("a")))
				s.expectError(err, context.DeadlineExceeded)
				s.expect("") // it does not run yet
				time.Sleep(time.Second)
				s.expect("+a, -a shutdown")
				if got := state(); got != "" {
					t.Errorf("the children are %s", got)
				}

				pid, err := start(s.Context(), late(s.child("a"))) // one that waits has it
				s.ok(err)
				time.Sleep(time.Minute)
				s.expect("+a")
				if got := state(); got != "a+" || !pid.Alive() {
					t.Errorf("the children are %q, a is %v", got, pid)
				}
			})
		})
	}
}

// A request whose caller has given up before its turn starts nothing.
func TestNothingIsStartedForACallerThatHasGone(t *testing.T) {
	for _, how := range startings {
		t.Run(how.name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				start, state := how.begin(s)
				others := make(chan error, 3)
				ctx, cancel := context.WithTimeout(s.Context(), time.Second)
				defer cancel()
				for range cap(others) {
					go func() {
						_, err := start(ctx, late(s.child("a", supervisor.Shutdown(time.Second))))
						others <- err
					}()
				}
				for range cap(others) {
					s.expectError(<-others, context.DeadlineExceeded)
				}
				time.Sleep(time.Second)
				s.expect("+a, -a shutdown") // the first one, whose turn it was
				time.Sleep(time.Minute)
				s.expect("")
				if got := state(); got != "" {
					t.Errorf("the children are %s", got)
				}
			})
		})
	}
}

// A caller that is an actor gives up when it ends.
func TestNoChildForACallerThatEnds(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.startDynamic(many)
		s.start(plenty(supervisor.OneForOne, s.child("caller", supervisor.Temporary)))
		s.send("caller", func(ctx *actor.Context[any]) error {
			_, err := sup.StartChild(ctx, late(s.child("a")))
			return err
		})
		synctest.Wait()
		s.pid("caller").Exit(actor.Kill)
		time.Sleep(2 * time.Second)
		s.expect("+caller, +a, -a shutdown")
		s.expectCount(sup, workers(0))
	})
}

// A child without a caller has its Shutdown time, as any child, and is killed then.
func TestChildForNobodyThatIsSlowToStop(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.startDynamic(many)
		ctx, cancel := context.WithTimeout(s.Context(), time.Second)
		defer cancel()
		_, err := sup.StartChild(ctx, late(s.as(player{id: "a", lazy: time.Hour}, supervisor.Shutdown(3*time.Second))))
		s.expectError(err, context.DeadlineExceeded)
		time.Sleep(4*time.Second - 1)
		s.expect("+a")
		time.Sleep(time.Nanosecond)
		s.expect("a is cut short")
		s.expectReports("child did not stop in order killed")
		s.expectCount(sup, workers(0))
	})
}

// A child that did not want to start is not kept either if its caller has gone.
func TestNothingIsKeptOfAnIgnoreForNobody(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(supervisor.Spec{})
		ctx, cancel := context.WithTimeout(s.Context(), time.Second)
		defer cancel()
		_, err := sup.StartChild(ctx, late(s.as(player{id: "a", ignore: true})))
		s.expectError(err, context.DeadlineExceeded)
		time.Sleep(time.Second)
		synctest.Wait()
		if got := s.state(sup); got != "" {
			t.Errorf("the children are %s", got)
		}
	})
}
