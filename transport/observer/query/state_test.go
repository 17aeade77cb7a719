package query_test

import (
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/observer/query"
)

// stateful is a worker with a LogValue.
type stateful struct {
	worker
	logValue func() slog.Value
}

func (s stateful) LogValue() slog.Value { return s.logValue() }

func spawnStateful(t *testing.T, sys *actor.System, logValue func() slog.Value) actor.PID {
	t.Helper()
	ref, err := actor.Spawn(sys, func() actor.Behavior[time.Duration] { return stateful{logValue: logValue} })
	if err != nil {
		t.Fatal(err)
	}
	return ref.PID()
}

// begins reports whether a text begins so, and is empty if that is.
func begins(text, want string) bool {
	return strings.HasPrefix(text, want) && (text == "") == (want == "")
}

// A LogValue is users' code: whatever it does, the answer comes, and says why there is no
// state, and the actor lives.
func TestALogValueThatFailsIsSaidSo(t *testing.T) {
	for name, c := range map[string]struct {
		logValue    func() slog.Value
		state, none string // how they begin
	}{
		"a value": {func() slog.Value { return slog.StringValue("ready") }, "ready", ""},
		"a panic": {func() slog.Value { panic("no") }, "LogValue panicked", ""}, // package slog says so
		"Goexit":  {func() slog.Value { runtime.Goexit(); return slog.Value{} }, "", "its LogValue fails: "},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, sys := measuredSource(t)
				pid := spawnStateful(t, sys, c.logValue)
				a, err := s.Actor(t.Context(), query.ActorRequest{PID: pid.String()})
				if err != nil || !begins(a.State, c.state) || !begins(a.NoState, c.none) {
					t.Errorf("it is %+v, %v", a, err)
				}
				if !pid.Alive() {
					t.Errorf("it has ended: %v", pid.Err())
				}
			})
		})
	}
}

// A LogValue that hangs holds up the answer for a moment, its actor for some seconds, and
// other questions not at all.
func TestALogValueThatHangsIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, sys := measuredSource(t)
		release := make(chan struct{})
		defer close(release)
		hanging := spawnStateful(t, sys, func() slog.Value { <-release; return slog.Value{} })
		other := spawnStateful(t, sys, func() slog.Value { return slog.StringValue("ready") })
		start := time.Now()
		a, err := s.Actor(t.Context(), query.ActorRequest{PID: hanging.String()})
		if took := time.Since(start); err != nil || a.State != "" || a.NoState != "it is busy" || took > 500*time.Millisecond {
			t.Errorf("it is %+v after %v, %v", a, took, err)
		}
		if a, err := s.Actor(t.Context(), query.ActorRequest{PID: other.String()}); err != nil || a.State != "ready" {
			t.Errorf("another is %+v, %v", a, err)
		}
		time.Sleep(6 * time.Second) // of the bubble's
		ref, _ := actor.RefOf[time.Duration](hanging)
		ref.Send(0)
		synctest.Wait()
		if info, ok := hanging.Info(); !ok || info.QueueLen != 0 || info.Status != actor.Idle {
			t.Errorf("after some seconds the actor is %+v", info)
		}
	})
}
