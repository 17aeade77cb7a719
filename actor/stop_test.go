package actor_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// An actor ends its children in order, kills those that are late, and abandons those that
// do not return even then. All share each of the two waits.
func TestStopAll(t *testing.T) {
	var release chan struct{}
	kinds := map[string]struct {
		behave func(j *journal) *scriptInit
		ends   error
		killed bool
	}{
		"plain": {func(*journal) *scriptInit { return &scriptInit{init: returning(nil)} }, actor.Shutdown, false},
		"traps": {func(j *journal) *scriptInit {
			return &scriptInit{
				script: script{terminate: func(_ *doContext, reason error) { j.add("terminates: %v", reason) }},
				init:   func(ctx *doContext) error { ctx.TrapExit(true); return nil },
			}
		}, actor.Shutdown, false},
		"slow": {func(*journal) *scriptInit {
			return &scriptInit{
				script: script{terminate: func(ctx *doContext, _ error) { <-ctx.Done() }},
				init:   func(ctx *doContext) error { ctx.TrapExit(true); return nil },
			}
		}, actor.Killed, true},
		"stuck": {func(*journal) *scriptInit {
			return &scriptInit{
				script: script{terminate: func(*doContext, error) { <-release }},
				init:   func(ctx *doContext) error { ctx.TrapExit(true); return nil },
			}
		}, actor.Killed, true},
	}
	bubble(t, func(t *testing.T, sys *actor.System) {
		release = make(chan struct{})
		parent := start(t, sys, &script{})
		trapping(t, parent)
		var j journal
		in(t, parent, func(ctx *doContext) {
			pids := []actor.PID{{}, ctx.PID()} // neither of which is stopped
			var want []actor.PID
			ends := map[actor.PID]error{}
			for _, kind := range []string{"stuck", "plain", "slow", "traps", "stuck", "slow"} {
				ref, err := actor.SpawnLink(ctx, behave(kinds[kind].behave(&j)))
				if err != nil {
					t.Fatal(err)
				}
				pids = append(pids, ref.PID())
				ends[ref.PID()] = kinds[kind].ends
				if kinds[kind].killed {
					want = append(want, ref.PID())
				}
			}
			begin := time.Now()
			limited, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			killed := actor.StopAll(limited, pids, nil, 3*time.Second)
			if took := time.Since(begin); took != 4*time.Second || !slices.Equal(killed, want) {
				t.Errorf("killed %v after %v, want %v", killed, took, want)
			}
			for pid, reason := range ends {
				await(t, pid.Done())
				if pid.Err() != reason {
					t.Errorf("%v ended with %v, want %v", pid, pid.Err(), reason)
				}
			}
		})
		j.expect(t, "terminates: shutdown")
		if n := len(sys.Stuck()); n != 2 || !parent.PID().Alive() {
			t.Errorf("%d are stuck, want 2; parent: %v", n, parent.PID().Err())
		}
		close(release)
		settle()
	})
}

// Kill as the reason does not wait for an end in order. An actor that traps exits obeys its
// parent, but nobody else.
func TestStopAllAtOnceAndFromOutside(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		a, b := start(t, sys, &script{}), start(t, sys, &script{})
		trapping(t, b)
		begin := time.Now()
		late, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if killed := actor.StopAll(late, []actor.PID{a.PID(), b.PID()}, actor.Shutdown, time.Second); !slices.Equal(killed, []actor.PID{b.PID()}) {
			t.Errorf("killed %v, want the one that traps", killed)
		}
		c := start(t, sys, &script{})
		if killed := actor.StopAll(t.Context(), []actor.PID{c.PID()}, actor.Kill, time.Second); !slices.Equal(killed, []actor.PID{c.PID()}) {
			t.Errorf("killed %v", killed)
		}
		if took := time.Since(begin); took != time.Second {
			t.Errorf("took %v", took)
		}
		if killed := actor.StopAll(t.Context(), nil, nil, 0); killed != nil {
			t.Error(killed)
		}
	})
}

// An actor that is killed while it stops others waits no longer; its links take them along.
func TestStopAllEndsWithItsActor(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		parent := start(t, sys, &script{})
		parent.Send(func(ctx *doContext) error {
			kid, err := actor.SpawnLink(ctx, behave(&scriptInit{init: func(kid *doContext) error { kid.TrapExit(true); return nil },
				script: script{terminate: func(ctx *doContext, reason error) { <-ctx.Done(); j.add("kid: %v", reason) }}}))
			if err != nil {
				t.Error(err)
			}
			actor.StopAll(ctx, []actor.PID{kid.PID()}, nil, time.Hour)
			j.add("returned")
			kid.PID().Exit(actor.Kill)
			return nil
		})
		settle()
		parent.PID().Exit(actor.Kill)
		settle()
		j.expect(t, "returned", "kid: shutdown")
	})
}
