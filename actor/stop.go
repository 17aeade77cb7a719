package actor

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Stop asks the actor to end with the given reason, nil meaning [Normal], and
// waits until it has ended. The request queues behind the messages sent before;
// Terminate runs. Stop returns
//
//   - nil, if the actor has ended with that very reason;
//   - an error that wraps the real reason, if it was another;
//   - an error that wraps [NoProc], if the actor had ended before;
//   - ctx's error, if ctx was done first: the request stands.
//
// OTP: gen_server:stop/3.
func (p PID) Stop(ctx context.Context, reason error) error {
	fail := func(err error) error { return fmt.Errorf("actor: stop %s: %w", p.subject(), err) }
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	if !p.Alive() {
		return fail(NoProc)
	}
	if caller(ctx) == p.p {
		return fail(ErrSelf)
	}
	end := judge(reasonOrNormal(reason))
	p.p.flags.Or(leaving)
	p.p.typed.mark(stopSignal{end})
	select {
	case <-p.Done():
	case <-ctx.Done():
		return fail(ctx.Err())
	}
	if was := p.p.doom.Load(); !was.is(end) {
		return fmt.Errorf("actor: stop %s: it ended: %w", p.subject(), was.reason)
	}
	return nil
}

// StopAll sends an exit signal with the given reason, nil meaning [Shutdown], to all the
// actors at once and waits until they have ended. When ctx is done it kills those that are
// left, and when grace has passed after that, it abandons those whose handlers still do not
// return; see [PID.Abandon]. It returns those that it had to kill. [Kill] as the reason
// kills at once.
//
// If ctx is or comes from the [Context] of an actor, that actor is the sender of the
// signals: its children obey it though they trap exits. If it is doomed meanwhile, StopAll
// returns and leaves the rest to its links. It is not stopped itself if it is among them.
//
// OTP: supervisor:terminate_child/2, as the supervisor does it.
func StopAll(ctx context.Context, pids []PID, reason error, grace time.Duration) (killed []PID) {
	if reason == nil {
		reason = Shutdown
	}
	by, end := caller(ctx), judge(reason)
	left := make([]*process, 0, len(pids))
	for _, pid := range pids {
		if pid.p != nil && pid.p != by {
			left = append(left, pid.p)
		}
	}
	if reason != Kill {
		for _, p := range left {
			p.exit(exitSignal{from: by, end: end})
		}
		left = awaitAll(left, ctx.Done())
	}
	if by != nil && by.doomed() != nil {
		return nil
	}
	killAll(left, grace, by)
	for _, p := range left {
		killed = append(killed, PID{p})
	}
	return killed
}

// killAll kills actors, and abandons those that have not ended after the grace that all
// share, with one dump of their stacks. The doom of the actor by, if there is one, which
// waits, ends the wait.
func killAll(all []*process, grace time.Duration, by *process) {
	if len(all) == 0 {
		return
	}
	for _, p := range all {
		p.kill(killed())
	}
	ctx := context.Background()
	if by != nil {
		ctx = by.context()
	}
	over, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	late := awaitAll(all, over.Done())
	if len(late) == 0 || ctx.Err() != nil {
		return
	}
	stacks := late[0].sys.dumps.take(late...)
	var abandons sync.WaitGroup // each may wait for a Release, but not for one another
	for _, p := range late {
		abandons.Go(func() { p.abandon(stacks[p]) })
	}
	abandons.Wait()
}

// awaitAll waits until the actors have ended, and returns those that have not when over is
// closed.
func awaitAll(all []*process, over <-chan struct{}) (late []*process) {
	for _, p := range all {
		select {
		case <-PID{p}.Done():
		case <-over:
			if !p.isTold() {
				late = append(late, p)
			}
		}
	}
	return late
}

// killGrace is how long a killed actor has for its running handler to return
// before it is abandoned, unless the caller has another grace.
const killGrace = 100 * time.Millisecond
