package supervisor_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// service returns a service that notes its beginning and end, and otherwise does
// what run does.
func (s *stage) service(id string, run func(context.Context) error, opts ...supervisor.ChildOption) supervisor.Child {
	return supervisor.Service(id, func(ctx context.Context) error {
		s.note("+%s", id)
		defer s.note("-%s", id)
		return run(ctx)
	}, opts...)
}

// untilDone is a service that does nothing.
func untilDone(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// once returns a service that does what run does, and nothing when it is run again.
func once(run func(context.Context) error) func(context.Context) error {
	runs := 0
	return func(ctx context.Context) error {
		if runs++; runs == 1 {
			return run(ctx)
		}
		return untilDone(ctx)
	}
}

// SUP-20.
func TestServiceThatReturnsNilHasEndedNormally(t *testing.T) {
	onStage(t, func(s *stage) {
		done := func(context.Context) error { return nil }
		sup := s.start(supervisor.Spec{Children: []supervisor.Child{
			s.service("a", once(done)),
			s.service("b", once(done), supervisor.Transient),
			s.service("c", once(done), supervisor.Temporary),
		}})
		synctest.Wait()
		if got := s.state(sup); got != "a+b-" {
			s.Errorf("got %s", got)
		}
		s.expectReports("child terminated a normal")
	})
}

func TestServiceThatFailsHasCrashed(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(supervisor.Spec{Intensity: 2, Period: time.Second, Children: []supervisor.Child{
			s.service("a", once(func(context.Context) error {
				time.Sleep(time.Millisecond)
				return errFlat
			}), supervisor.Transient),
			s.service("b", once(func(context.Context) error {
				time.Sleep(2 * time.Millisecond)
				panic("oops")
			}), supervisor.Transient),
		}})
		s.settle() // they start side by side
		time.Sleep(time.Millisecond)
		s.expect("-a, +a")
		time.Sleep(time.Millisecond)
		s.expect("-b, +b")
		s.expectReports("child terminated a flat", "child terminated b panic: oops")
		if got := s.state(sup); got != "a+b+" {
			s.Errorf("got %s", got)
		}
	})
}

// SUP-12: the next one is told when the one before has returned.
func TestServicesAreStoppedByTheirContextInReverseOrder(t *testing.T) {
	onStage(t, func(s *stage) {
		slow := func(ctx context.Context) error {
			<-ctx.Done()
			s.note("told: %v", context.Cause(ctx))
			time.Sleep(time.Second)
			return nil
		}
		sup := s.start(supervisor.Spec{Children: []supervisor.Child{
			s.service("a", untilDone),
			s.service("b", slow),
		}})
		s.settle()
		begin := time.Now()
		s.ok(sup.Stop(s.Context()))
		s.expect("told: shutdown, -b, -a")
		if took := time.Since(begin); took != time.Second {
			s.Errorf("it took %v", took)
		}
		s.expectReports()
	})
}

// GO-3.
func TestServiceThatDoesNotReturnIsAbandoned(t *testing.T) {
	onStage(t, func(s *stage) {
		release := make(chan struct{})
		sup := s.start(supervisor.Spec{Children: []supervisor.Child{
			s.service("a", func(context.Context) error {
				<-release
				return nil
			}, supervisor.Shutdown(3*time.Second)),
		}})
		s.settle()
		list, err := sup.Children(s.Context())
		s.ok(err)
		begin := time.Now()
		s.expectStuck(sup.Stop(s.Context()), list[0].PID)
		if took := time.Since(begin); took != 4*time.Second {
			s.Errorf("it took %v", took)
		}
		if n := s.sys.Abandoned(); n != 1 {
			s.Errorf("%d actors were abandoned", n)
		}
		s.expectReports("child did not stop in order a killed")
		close(release)
		s.expect("-a")
	})
}

// GO-5: a service runs all its life in one handler; a watchdog does not mind.
func TestWatchdogLeavesServicesAlone(t *testing.T) {
	onStage(t, func(s *stage) {
		defer s.sys.Watchdog(time.Second)()
		defer s.sys.Observe(func(e actor.Event) {
			if e, ok := e.(actor.SlowHandler); ok {
				s.Errorf("reported: %+v", e)
			}
		})()
		sup := s.start(supervisor.Spec{Children: []supervisor.Child{
			s.service("a", func(ctx context.Context) error { <-ctx.Done(); return nil }),
		}})
		time.Sleep(time.Minute)
		s.ok(sup.Stop(s.Context()))
		s.expect("+a, -a")
	})
}

func TestServiceThatFailsWhileItIsStoppedIsLogged(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(supervisor.Spec{Children: []supervisor.Child{
			s.service("a", func(ctx context.Context) error {
				<-ctx.Done()
				return errFlat
			}),
			s.service("b", func(ctx context.Context) error {
				<-ctx.Done()
				panic("oops")
			}),
		}})
		s.settle()
		s.ok(sup.Stop(s.Context()))
		s.expectReports("service failed while it was stopped a flat")
		s.expectErrors("actor crashed", "supervisor: service failed while it was stopped") // b's panic, a's error
	})
}

func TestServiceKnowsItsActor(t *testing.T) {
	onStage(t, func(s *stage) {
		s.start(supervisor.Spec{Children: []supervisor.Child{
			s.service("a", func(ctx context.Context) error {
				pid, _ := actor.FromContext(ctx)
				s.note("%s", pid.Name())
				return untilDone(ctx)
			}, supervisor.With(actor.Name("service"))),
		}})
		s.expect("+a, service")
	})
}

// GO-2: a restarted service never runs beside its former self, if that returns.
func TestKilledServiceIsRestartedWhenItHasReturned(t *testing.T) {
	onStage(t, func(s *stage) {
		s.start(supervisor.Spec{Children: []supervisor.Child{
			s.service("a", func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(time.Second)
				return errors.Join(errFlat, ctx.Err())
			}, supervisor.Shutdown(supervisor.Infinity), supervisor.With(actor.Name("a"))),
		}})
		s.expect("+a")
		pid, _ := s.sys.WhereIs("a")
		pid.Exit(actor.Kill)
		s.expect("")
		time.Sleep(time.Second)
		s.expect("-a, +a")
	})
}
