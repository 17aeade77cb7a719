package actor_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
)

func TestKinIsKnownAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actor.NewSystem(actor.Config{})
		defer sys.Shutdown(t.Context())
		time.Sleep(time.Minute)
		now := time.Now()

		children := make(chan actor.PID, 1)
		parent, err := actor.Spawn(sys, actor.Func(func(ctx *actor.Context[int], _ int) error {
			child, err := actor.SpawnLink(ctx, actor.Func(func(*actor.Context[int], int) error { return nil }))
			children <- child.PID()
			return err
		}))
		if err != nil {
			t.Fatal(err)
		}
		parent.Send(1)
		child := <-children
		for range 2 { // alive, and ended
			if child.Parent() != parent.PID() || !parent.PID().Parent().IsZero() {
				t.Errorf("parents are %v and %v, want %v and none", child.Parent(), parent.PID().Parent(), parent.PID())
			}
			if d := now.Sub(child.Started()).Abs(); d > time.Second/10 {
				t.Errorf("spawned at %v, want %v", child.Started(), now)
			}
			parent.PID().Exit(actor.Shutdown)
			<-child.Done()
		}
		if !(actor.PID{}).Parent().IsZero() || !(actor.PID{}).Started().IsZero() {
			t.Error("nobody has a parent, or has been spawned")
		}
	})
}

func TestFindTakesOnlyWhatAPIDReadsAs(t *testing.T) {
	sys := actor.NewSystem(actor.Config{Node: "n.1"})
	defer sys.Shutdown(t.Context())
	refs := make([]actor.Ref[int], 40)
	for i := range refs {
		var err error
		if refs[i], err = actor.Spawn(sys, actor.Func(func(*actor.Context[int], int) error { return nil })); err != nil {
			t.Fatal(err)
		}
	}
	for _, ref := range refs {
		if pid, ok := sys.Find(ref.String()); !ok || pid != ref.PID() {
			t.Fatalf("Find(%q) = %v, %v", ref, pid, ok)
		}
	}
	for _, text := range []string{"", "<>", "1", "<1>", "<n.1.>", "<n.1.+1>", "<n.1.01>", "<n.1.1", "n.1.1>", "<0.1>",
		"<n.1.99999>", "<n.1.0>", "<n.1.-1>", "<n.1.18446744073709551616>", " <n.1.1>", "<n.1.1> "} {
		if pid, ok := sys.Find(text); ok {
			t.Errorf("Find(%q) = %v, want nothing", text, pid)
		}
	}
	refs[3].PID().Exit(actor.Kill)
	<-refs[3].PID().Done()
	if pid, ok := sys.Find(refs[3].String()); ok {
		t.Errorf("an actor that has ended is found: %v", pid)
	}
}

func TestPIDsCompareByTheirSpawns(t *testing.T) {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(t.Context())
	var pids []actor.PID
	for range 20 {
		ref, err := actor.Spawn(sys, actor.Func(func(*actor.Context[int], int) error { return nil }))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, ref.PID())
	}
	for i, p := range pids {
		if p.Compare(p) != 0 || p.Compare(actor.PID{}) != 1 || (actor.PID{}).Compare(p) != -1 {
			t.Fatalf("%v does not compare with itself, or with nobody", p)
		}
		if i > 0 && (pids[i-1].Compare(p) != -1 || p.Compare(pids[i-1]) != 1) {
			t.Fatalf("%v does not come after %v", p, pids[i-1])
		}
	}
}

func TestBehaviorIsThatOfInfo(t *testing.T) {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(t.Context())
	ref, err := actor.Spawn(sys, actor.Func(func(*actor.Context[int], int) error { return nil }))
	if err != nil {
		t.Fatal(err)
	}
	pid := ref.PID()
	info, _ := pid.Info()
	if b := pid.Behavior(); b == nil || b != info.Behavior {
		t.Errorf("the behavior is a %v, want %v", b, info.Behavior)
	}
	if pid.Ended() {
		t.Error("it has ended")
	}
	pid.Exit(actor.Kill)
	<-pid.Done()
	if b := pid.Behavior(); b != nil || !pid.Ended() {
		t.Errorf("after its end it has a %v, and has ended: %v", b, pid.Ended())
	}
	if !(actor.PID{}).Ended() {
		t.Error("nobody lives")
	}
}

func TestStatusIsThatOfInfo(t *testing.T) {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(t.Context())
	entered, leave := make(chan struct{}), make(chan struct{})
	ref, err := actor.Spawn(sys, actor.Func(func(*actor.Context[int], int) error {
		entered <- struct{}{}
		<-leave
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	if s := ref.PID().Status(); s != actor.Idle {
		t.Errorf("with nothing to do it is %v", s)
	}
	ref.Send(1)
	<-entered
	if s := ref.PID().Status(); s != actor.Running {
		t.Errorf("in a handler it is %v", s)
	}
	close(leave)
	if err := ref.PID().Suspend(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := ref.PID().Status(); s != actor.Suspended {
		t.Errorf("after Suspend it is %v", s)
	}
	ref.PID().Exit(actor.Kill)
	<-ref.PID().Done()
	if s := ref.PID().Status(); s != actor.Idle {
		t.Errorf("after its end it is %v", s)
	}
}
