package actortest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// Sync waits until each of the actors, one after the other, has handled all that
// had been sent to it before. An actor that has ended has. Give them in the order
// in which messages travel: what the first sends to the second is then handled,
// too.
func Sync(t testing.TB, pids ...actor.PID) {
	t.Helper()
	for _, pid := range pids {
		if err := settle(pid, defaultPatience); err != nil {
			t.Fatalf("actortest: %v: %v", label(pid), err)
		}
	}
}

// settle sends a request through the actor's mailbox and waits for its turn.
func settle(pid actor.PID, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := pid.Inspect(ctx, func(any) {}); err == nil || !errors.Is(err, actor.NoProc) {
		return err
	}
	select { // NoProc may mean that it is only bound to end
	case <-pid.Done():
		return nil
	case <-ctx.Done():
		return errors.New("it is bound to end, but its handler does not return")
	}
}

// ExpectExit waits until an actor has ended and returns its reason, for which
// errors.Is(reason, want) must hold. A nil want allows every reason. It needs no
// probe; the limit is 3 s.
func ExpectExit(t testing.TB, pid actor.PID, want error) error {
	t.Helper()
	limit := time.NewTimer(defaultPatience)
	defer limit.Stop()
	select {
	case <-pid.Done():
	case <-limit.C:
		state := "it lives"
		if err := pid.Err(); err != nil {
			state = "its handler does not return, and then it will end with: " + err.Error()
		}
		t.Fatalf("actortest: %v did not end within %v: %s", label(pid), defaultPatience, state)
	}
	reason := pid.Err()
	if want != nil && !errors.Is(reason, want) {
		t.Fatalf("actortest: %v ended with: %v\nwant: %v", label(pid), reason, want)
	}
	return reason
}
