package supervisor

import (
	"context"
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/actor"
)

// Call calls the incarnation of a child that lives now, as [actor.Call] does, and does
// not wait for the next one. The error names the child, such as
//
//	supervisor: call child "house": not running
//
// and wraps the [*actor.CallError] of the call.
//
// OTP: gen_server:call/2.
func Call[M, R any](ctx context.Context, to Ref[M], newRequest func(actor.Reply[R]) M) (R, error) {
	answer, err := actor.Call(ctx, to.Now(), newRequest)
	return answer, to.named(err)
}

// named returns the error of a call, told of the child.
func (r Ref[M]) named(err error) error {
	if failed, ok := errors.AsType[*actor.CallError](err); ok {
		return &callError{r.child(), failed}
	}
	return err
}

// callError is the error of a call, told of the child and not of its incarnation: a PID
// says nothing to those that know the child by its ID, and between two incarnations there
// is none.
type callError struct {
	child  string
	failed *actor.CallError
}

func (e *callError) Error() string {
	if e.failed.Ended {
		return fmt.Sprintf("supervisor: call %s: it ended: %v", e.child, e.failed.Err)
	}
	return fmt.Sprintf("supervisor: call %s: %v", e.child, e.failed.Err)
}

// Unwrap returns what the call failed with.
func (e *callError) Unwrap() error { return e.failed }
