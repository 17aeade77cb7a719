package supervisor

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// program is a system that runs, with a top supervisor, in a bubble.
type program struct {
	*testing.T
	sys     *actor.System
	top     Tree
	cancel  context.CancelFunc // of the context that it runs in
	signals chan os.Signal
	ended   chan error
}

// runProgram runs a program with these children and hands it to f.
func runProgram(t *testing.T, grace time.Duration, f func(program), children ...Child) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		p := program{
			T:       t,
			sys:     actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)}),
			cancel:  cancel,
			signals: make(chan os.Signal, 2),
			ended:   make(chan error, 1),
		}
		var err error
		if p.top, err = Start(p.sys, Spec{Children: children}); err != nil {
			t.Fatal(err)
		}
		go func() { p.ended <- run(ctx, p.sys, grace, p.signals, []actor.PID{p.top.PID()}) }()
		synctest.Wait()
		f(p)
		if n := p.sys.Count(); n != 0 {
			t.Errorf("%d actors are left", n)
		}
	})
}

// takes is a service that takes so long to end.
func takes(id string, d time.Duration) Child {
	return Service(id, func(ctx context.Context) error {
		<-ctx.Done()
		time.Sleep(d)
		return nil
	}, Infinity)
}

// expectEnd fails the test if the program does not end within exactly d from now.
func (p program) expectEnd(d time.Duration) error {
	p.Helper()
	begin := time.Now()
	err := <-p.ended
	if took := time.Since(begin); took != d {
		p.Errorf("it took %v, want %v", took, d)
	}
	return err
}

// APP-4, GO-29.
func TestRunStopsTheSystemInOrderAtASignal(t *testing.T) {
	runProgram(t, time.Minute, func(p program) {
		p.signals <- syscall.SIGTERM
		if err := p.expectEnd(3 * time.Second); err != nil {
			p.Error(err)
		}
	}, takes("a", time.Second), takes("b", 2*time.Second))
}

func TestRunStopsTheSystemWhenItsContextEnds(t *testing.T) {
	runProgram(t, 0, func(p program) {
		p.cancel()
		if err := p.expectEnd(time.Hour); err != nil {
			p.Error(err)
		}
	}, takes("a", time.Hour))
}

// APP-5, GO-29.
func TestRunTellsWhoWasTooSlow(t *testing.T) {
	runProgram(t, 10*time.Second, func(p program) {
		p.signals <- syscall.SIGTERM
		err := p.expectEnd(10*time.Second + 100*time.Millisecond)
		var slow *actor.ShutdownError
		if !errors.As(err, &slow) || len(slow.Abandoned) != 1 {
			p.Errorf("got error %v", err)
		}
		time.Sleep(time.Hour) // until the handler returns
	}, takes("quick", 0), takes("slow", time.Hour))
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	runProgram(t, 0, func(p program) {
		p.signals <- syscall.SIGTERM
		time.Sleep(time.Second)
		p.signals <- os.Interrupt
		var slow *actor.ShutdownError
		if err := p.expectEnd(100 * time.Millisecond); !errors.As(err, &slow) {
			p.Errorf("got error %v", err)
		}
		time.Sleep(time.Hour)
	}, takes("slow", time.Hour))
}

// The caller of Run may watch for signals, too.
func TestSignalThatEndedTheContextIsNoSecondOne(t *testing.T) {
	runProgram(t, 0, func(p program) {
		p.cancel()
		synctest.Wait()
		p.signals <- syscall.SIGTERM
		if err := p.expectEnd(time.Hour); err != nil {
			p.Error(err)
		}
	}, takes("a", time.Hour))
}

// APP-2: a program whose top supervisor has given up must not linger.
func TestRunEndsWithItsTopSupervisor(t *testing.T) {
	runProgram(t, 0, func(p program) {
		if err := p.expectEnd(0); !errors.Is(err, actor.Shutdown) {
			p.Errorf("got error %v", err)
		}
	}, Service("a", func(context.Context) error { return errors.New("no use") }))
}
