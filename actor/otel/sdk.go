package otel

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	global "go.opentelemetry.io/otel"

	"github.com/troupe-go/troupe/actor"
)

// sdk calls the program's OpenTelemetry SDK where the guard of no instrument does: its
// samplers, processors and propagators are users' code. The first time that they fail is the
// last time that they are called, for what hangs once hangs again.
type sdk struct{ off atomic.Bool }

// sdkPatience is how long a call may take, as with instruments.
const sdkPatience = 5 * time.Second

// call calls f and reports whether it has returned. If not, f may go on: what it writes to
// must not be looked at. It waits beyond the end of ctx, which is the caller's: for five
// seconds, once.
func (s *sdk) call(ctx context.Context, f func()) bool {
	if s.off.Load() {
		return false
	}
	limited, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), sdkPatience, errHangs)
	defer cancel()
	err := actor.Guard(limited, func() error { f(); return nil })
	if err != nil {
		s.takeOff(err)
	}
	return err == nil
}

var errHangs = errors.New("it has not returned for 5 s")

// takeOff tells OpenTelemetry's error handler, once.
func (s *sdk) takeOff(why error) {
	if s.off.Swap(true) {
		return
	}
	limited, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = actor.Guard(limited, func() error {
		global.Handle(fmt.Errorf("troupe: tracing is off: the SDK failed: %w", why))
		return nil
	})
}
