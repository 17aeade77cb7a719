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

// signalled is a program that runs in a bubble as Main runs it.
type signalled struct {
	*testing.T
	sys     *actor.System
	signals chan os.Signal
	ended   chan error
}

// runSignalled runs a program with these children as Main does and hands it to f.
func runSignalled(t *testing.T, grace time.Duration, f func(signalled), children ...Child) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := signalled{T: t, signals: make(chan os.Signal, 2), ended: make(chan error, 1)}
		program := Program{
			Spec:    Spec{Children: children},
			Grace:   grace,
			Config:  actor.Config{Logger: slog.New(slog.DiscardHandler)},
			OnStart: func(sys *actor.System, _ Tree) { p.sys = sys },
		}
		go func() { p.ended <- program.runUntil(p.signals) }()
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
func (p signalled) expectEnd(d time.Duration) error {
	p.Helper()
	begin := time.Now()
	err := <-p.ended
	if took := time.Since(begin); took != d {
		p.Errorf("it took %v, want %v", took, d)
	}
	return err
}

// APP-4, GO-29.
func TestSignalStopsTheProgramInOrder(t *testing.T) {
	runSignalled(t, time.Minute, func(p signalled) {
		p.signals <- syscall.SIGTERM
		if err := p.expectEnd(3 * time.Second); err != nil {
			p.Error(err)
		}
	}, takes("a", time.Second), takes("b", 2*time.Second))
}

// A grace may be long.
func TestSignalLeavesTheProgramItsGrace(t *testing.T) {
	runSignalled(t, 1<<63-1, func(p signalled) {
		p.signals <- syscall.SIGTERM
		if err := p.expectEnd(time.Hour); err != nil {
			p.Error(err)
		}
	}, takes("a", time.Hour))
}

// APP-5, GO-29.
func TestProgramNamesWhatWasTooSlow(t *testing.T) {
	for _, c := range []struct{ grace, takes time.Duration }{
		{10 * time.Second, 10 * time.Second},
		{0, 25 * time.Second}, // the default
	} {
		runSignalled(t, c.grace, func(p signalled) {
			p.signals <- syscall.SIGTERM
			err := p.expectEnd(c.takes + 100*time.Millisecond)
			if slow, ok := errors.AsType[*actor.ShutdownError](err); !ok || len(slow.Abandoned) != 1 {
				p.Errorf("got error %v", err)
			}
			time.Sleep(time.Hour) // until the handler returns
		}, takes("quick", 0), takes("slow", time.Hour))
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	runSignalled(t, 1<<63-1, func(p signalled) {
		p.signals <- syscall.SIGTERM
		time.Sleep(time.Second)
		p.signals <- os.Interrupt
		err := p.expectEnd(100 * time.Millisecond)
		if _, ok := errors.AsType[*actor.ShutdownError](err); !ok {
			p.Errorf("got error %v", err)
		}
		time.Sleep(time.Hour)
	}, takes("slow", time.Hour))
}

// A second signal ends a Drain, too.
func TestSecondSignalEndsADrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals, ended := make(chan os.Signal, 2), make(chan error, 1)
		go func() {
			ended <- Program{
				Config: actor.Config{Logger: slog.New(slog.DiscardHandler)},
				Drain:  func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
			}.runUntil(signals)
		}()
		synctest.Wait() // it has started
		signals <- syscall.SIGTERM
		synctest.Wait()
		begin := time.Now()
		signals <- os.Interrupt
		if err := <-ended; !errors.Is(err, context.Canceled) || time.Since(begin) != 0 {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
	})
}

// APP-2: a program whose tree has given up must not linger.
func TestProgramEndsWithItsTreeWithoutASignal(t *testing.T) {
	runSignalled(t, 0, func(p signalled) {
		if err := p.expectEnd(0); !errors.Is(err, actor.Shutdown) {
			p.Errorf("got error %v", err)
		}
	}, Service("a", func(context.Context) error { return errors.New("no use") }))
}
