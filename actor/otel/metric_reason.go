package otel

import (
	"context"
	"fmt"
	"reflect"

	"github.com/troupe-go/troupe/actor"
)

// reasons are the classes of exit reasons, and of those of dead letters.
var reasons = []string{
	"normal", "shutdown", "killed", "panic", "goexit", "noproc", "full", "timeout", "canceled", "error",
}

// classOf returns the class of a reason. It calls no method of a reason:
// those of users' types may panic or hang, and an observer that does is taken off.
func classOf(reason error) string {
	for reason != nil {
		switch reason {
		case actor.Normal:
			return "normal"
		case actor.Shutdown:
			return "shutdown"
		case actor.Killed, actor.Kill:
			return "killed"
		case actor.Goexit:
			return "goexit"
		case actor.NoProc:
			return "noproc"
		case actor.ErrFull:
			return "full"
		case context.DeadlineExceeded:
			return "timeout"
		case context.Canceled:
			return "canceled"
		}
		switch e := reason.(type) {
		case *actor.PanicError:
			return "panic"
		case *actor.CallError:
			if e == nil {
				return "error"
			}
			reason = e.Err
		default:
			if reflect.TypeOf(reason) != wrapped {
				return "error"
			}
			reason = reason.(interface{ Unwrap() error }).Unwrap()
		}
	}
	return "error"
}

// wrapped is what fmt.Errorf makes, whose method is Go's own.
var wrapped = reflect.TypeOf(fmt.Errorf("%w", context.Canceled))
