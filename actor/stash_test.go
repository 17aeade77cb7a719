package actor_test

import (
	"fmt"
	"testing"

	"github.com/troupe-go/troupe/actor"
)

// door stashes numbers while it is closed.
type door struct {
	j      *journal
	closed bool
}

func (d *door) Receive(ctx *actor.Context[string], m string) error {
	switch {
	case m == "close":
		d.closed = true
	case m == "open":
		d.closed = false
		ctx.Unstash()
	case d.closed:
		return ctx.Stash(m)
	default:
		d.j.add("%s", m)
	}
	return nil
}

func TestStashedMessagesComeBackFirstAndInOrder(t *testing.T) { // GO-13
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		ref, err := actor.Spawn(sys, func() *door { return &door{j: &j} })
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []string{"1", "close", "2", "3", "open", "4", "close", "5", "open", "6"} {
			ref.Send(m)
		}
		settle()
		j.expect(t, "1", "2", "3", "4", "5", "6")
	})
}

func TestUnstashedMessagesCanBeStashedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		ref := spawnFunc(t, sys, func(ctx *actor.Context[int], m int) error {
			j.add("%d", m)
			if m > 0 && len(j.lines) < 6 {
				return ctx.Stash(m)
			}
			ctx.Unstash()
			return nil
		})
		for _, m := range []int{1, 2, 0, 3} {
			ref.Send(m)
		}
		settle()
		// 1 and 2 are stashed, 0 brings them back, they are stashed again, and so on.
		j.expect(t, "1", "2", "0", "1", "2", "3", "1", "2")
	})
}

func TestStashedMessagesOfADeadActorAreDeadLetters(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		ref := spawnFunc(t, sys, func(ctx *actor.Context[int], m int) error {
			if m == 3 {
				ctx.Unstash()
				return actor.Stop
			}
			return ctx.Stash(m)
		})
		for m := range 5 {
			ref.Send(m)
		}
		settle()
		if got := sys.DeadLetters(); got != 4 {
			t.Errorf("%d dead letters, want 4", got)
		}
	})
}

func TestBecome(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		var calm, angry actor.BehaviorFunc[string]
		calm = func(ctx *actor.Context[string], m string) error {
			j.add("calm %s", m)
			if m == "poke" {
				ctx.Become(angry)
			}
			return nil
		}
		angry = func(ctx *actor.Context[string], m string) error {
			j.add("angry %s", m)
			if m == "soothe" {
				ctx.Become(calm)
			}
			return nil
		}
		ref := spawnFunc(t, sys, calm)
		for _, m := range []string{"hi", "poke", "hi", "soothe", "hi"} {
			ref.Send(m)
		}
		settle()
		j.expect(t, "calm hi", "calm poke", "angry hi", "angry soothe", "calm hi")
	})
}

func TestUrgentMessagesOvertakeOrdinaryOnes(t *testing.T) { // PRI-1, PRI-2
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		var urgent actor.UrgentRef[do]
		ref := start(t, sys, &script{})
		in(t, ref, func(ctx *doContext) { urgent = ctx.Urgent() })
		say := func(what string) do {
			return func(*doContext) error {
				j.add("%s", what)
				return nil
			}
		}
		release := make(chan struct{})
		ref.Send(func(*doContext) error {
			<-release
			return nil
		})
		settle()
		for i := range 3 {
			ref.Send(say(fmt.Sprint("ordinary ", i)))
		}
		for i := range 3 {
			urgent.Send(say(fmt.Sprint("urgent ", i)))
		}
		// One that comes while a batch is being handled does not wait for its end.
		ref.Send(func(*doContext) error {
			urgent.Send(say("late urgent"))
			return nil
		})
		ref.Send(say("last"))
		close(release)
		settle()
		j.expect(t, "urgent 0", "urgent 1", "urgent 2", "ordinary 0", "ordinary 1", "ordinary 2", "late urgent", "last")
		urgent.Send(say("wakes it up"))
		settle()
		j.expect(t, "wakes it up")

		urgent.Send(returning(actor.Stop))
		urgent.Send(say("lost"))
		settle()
		urgent.Send(say("lost"))
		if got := sys.DeadLetters(); got != 2 {
			t.Errorf("%d dead letters, want 2", got)
		}
		if urgent.PID() != ref.PID() {
			t.Error("an UrgentRef with another PID")
		}
	})
}
