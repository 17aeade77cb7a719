package pool

import (
	"context"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// job is what a pool does for a message, from the moment when it is handed over until it
// has been handled, dropped or given up.
type job[M any] struct {
	message  M
	caller   caller // nil if it was sent
	carries  actor.Carried
	since    time.Time // when it was accepted
	attempts int       // how many workers have begun it
}

// caller is a caller's Reply, whatever its type.
type caller interface {
	Wanted() bool
	Fail(error) bool
}

// wanted reports whether there is somebody who wants the job to be done.
func (j *job[M]) wanted() bool { return j.caller == nil || j.caller.Wanted() }

// applicant is a job in the line before a queue that is full, or its sender.
type applicant[M any] struct {
	job[M]
	accepted chan error // of a sender that waits; has room for the outcome. nil for a call
	gone     bool       // the sender no longer waits
}

func (a *applicant[M]) wanted() bool { return !a.gone && a.job.wanted() }

// settle tells a sender the outcome. A caller waits for more than that.
func (a *applicant[M]) settle(outcome error) {
	if a.accepted != nil {
		a.accepted <- outcome
	} else if outcome != nil {
		a.caller.Fail(outcome)
	}
}

// apply waits in line until the job is accepted or ctx is done.
func (r *run[M]) apply(ctx context.Context, j job[M]) error {
	a := &applicant[M]{job: j, accepted: make(chan error, 1)}
	if waits, err := r.accept(j, a); !waits {
		return err
	}
	select {
	case err := <-a.accepted:
		return err
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case err := <-a.accepted: // both came: the job is in the queue
		return err
	default:
	}
	var none M
	a.gone, a.message = true, none // it is passed over when its turn comes
	r.left++
	return ctx.Err()
}
