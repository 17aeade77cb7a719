package pool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// Call has a worker answer the request that newRequest makes around a [actor.Reply], and
// waits for the answer. If the queue is bounded with [mailbox.Block] it waits for room
// first.
//
// The wait ends with an error that wraps an [*actor.CallError] when ctx is done, when the
// queue has no room, and when the job is dropped: at once when the last worker that tried
// it has crashed, with a [*WorkerError]. No worker begins a request whose caller has given
// up. A worker that calls its own pool waits for another one: with a deadline, or all may
// wait for each other.
//
// OTP: gen_server:call/2.
func Call[M, R any](ctx context.Context, to *Pool[M], newRequest func(actor.Reply[R]) M) (R, error) {
	answer, err := actor.Call(ctx, to.manager(), asCall(newRequest))
	return answer, to.named(err)
}

// AskTo is Call by an actor that does not wait: the answer comes to it as a message, the one
// that answer makes of the value or of the error, as with [actor.AskTo]:
//
//	pool.AskTo(c, payments, newCharge, func(r receipt, err error) message {
//		return charged{r, err}
//	}).GiveUpAfter(time.Minute)
//
// The error is that of Call. No worker begins a request that was given up, or whose asker
// has ended. AskTo panics if newRequest or answer is nil.
//
// OTP: gen_server:send_request/4, handled in handle_info/2.
func AskTo[M, N, R any](c *actor.Context[M], to *Pool[N], newRequest func(actor.Reply[R]) N, answer func(R, error) M) *actor.Pending[R] {
	if newRequest == nil || answer == nil {
		panic("pool: AskTo: newRequest or answer is nil")
	}
	return actor.AskTo(c, to.manager(), asCall(newRequest), func(v R, err error) M { return answer(v, to.named(err)) })
}

// manager returns the manager of the pool's present run, or nobody. One that drains would
// look at a call only when it has drained.
func (p *Pool[M]) manager() actor.Ref[request[M]] {
	if r := p.now.Load(); r != nil && r.isOpen() {
		return r.manager
	}
	return actor.Ref[request[M]]{}
}

// asCall wraps what a caller requests for the manager, whose message brings what the job
// carries. No instrument can be told which worker will have it.
func asCall[M, R any](newRequest func(actor.Reply[R]) M) func(actor.Reply[R]) request[M] {
	return func(r actor.Reply[R]) request[M] {
		return call[M]{job[M]{message: newRequest(r), caller: r, since: time.Now()}}
	}
}

// named returns the error of a call, told of the pool.
func (p *Pool[M]) named(err error) error {
	if failed, ok := errors.AsType[*actor.CallError](err); ok {
		return &callError{p.cfg.ID, failed}
	}
	return err
}

// callError is the error of a call, told of the pool and not of its manager.
type callError struct {
	pool   string
	failed *actor.CallError
}

func (e *callError) Error() string {
	if e.failed.Ended {
		return fmt.Sprintf("pool: call %q: it ended: %v", e.pool, e.failed.Err)
	}
	return fmt.Sprintf("pool: call %q: %v", e.pool, e.failed.Err)
}

// Unwrap returns what the call failed with.
func (e *callError) Unwrap() error { return e.failed }
