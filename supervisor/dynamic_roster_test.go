package supervisor

import (
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// identities returns PIDs to tell members apart by.
func identities(t *testing.T, n int) []actor.PID {
	sys := actor.NewSystem(actor.Config{})
	t.Cleanup(func() { _ = sys.Shutdown(t.Context()) })
	pids := make([]actor.PID, n)
	for i := range pids {
		ref, err := actor.Spawn(sys, actor.Func(func(*actor.Context[int], int) error { return nil }))
		if err != nil {
			t.Fatal(err)
		}
		pids[i] = ref.PID()
	}
	return pids
}

// DYN-6, SUP-20: what follows the end of a member.
func TestRosterDecisions(t *testing.T) {
	pid := identities(t, 2)
	for _, c := range []struct {
		restart Restart
		clean   bool
		want    memberDecision
		left    int
	}{
		{Permanent, true, memberDecision{report: true, restart: true}, 1},
		{Permanent, false, memberDecision{report: true, restart: true}, 1},
		{Transient, true, memberDecision{}, 0},
		{Transient, false, memberDecision{report: true, restart: true}, 1},
		{Temporary, true, memberDecision{}, 0},
		{Temporary, false, memberDecision{report: true}, 0},
	} {
		r := newRoster(DynamicSpec{})
		r.add(pid[0], member{restart: c.restart})
		if _, _, known := r.exited(pid[1], c.clean, 0); known {
			t.Error("a stranger is known")
		}
		_, got, known := r.exited(pid[0], c.clean, 0)
		if !known || got != c.want || len(r.members) != c.left {
			t.Errorf("%v, clean %v: known %v, %+v, %d left; want %+v, %d left",
				c.restart, c.clean, known, got, len(r.members), c.want, c.left)
		}
	}
}

// SUP-40, SUP-42: a member that does not start waits under its former PID.
func TestRosterRetries(t *testing.T) {
	pid := identities(t, 2)
	r := newRoster(DynamicSpec{MaxChildren: 1, Intensity: 2, Period: time.Second})
	r.add(pid[0], newMember(Child{Start: nobody, Type: TypeSupervisor}))
	count := func(want Count) {
		t.Helper()
		if got := r.count(); got != want {
			t.Errorf("count %+v, want %+v", got, want)
		}
	}
	r.exited(pid[0], false, 0)
	r.restartFailed(pid[0])
	count(Count{Specs: 1, Supervisors: 1})
	if err := r.mayAdd(); err != ErrMaxChildren {
		t.Errorf("room while one is restarting: %v", err)
	}
	if _, _, known := r.exited(pid[0], false, 0); known {
		t.Error("a member that is restarting cannot end")
	}
	if _, d := r.retry(pid[0], 0); !d.restart {
		t.Errorf("retry: %+v", d)
	}
	r.restarted(pid[0], pid[1])
	count(Count{Specs: 1, Active: 1, Supervisors: 1})
	if _, d := r.retry(pid[0], 0); d.restart {
		t.Error("a retry that is no longer due is carried out")
	}
	if _, d, _ := r.exited(pid[1], true, 0); d.verdict != intensitySpent || d.restart {
		t.Errorf("the third restart: %+v", d)
	}
	count(Count{})

	r.add(pid[0], member{restarting: true})
	if m, err := r.forget(pid[0]); err != nil || !m.restarting {
		t.Errorf("forget: %+v, %v", m, err)
	}
	if _, d := r.retry(pid[0], time.Hour); d.restart {
		t.Error("a terminated member is tried again")
	}
	if _, err := r.forget(pid[0]); err != ErrNotFound {
		t.Errorf("forget twice: %v", err)
	}
}

// A temporary member's Start may refer to much; it must not be kept.
func TestRosterLetsGoOfTemporaryStarts(t *testing.T) {
	if m := newMember(Child{Start: nobody, Restart: Temporary}); m.start != nil {
		t.Error("it is kept")
	}
}
