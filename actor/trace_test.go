package actor_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// handles is a script that also handles idleness.
type handles struct{ script }

func (*handles) HandleIdle(*doContext) error { return nil }

// allKinds has an actor handle one thing of each kind, and one message before.
func allKinds(t *testing.T, sys *actor.System, a actor.Ref[do]) {
	t.Helper()
	peer, watched := start(t, sys, &script{}), start(t, sys, &script{})
	in(t, a, func(ctx *doContext) {
		ctx.TrapExit(true)
		if err := ctx.Link(peer.PID()); err != nil {
			t.Error(err)
		}
		ctx.Monitor(watched.PID())
		ctx.IdleAfter(time.Hour)
	})
	peer.Send(returning(errBoom))
	settle()
	watched.Send(returning(errBoom))
	settle()
	in(t, a, func(ctx *doContext) {
		ctx.After(time.Minute, func(*doContext) error { time.Sleep(time.Second); return nil })
	})
	time.Sleep(2 * time.Hour)
	settle()
}

// OBS-4: more than one may trace; exits, downs and timeouts are traced as well.
func TestInstall(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		a, err := actor.Spawn(sys, behave(&handles{}))
		if err != nil {
			t.Fatal(err)
		}
		var main, first, second journal
		to := func(j *journal) func(actor.Trace) {
			return func(tr actor.Trace) {
				what := ""
				switch m := tr.Message.(type) {
				case actor.Exit:
					what = fmt.Sprint(" ", m.Reason)
				case actor.Down:
					what = fmt.Sprint(" ", m.Reason)
				}
				j.add("%v%s %v", tr.Kind, what, tr.Took)
			}
		}
		if err := a.PID().Trace(t.Context(), to(&main)); err != nil {
			t.Fatal(err)
		}
		stopFirst, err := a.PID().Install(t.Context(), to(&first))
		if err != nil {
			t.Fatal(err)
		}
		stopSecond, err := a.PID().Install(t.Context(), to(&second))
		if err != nil {
			t.Fatal(err)
		}
		defer stopSecond()
		allKinds(t, sys, a)
		want := []string{"message 0s", "exit boom 0s", "down boom 0s", "message 0s", "timeout 1s", "timeout 0s"}
		for _, j := range []*journal{&main, &first, &second} {
			j.expect(t, want...)
		}
		stopFirst()
		if err := a.PID().Trace(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		in(t, a, func(*doContext) {})
		settle()
		main.expect(t)
		first.expect(t)
		second.expect(t, "message 0s")
		if _, err := (actor.PID{}).Install(t.Context(), to(&first)); !errors.Is(err, actor.NoProc) {
			t.Errorf("nobody: %v", err)
		}
	})
}

// OBS-4: the last things that were handled.
func TestKeepLog(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		a, err := actor.Spawn(sys, behave(&handles{}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.PID().Log(t.Context()); !errors.Is(err, actor.ErrNotKept) {
			t.Errorf("without KeepLog: %v", err)
		}
		if err := a.PID().KeepLog(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		allKinds(t, sys, a)
		log, err := a.PID().Log(t.Context())
		if err != nil || len(log) != 3 || log[0].Kind != actor.TraceMessage || log[1].Kind != actor.TraceTimeout || log[1].Took != time.Second {
			t.Errorf("%v, %v", log, err)
		}
		if err := a.PID().KeepLog(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if _, err := a.PID().Log(t.Context()); !errors.Is(err, actor.ErrNotKept) {
			t.Errorf("after it was turned off: %v", err)
		}
	})
}

// OBS-4: statistics.
func TestStatistics(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		a, err := actor.Spawn(sys, behave(&handles{}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.PID().Statistics(t.Context()); !errors.Is(err, actor.ErrNotKept) {
			t.Errorf("without KeepStatistics: %v", err)
		}
		if err := a.PID().KeepStatistics(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		allKinds(t, sys, a)
		got, err := a.PID().Statistics(t.Context())
		want := actor.Statistics{Since: begin, Messages: 2, Exits: 1, Downs: 1, Timeouts: 2, Worked: time.Second, Longest: time.Second}
		if err != nil || got != want {
			t.Errorf("%+v, %v\nwant %+v", got, err, want)
		}
		if err := a.PID().KeepStatistics(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		if _, err := a.PID().Statistics(t.Context()); !errors.Is(err, actor.ErrNotKept) {
			t.Errorf("after they were turned off: %v", err)
		}
	})
}
