package supervisor

import (
	"context"
	"fmt"

	"github.com/troupe-go/troupe/actor"
)

// The two kinds of supervisor take requests that serve themselves, see treeRequest and
// dynamicRequest. This is how both are asked, and how both answer.

// ask makes a request and waits for the answer.
func ask[M, R any](ctx context.Context, to actor.Ref[M], what, id string, newRequest func(actor.Reply[R]) M) (R, error) {
	answer, err := actor.Call(ctx, to, newRequest)
	if err == nil {
		return answer, nil
	}
	if call, ok := err.(*actor.CallError); ok {
		switch err = call.Err; { // what is said here says more than that there was a call
		case call.Ended:
			err = fmt.Errorf("the supervisor ended: %w", err)
		case err == actor.NoProc:
			err = fmt.Errorf("the supervisor is %w", err)
		}
	}
	if id != "" {
		return answer, fmt.Errorf("supervisor: %s %q: %w", what, id, err)
	}
	return answer, fmt.Errorf("supervisor: %s: %w", what, err)
}

// answer answers a call with what f returns.
func answer[R any](self actor.Self, r actor.Reply[R], f func() (R, error)) {
	switch v, err := f(); {
	case isCutShort(self):
	case err != nil:
		r.Fail(err)
	default:
		r.Send(v)
	}
}

// startFor answers a call with the child that start has started. If the caller has
// already given up, nothing is started. If it gives up meanwhile, undo stops the child
// again, because nothing else knows of it.
func startFor(self actor.Self, r actor.Reply[actor.PID], start func() (actor.PID, error), undo func(actor.PID)) {
	if !r.Wanted() {
		return
	}
	switch pid, err := start(); {
	case isCutShort(self):
	case err != nil:
		r.Fail(err)
	case !r.Send(pid):
		undo(pid)
	}
}
