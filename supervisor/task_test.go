package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// TSUP-1, TSUP-2: a task is not restarted unless it is said to be; then the same
// function is run anew.
func TestTaskRestartTable(t *testing.T) {
	for _, c := range []struct {
		opts   []supervisor.ChildOption
		result error
		runs   int
		reason error
	}{
		{nil, nil, 1, actor.Normal},
		{nil, errBoom, 1, errBoom},
		{[]supervisor.ChildOption{supervisor.Transient}, nil, 1, actor.Normal},
		{[]supervisor.ChildOption{supervisor.Transient}, errBoom, 2, errBoom},
		{[]supervisor.ChildOption{supervisor.Permanent}, nil, 2, actor.Normal},
	} {
		t.Run(fmt.Sprintf("%v/%v", c.opts, c.result), func(t *testing.T) {
			onStage(t, func(s *stage) {
				runs := 0
				pid := s.add(s.startDynamic(many), supervisor.Task("t", func(ctx context.Context) error {
					if runs++; runs == 1 {
						return c.result
					}
					<-ctx.Done()
					return nil
				}, c.opts...))
				s.expectEnd(pid, c.reason)
				if runs != c.runs {
					t.Errorf("it ran %d times, want %d", runs, c.runs)
				}
			})
		})
	}
}

// TSUP-1: to start a task does not wait for it, and many run at a time.
func TestTasksRunSideBySide(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.startDynamic(many)
		for range 10 {
			s.add(sup, supervisor.Task("t", func(context.Context) error {
				time.Sleep(time.Second)
				s.note("done")
				return nil
			}))
		}
		s.expectCount(sup, workers(10))
		time.Sleep(time.Second)
		s.expectCount(sup, workers(0))
	})
}

// TSUP-1: a stop of a task cancels its context, and waits for it.
func TestTaskIsCancelled(t *testing.T) {
	tidy := func(s *stage) supervisor.Child {
		return supervisor.Task("t", func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(time.Second)
			s.note("tidied up after %v", context.Cause(ctx))
			return errors.New("in vain")
		})
	}
	for name, end := range map[string]func(*stage, supervisor.Dynamic, actor.PID) error{
		"by TerminateChild": func(s *stage, sup supervisor.Dynamic, pid actor.PID) error {
			return sup.TerminateChild(s.Context(), pid)
		},
		"by Stop":     func(s *stage, sup supervisor.Dynamic, _ actor.PID) error { return sup.Stop(s.Context()) },
		"by Shutdown": func(s *stage, _ supervisor.Dynamic, _ actor.PID) error { return s.sys.Shutdown(s.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				sup := s.startDynamic(many)
				pid := s.add(sup, tidy(s))
				s.settle() // or it may be stopped before it has begun
				s.ok(end(s, sup, pid))
				s.expect("tidied up after shutdown")
				s.expectEnd(pid, actor.Shutdown)
				s.expectReports("service failed while it was stopped t in vain") // or it would go unnoticed
			})
		})
	}
}

// TSUP-1: a task that does not heed its context has 5 s; it is then abandoned.
func TestTaskThatGoesOnIsAbandoned(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.startDynamic(many)
		release := make(chan struct{})
		defer close(release)
		pid := s.add(sup, supervisor.Task("t", func(context.Context) error { <-release; return nil }))
		synctest.Wait()
		begin := time.Now()
		s.ok(sup.TerminateChild(s.Context(), pid))
		if took := time.Since(begin); took != 6*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// A panic in a task is a crash of the task, and of nothing else.
func TestTaskThatPanics(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.startDynamic(many)
		pid := s.add(sup, supervisor.Task("t", func(context.Context) error { panic(errBoom) }))
		s.expectEnd(pid, errBoom)
		s.expectCount(sup, workers(0))
	})
}

func ExampleTask() {
	sys := quietSystem()
	ctx := context.Background()
	mails, err := supervisor.StartDynamic(sys, supervisor.DynamicSpec{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, to := range []string{"ann", "bob"} {
		pid, err := mails.StartChild(ctx, supervisor.Task("", func(ctx context.Context) error {
			fmt.Println("a mail to", to)
			return nil
		}))
		if err != nil {
			fmt.Println(err)
			continue
		}
		<-pid.Done() // a caller that fires and forgets does not wait
	}
	_ = sys.Shutdown(ctx)
	// Output:
	// a mail to ann
	// a mail to bob
}
