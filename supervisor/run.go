package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// Run is for main: it waits until ctx is done, the process gets a SIGTERM or an
// interrupt, or one of tops has ended; then it shuts the system down, see
// [actor.System.Shutdown], within grace. 0 means that there is no limit. A second
// signal, whenever it comes, cuts the shutdown short.
//
//	top, err := supervisor.Start(sys, spec)
//	…
//	if err := supervisor.Run(ctx, sys, 25*time.Second, top.PID()); err != nil {
//		log.Fatal(err)
//	}
//
// The tops are actors without which there is no use in going on, usually the program's
// top supervisor, as in a permanent application of OTP. If one ends by itself the error
// says so, and wraps its reason. If actors had to be killed, or are stuck in a handler
// and were abandoned, the error wraps an [*actor.ShutdownError] that lists them. A
// shutdown in order returns nil, whatever the cause.
//
// Make grace shorter than what the process is given: 30 s in Kubernetes. Children
// stop one after the other, so their Shutdown times add up.
func Run(ctx context.Context, sys *actor.System, grace time.Duration, tops ...actor.PID) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	return run(ctx, sys, grace, signals, tops)
}

func run(ctx context.Context, sys *actor.System, grace time.Duration, signals <-chan os.Signal, tops []actor.PID) error {
	// ctx may belong to code that shuts down because of the same signal. So it is the
	// number of signals that counts, not whether one comes during shutdown.
	stop, stopNow := newAlarm(), newAlarm()
	over := make(chan struct{})
	defer close(over)
	go func() {
		for _, a := range []alarm{stop, stopNow} {
			select {
			case <-signals:
				a.ring(nil)
			case <-over:
				return
			}
		}
	}()
	for _, top := range tops {
		go func() {
			select {
			case <-top.Done():
				stop.ring(fmt.Errorf("supervisor: %v %q has ended: %w", top, top.Name(), top.Err()))
			case <-over:
			}
		}()
	}

	var cause error
	select {
	case <-ctx.Done():
	case cause = <-stop:
	}
	limit, cancel := context.WithCancel(context.Background())
	defer cancel()
	if grace > 0 {
		limit, cancel = context.WithTimeout(limit, grace)
		defer cancel()
	}
	go func() {
		select {
		case <-stopNow:
			cancel()
		case <-over:
		}
	}()
	return errors.Join(cause, sys.Shutdown(limit))
}

// alarm tells of the first of some events.
type alarm chan error

func newAlarm() alarm { return make(alarm, 1) }

// ring tells why. Only the first one is heard.
func (a alarm) ring(err error) {
	select {
	case a <- err:
	default:
	}
}
